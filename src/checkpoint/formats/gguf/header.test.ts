// GGUF headers: read as huggingface.js reads them, and hostile ones refused at once, by name, in little memory.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GGMLQuantizationType, gguf } from '@huggingface/gguf';
import { afterAll, describe, expect, it } from 'vitest';
import { errorOf } from '../../checkpoint.fixture.ts';
import { type GgufToWrite, ggufBytes, type TensorToPut, TINY_GGUF, text, u32, u64 } from './gguf-file.fixture.ts';
import { readGgufHeader } from './header.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-gguf-header-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function written(content: GgufToWrite | Uint8Array): string {
  const path = join(scratch, 'a.gguf');
  writeFileSync(path, content instanceof Uint8Array ? content : ggufBytes(content));
  return path;
}

const F32 = 0;
const tensor = (name: string, change: Partial<TensorToPut> = {}): TensorToPut => ({
  name,
  type: F32,
  shape: [2, 3],
  data: new Uint8Array(24),
  ...change,
});

describe('header of a GGUF file', () => {
  it('is what huggingface.js reads', async () => {
    const wanted = await gguf(TINY_GGUF, { allowLocalFile: true });
    const { version, kv_count: keyCount, tensor_count: tensorCount, ...metadata } = wanted.metadata;
    const header = readGgufHeader(TINY_GGUF);
    expect(header.version).toBe(version);
    expect(header.metadata.size).toBe(Number(keyCount));
    expect(header.tensors.size).toBe(Number(tensorCount));
    for (const [key, value] of header.metadata) {
      const plain = typeof value === 'object' ? Array.from<unknown>(value) : value;
      expect(plain, key).toEqual((metadata as Record<string, unknown>)[key]);
    }
    expect(Object.keys(metadata).sort()).toEqual([...header.metadata.keys()].sort());
    const infos = wanted.tensorInfos.map(({ name, dtype, shape, offset }) => [
      name,
      GGMLQuantizationType[dtype],
      shape.map(Number).reverse(),
      Number(wanted.tensorDataOffset) + Number(offset),
    ]);
    expect([...header.tensors].map(([name, t]) => [name, t.type, t.shape, t.offsetBytes])).toEqual(infos);
  });

  it('may be of version 2, have another alignment, and integers of 64 bits', () => {
    const rawMetadata = Buffer.concat([text('n'), u32(11), u64(2n ** 64n - 5n), text('m'), u32(10), u64(2n ** 63n)]);
    const metadata = [['general.alignment', 64]] as const;
    const tensors = [tensor('a'), tensor('b')];
    const path = written({ version: 2, metadata, keyCount: 3, rawMetadata, tensors, alignment: 64 });
    const header = readGgufHeader(path);
    expect(header.version).toBe(2);
    expect(header.metadata.get('n')).toBe(-5);
    expect(header.metadata.get('m')).toBe(2n ** 63n);
    const [a, b] = [...header.tensors.values()];
    expect(a!.offsetBytes % 64).toBe(0);
    expect(b!.offsetBytes).toBe(a!.offsetBytes + 64);
  });

  it('may be longer than the window that it is read through', () => {
    const long = 'x'.repeat(3_000_000);
    const path = written({
      metadata: [
        ['a', long],
        ['b', ['y', long, '']],
      ],
      tensors: [tensor('t')],
    });
    const header = readGgufHeader(path);
    expect(header.metadata.get('a')).toBe(long);
    expect(header.metadata.get('b')).toEqual(['y', long, '']);
  });
});

const HUGE = 2n ** 64n - 1n;
const array = (type: number, length: number | bigint, ...rest: Uint8Array[]): Uint8Array =>
  Buffer.concat([text('k'), u32(9), u32(type), u64(length), ...rest]);
const raw = (rawMetadata: Uint8Array): GgufToWrite => ({ rawMetadata, keyCount: 1 });
const nested = (depth: number): Uint8Array =>
  Buffer.concat([text('k'), u32(9), ...Array.from({ length: depth }, () => Buffer.concat([u32(9), u64(1)])), u32(0)]);

describe('hostile headers', () => {
  it.each<[string, GgufToWrite | Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /the file is empty/],
    ['a text', Buffer.from('qwen2'), /does not begin as a GGUF file/],
    ['another file', Buffer.from('PAR1, which is no GGUF file'), /Parquet/],
    ['a magic number alone', Buffer.from('GGUF'), /cut off, or a length in it lies.*version/s],
    ['version 1', { version: 1 }, /version 1/],
    ['version 4', { version: 4 }, /version 4/],
    ['big-endian', { version: 0x0300_0000 }, /big-endian/],
    ['a billion keys', { keyCount: 1_000_000_000 }, /more metadata than any/],
    ['2^64 keys', { keyCount: HUGE }, /more metadata than any/],
    ['a billion tensors', { tensorCount: 1_000_000_000 }, /more tensors than any/],
    ['2^64 tensors', { tensorCount: HUGE }, /more tensors than any/],
    ['tensors that are not there', { tensorCount: 90_000 }, /cut off, or a length in it lies/],
    ['keys that are not there', { keyCount: 9_000 }, /cut off, or a length in it lies/],
    ['a key longer than the file', raw(u64(1_000_000_000)), /within the file's/],
    ['a key of 2^64 bytes', raw(u64(HUGE)), /within the file's/],
    ['an empty key', raw(Buffer.concat([text(''), u32(4), u32(1)])), /empty or too long/],
    [
      'a key twice',
      {
        metadata: [
          ['a', 1],
          ['a', 2],
        ],
      },
      /a key twice/,
    ],
    ['a key that is not UTF-8', raw(Buffer.concat([u64(1), Uint8Array.of(0xff), u32(4), u32(1)])), /not UTF-8/],
    ['a value longer than the file', raw(Buffer.concat([text('k'), u32(8), u64(2n ** 53n)])), /within the file's/],
    ['a value of no type', raw(Buffer.concat([text('k'), u32(13), u64(0)])), /unknown type/],
    ['a truth value of 2', raw(Buffer.concat([text('k'), u32(7), Uint8Array.of(2)])), /neither 0 nor 1/],
    ['an array of truth values of 2', raw(array(7, 2, Uint8Array.of(1, 2))), /neither 0 nor 1/],
    ['an array of a billion texts', raw(array(8, 1_000_000_000)), /longer than the header/],
    ['an array of 2^64 bytes', raw(array(0, HUGE)), /longer than the header/],
    ['an array of 2^61 numbers of 64 bits', raw(array(10, 2n ** 61n)), /longer than the header/],
    ['more texts than any vocabulary', raw(array(8, 1_000_001, new Uint8Array(8_000_008))), /more texts than any/],
    ['an array of no type', raw(array(99, 1)), /unknown type/],
    ['arrays in arrays', raw(nested(2)), /arrays of arrays/],
    ['arrays in arrays, deeply', raw(nested(100_000)), /arrays of arrays/],
    ['alignment 0', { metadata: [['general.alignment', 0]] }, /no alignment/],
    ['alignment 48', { metadata: [['general.alignment', 48]] }, /no alignment/],
    ['alignment 2^31', { metadata: [['general.alignment', 2 ** 31]] }, /no alignment/],
    ['an alignment that is a text', { metadata: [['general.alignment', '32']] }, /no alignment/],
    ['a tensor twice', { tensors: [tensor('t'), tensor('t')] }, /a tensor twice/],
    ['a tensor of rank 0', { tensors: [tensor('t', { shape: [] })] }, /1 to 4 dimensions/],
    ['a tensor of rank 5', { tensors: [tensor('t', { shape: [1, 1, 1, 2, 3] })] }, /1 to 4 dimensions/],
    ['a tensor without elements', { tensors: [tensor('t', { shape: [0, 3] })] }, /empty or larger/],
    ['a dimension of 2^64', { tensors: [tensor('t', { shape: [HUGE] })] }, /empty or larger/],
    [
      'dimensions whose product overflows',
      { tensors: [tensor('t', { shape: [2 ** 32, 2 ** 32] })] },
      /empty or larger/,
    ],
    [
      'four dimensions of 2^16',
      { tensors: [tensor('t', { shape: [65_536, 65_536, 65_536, 65_536] })] },
      /empty or larger/,
    ],
    ['a tensor larger than the file', { tensors: [tensor('t', { shape: [2 ** 40] })] }, /after the end of the file/],
    ['a row of broken blocks', { tensors: [tensor('t', { type: 2, shape: [32, 16] })] }, /no whole number of blocks/],
    ['an offset before the last end', { tensors: [tensor('t'), tensor('u', { offset: 0 })] }, /does not begin where/],
    ['an offset that leaves a hole', { tensors: [tensor('t'), tensor('u', { offset: 64 })] }, /does not begin where/],
    ['an offset off the alignment', { tensors: [tensor('t'), tensor('u', { offset: 24 })] }, /does not begin where/],
    ['an offset of 2^64', { tensors: [tensor('t', { offset: HUGE })] }, /does not begin where/],
    [
      'bytes after the end',
      Buffer.concat([ggufBytes({ tensors: [tensor('t')] }), new Uint8Array(33)]),
      /belong to none/,
    ],
    ['a cut file', ggufBytes({ tensors: [tensor('t')] }).subarray(0, -16), /after the end of the file/],
    ['type IQ4_XS', { tensors: [tensor('t', { type: 23 })] }, /not read: IQ4_XS/],
    ['type MXFP4', { tensors: [tensor('t', { type: 39 })] }, /not read: MXFP4/],
    [
      'types TQ1_0 and NVFP4',
      { tensors: [tensor('t', { type: 34 }), tensor('u', { type: 40 })] },
      /not read: NVFP4, TQ1_0/,
    ],
    ['type F64', { tensors: [tensor('t', { type: 28 })] }, /not read: F64/],
    ['a retired type', { tensors: [tensor('t', { type: 31 })] }, /not read: Q4_0_4_4 \(retired\)/],
    ['a type of the future', { tensors: [tensor('t', { type: 1000 })] }, /not read: type 1000/],
  ])('with %s are refused', (_, content, message) => {
    const path = written(content);
    const error = errorOf(() => readGgufHeader(path));
    expect(error.message).toMatch(message);
    expect(['GGUF_HEADER', 'QUANTISED_UNSUPPORTED']).toContain(error.code);
  });

  it('are read no further than 32 MiB', () => {
    const path = written(raw(array(10, 6_000_000)));
    truncateSync(path, 2 ** 40);
    expect(() => readGgufHeader(path)).toThrow(/longer than the header/);
    written(raw(Buffer.concat([text('k'), u32(8), u64(40_000_000)])));
    truncateSync(path, 2 ** 40);
    expect(() => readGgufHeader(path)).toThrow(/longer than any that is read/);
  });
});
