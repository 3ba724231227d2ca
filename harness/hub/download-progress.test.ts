// Facts about what stderr says during a download.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { DownloadEvent } from './download.ts';
import { createDownloadProgress } from './download-progress.ts';

const EVENTS: readonly DownloadEvent[] = [
  { kind: 'pinned', commit: 'c0ffee', files: 2, totalBytes: 3 * 2 ** 30 },
  { kind: 'present', file: 'config.json', bytes: 700 },
  { kind: 'started', file: 'model.safetensors', resumedAt: 2 ** 30, sizeBytes: 2 ** 30 },
  { kind: 'received', file: 'model.safetensors', bytes: 1.5 * 2 ** 30 },
  { kind: 'retrying', retry: 2, waitMs: 2000, reason: 'the hub answered 503' },
  { kind: 'finished', file: 'model.safetensors' },
];

function written(isTTY: boolean): string {
  let text = '';
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 160 });
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const progress = createDownloadProgress(stream as unknown as NodeJS.WriteStream);
  for (const event of EVENTS) progress.onEvent(event);
  progress.close();
  return text;
}

describe('the progress of a download', () => {
  it('is a line per file in a log, with what was resumed and retried', () => {
    expect(written(false).split('\n')).toEqual([
      'commit c0ffee: 2 files, 3.0 GiB',
      'config.json: there and right',
      'model.safetensors: 1.0 GiB, resumed at 1.0 GiB',
      'the hub answered 503; retry 2 in 2 s',
      'model.safetensors: received and checked',
      '',
    ]);
  });

  it('is a bar on a terminal', () => {
    const text = written(true);
    expect(text).toContain('commit c0ffee: 2 files, 3.0 GiB\n');
    expect(text).toContain('0 B of 3.0 GiB');
    expect(text).toContain('checking');
    expect(text).not.toContain('received and checked');
  });

  it('writes nothing more after a close without a start', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 160 });
    createDownloadProgress(stream as unknown as NodeJS.WriteStream).close();
    expect(stream.readableLength).toBe(0);
  });
});
