// Facts about making folders and replacing files where the system refuses.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeFolder } from './make-folder.ts';
import { replaceFile } from './replace-file.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-files-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('makeFolder', () => {
  it('makes every folder that is missing, and is content with one that is there', () => {
    const folder = path.join(scratch, 'a', 'b', 'c');
    makeFolder(folder);
    makeFolder(folder);
    expect(readdirSync(path.join(scratch, 'a', 'b'))).toEqual(['c']);
  });

  it('follows links to folders', () => {
    mkdirSync(path.join(scratch, 'real'));
    symlinkSync('real', path.join(scratch, 'link'));
    makeFolder(path.join(scratch, 'link', 'inside'));
    expect(readdirSync(path.join(scratch, 'real'))).toEqual(['inside']);
  });

  it('names the file that is in the way', () => {
    writeFileSync(path.join(scratch, 'file'), '');
    expect(() => makeFolder(path.join(scratch, 'file'))).toThrow(/ENOTDIR.*file/);
    expect(() => makeFolder(path.join(scratch, 'file', 'below'))).toThrow(/ENOTDIR.*file/);
  });

  it('refuses an empty link target', () => {
    symlinkSync('nowhere', path.join(scratch, 'dangling'));
    expect(() => makeFolder(path.join(scratch, 'dangling', 'x'))).toThrow(/ENOENT|EEXIST/);
  });
});

describe('replaceFile', () => {
  const file = path.join(scratch, 'replaced');
  const left = (): string[] => readdirSync(scratch).filter((name) => name.startsWith('replaced'));

  it('writes texts, bytes and pieces', () => {
    replaceFile(file, 'text');
    expect(readFileSync(file, 'utf8')).toBe('text');
    replaceFile(file, new Uint8Array([1, 2]).subarray(1));
    expect([...readFileSync(file)]).toEqual([2]);
    replaceFile(file, (write) => {
      write(Float32Array.of(1));
      write(Uint8Array.of(7));
    });
    expect([...readFileSync(file)]).toEqual([0, 0, 128, 63, 7]);
    expect(left()).toEqual(['replaced']);
  });

  it('keeps the file that was there when writing fails in the middle', () => {
    replaceFile(file, 'old');
    const fails = (): void =>
      replaceFile(file, (write) => {
        write(Buffer.from('ne'));
        throw new Error('stopped');
      });
    expect(fails).toThrow('stopped');
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(left()).toEqual(['replaced']);
  });

  it('may be called again while it writes the same file', () => {
    replaceFile(file, (write) => {
      replaceFile(file, 'inner');
      write(Buffer.from('outer'));
    });
    expect(readFileSync(file, 'utf8')).toBe('outer');
    expect(left()).toEqual(['replaced']);
  });

  it('leaves nothing where the name is a folder', () => {
    mkdirSync(path.join(scratch, 'replaced-folder'));
    expect(() => replaceFile(path.join(scratch, 'replaced-folder'), 'x')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(left().filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
