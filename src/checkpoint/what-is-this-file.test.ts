// File kinds: each is told by the bytes that its own writer puts first (heads as written by torch 2.13, NumPy 2.4, CPython 3.11).
import { describe, expect, it } from 'vitest';
import { whatIsThisFile } from './what-is-this-file.ts';

/** Latin-1 text as bytes; the heads below are copied from files. */
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** The local header of a zip archive's first entry, up to its name. */
const zip = (name: string): Uint8Array =>
  bytes(
    `PK\x03\x04\x14\0\0\0\0\0\0\0!\0R~2\xbf\xff\xff\xff\xff\xff\xff\xff\xff${String.fromCharCode(name.length)}\0\x14\0${name}`,
  );

const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 3422216\n';

describe('whatIsThisFile', () => {
  it.each([
    { name: 'a pointer of git-lfs', head: bytes(POINTER), kind: 'git-lfs', hint: 'git lfs pull' },
    { name: 'torch.save', head: zip('model/data.pkl'), kind: 'pytorch', hint: 'torch.load("some/file"' },
    {
      name: 'torch.save before 1.6',
      head: bytes('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'),
      kind: 'pytorch',
      hint: 'torch.load',
    },
    { name: 'torch.jit.save', head: zip('jit/data/0'), kind: 'pytorch', hint: 'torch.load' },
    { name: 'numpy.savez', head: zip('logits.npy'), kind: 'npz', hint: 'numpy.load("some/file")' },
    {
      name: 'numpy.save',
      head: bytes("\x93NUMPY\x01\0v\0{'descr': '<f4'"),
      kind: 'npy',
      hint: 'numpy.load("some/file")',
    },
    { name: 'another zip archive', head: zip('g.gz'), kind: 'zip', hint: 'unpack' },
    {
      name: 'pickle, protocol 2',
      head: bytes('\x80\x02}q\0X\x01\0\0\0aq\x01K\x01s.'),
      kind: 'pickle',
      hint: 'safetensors',
    },
    {
      name: 'pickle, protocol 4',
      head: bytes('\x80\x04\x95\n\0\0\0\0\0\0\0}\x94'),
      kind: 'pickle',
      hint: 'safetensors',
    },
    { name: 'GGUF', head: bytes('GGUF\x03\0\0\0'), kind: 'gguf', hint: '--weights' },
    { name: 'HDF5', head: bytes('\x89HDF\r\n\x1a\n'), kind: 'hdf5', hint: 'safetensors' },
    { name: 'gzip', head: bytes('\x1f\x8b\x08\x08'), kind: 'gzip', hint: 'unpack' },
    { name: 'tar', head: bytes(`${'a'.padEnd(257, '\0')}ustar\x0000`), kind: 'tar', hint: 'unpack' },
    { name: 'a page', head: bytes('\n <!DOCTYPE html><html lang="en">'), kind: 'html', hint: 'download it again' },
    {
      name: 'a page after a byte order mark',
      head: bytes('\xef\xbb\xbf<html>'),
      kind: 'html',
      hint: 'download it again',
    },
    {
      name: "a store's error",
      head: bytes('<?xml version="1.0"?><Error><Code>AccessDenied'),
      kind: 'xml',
      hint: 'signed in',
    },
    { name: "the hub's error", head: bytes('{"error":"Repository not found"}'), kind: 'refusal', hint: 'signed in' },
    { name: "the hub's words", head: bytes('Entry not found'), kind: 'refusal', hint: 'signed in' },
    { name: 'UTF-16', head: bytes('\xff\xfe{\0"\0'), kind: 'utf-16', hint: 'UTF-8' },
    { name: 'nothing', head: bytes(''), kind: 'empty', hint: 'again' },
    { name: 'zeros', head: new Uint8Array(512), kind: 'zeros', hint: 'again' },
  ])('knows $name', ({ head, kind, hint }) => {
    const found = whatIsThisFile(head, 'some/file');
    expect(found?.kind).toBe(kind);
    expect(found?.hint).toContain(hint);
  });

  it.each([
    { name: 'safetensors', head: bytes('x\0\0\0\0\0\0\0{"a":{"dtype":"F32"') },
    { name: 'a safetensors header as long as gzip begins', head: bytes('\x1f\x8b\0\0\0\0\0\0{"a":{') },
    { name: 'a safetensors header as long as a pickle begins', head: bytes('\x80\x02\0\0\0\0\0\0{"a":{') },
    { name: 'a config', head: bytes('{\n  "architectures": [') },
    { name: 'a tensor named like an error', head: bytes('{"error_rate": 1}') },
    { name: 'bytes of any kind', head: bytes('\x01\x02\x03\x04') },
  ])('says nothing of $name', ({ head }) => {
    expect(whatIsThisFile(head, 'some/file')).toBeUndefined();
  });
});
