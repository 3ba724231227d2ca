// What stderr says while a checkpoint is downloaded: a bar on a terminal, a line per file elsewhere.
import { SingleBar } from 'cli-progress';
import { formatBytes } from '../report/format.ts';
import type { DownloadEvent } from './download.ts';

export interface DownloadProgress {
  onEvent(event: DownloadEvent): void;
  close(): void;
}

/** @param stream - where to write; a bar is drawn on a terminal only. */
export function createDownloadProgress(stream: NodeJS.WriteStream): DownloadProgress {
  if (stream.isTTY) return barProgress(stream);
  return {
    onEvent(event) {
      const line = lineOf(event);
      if (line !== undefined) stream.write(`${line}\n`);
    },
    close: () => undefined,
  };
}

/** @returns what a log says of an event; nothing of each received chunk. */
export function lineOf(event: DownloadEvent): string | undefined {
  switch (event.kind) {
    case 'pinned':
      return `commit ${event.commit}: ${event.files} files, ${formatBytes(event.totalBytes)}`;
    case 'present':
      return `${event.file}: there and right`;
    case 'started':
      return `${event.file}: ${formatBytes(event.sizeBytes)}${event.resumedAt > 0 ? `, resumed at ${formatBytes(event.resumedAt)}` : ''}`;
    case 'retrying':
      return `${event.reason}; retry ${event.retry} in ${event.waitMs / 1000} s`;
    case 'finished':
      return `${event.file}: received and checked`;
    case 'received':
      return undefined;
  }
}

function barProgress(stream: NodeJS.WriteStream): DownloadProgress {
  const bar = new SingleBar({
    stream,
    format: '{bar} {done} of {all}  {eta_formatted} left  {what}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 100,
  });
  return {
    onEvent(event) {
      if (event.kind === 'pinned') {
        stream.write(`${lineOf(event)}\n`);
        bar.start(event.totalBytes, 0, { done: formatBytes(0), all: formatBytes(event.totalBytes), what: 'checking' });
      } else if (event.kind === 'retrying') {
        bar.update({ what: lineOf(event) });
      } else if (event.kind === 'received' || event.kind === 'present') {
        bar.update(event.bytes, { done: formatBytes(event.bytes), what: event.file });
      }
    },
    close() {
      bar.stop();
    },
  };
}
