// Opening files of a checkpoint: what is no regular file is refused before it is opened, what is no JSON is called by its name.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { QwenPccError } from '../errors.ts';
import { readJsonFile, requireRegularFile } from './files.ts';
import { openRows } from './row-reader.ts';
import { readSafetensorsHeader } from './safetensors.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-files-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function written(name: string, content: string | Uint8Array): string {
  const path = join(scratch, name);
  writeFileSync(path, content);
  return path;
}

function errorOf(action: () => unknown): QwenPccError {
  try {
    action();
  } catch (error) {
    return error as QwenPccError;
  }
  throw new Error('no error was thrown');
}

const READ = { code: 'SOME_JSON', hint: 'some hint' };

describe('what is no regular file', () => {
  const pipe = join(scratch, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const folder = join(scratch, 'folder');
  mkdirSync(folder);

  it.each([
    { name: 'a named pipe', path: pipe },
    { name: 'a device', path: '/dev/zero' },
    { name: 'a folder', path: folder },
  ])('is refused before it is opened: $name', async ({ name, path }) => {
    const refused = { code: 'FILE_KIND', facts: { found: name } };
    expect(errorOf(() => requireRegularFile(path))).toMatchObject(refused);
    expect(errorOf(() => readSafetensorsHeader(path))).toMatchObject(refused);
    expect(errorOf(() => readJsonFile(path, READ))).toMatchObject(refused);
    const tensor = { kind: 'plain', dtype: 'F32', shape: [1, 1], offsetBytes: 0, lengthBytes: 4, file: path } as const;
    await expect(openRows([{ tensor, firstRow: 0, rows: 1 }], 4)).rejects.toMatchObject(refused);
  });

  it('says where a link points to that is not there', () => {
    const link = join(scratch, 'link');
    symlinkSync('../blobs/4d7a21', link);
    const { code, message } = errorOf(() => requireRegularFile(link));
    expect(code).toBe('FILE_UNREADABLE');
    expect(message).toContain('a link to ../blobs/4d7a21, which is not there');
  });

  it('says that the folder is not there either', () => {
    expect(errorOf(() => requireRegularFile(join(scratch, 'none', 'file'))).hint).toContain(
      `there is no folder ${join(scratch, 'none')}`,
    );
  });
});

describe('readJsonFile', () => {
  it('parses', () => {
    expect(readJsonFile(written('good.json', '{"a":1}'), READ)).toEqual({ a: 1 });
  });

  it.each([
    {
      name: 'git-lfs.json',
      content: 'version https://git-lfs.github.com/spec/v1\noid sha256:4d\n',
      says: 'git lfs pull',
    },
    { name: 'page.json', content: '<!doctype html><html>', says: 'a web page (HTML)' },
    { name: 'empty.json', content: '', says: 'the file is empty' },
    { name: 'bom.json', content: '\ufeff{"a":1}', says: 'byte order mark' },
    { name: 'utf-16.json', content: Buffer.from('\ufeff{"a":1}', 'utf16le'), says: 'UTF-16' },
    { name: 'cut.json', content: '{"a":', says: 'some hint' },
  ])('says what $name is, under the code asked for', ({ name, content, says }) => {
    const path = written(name, content);
    const { code, message } = errorOf(() => readJsonFile(path, READ));
    expect(code).toBe('SOME_JSON');
    expect(message).toContain(says);
    expect(message).toContain(path);
  });
});

describe('readSafetensorsHeader', () => {
  it.each([
    {
      name: 'pointer.safetensors',
      content: 'version https://git-lfs.github.com/spec/v1\noid sha256:4d\n',
      says: 'git lfs pull',
    },
    {
      name: 'torch.safetensors',
      content: Buffer.from(`PK\x03\x04${'\0'.repeat(22)}\x0e\0\0\0model/data.pkl`, 'latin1'),
      says: 'a PyTorch file',
    },
    { name: 'gguf.safetensors', content: 'GGUF\x03\0\0\0', says: 'a GGUF file' },
    { name: 'empty.safetensors', content: '', says: 'the file is empty' },
  ])('says what $name is', ({ name, content, says }) => {
    const path = written(name, content);
    const { code, message } = errorOf(() => readSafetensorsHeader(path));
    expect(code).toBe('SAFETENSORS_KIND');
    expect(message).toContain(says);
  });
});
