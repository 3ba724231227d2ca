// Safetensors: what is written is read back; every way a header can lie is its own error.
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError, InternalError, UnsupportedError } from '../errors.ts';
import { type FileContent, headerOfMany, writeRawSafetensors } from './raw-safetensors.fixture.ts';
import {
  readSafetensorsHeader,
  readTensor,
  readTensorFloat32,
  readTensorInt32,
  writeSafetensors,
} from './safetensors.ts';
import { createSafetensorsStream } from './safetensors-stream.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-safetensors-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const file = (content: FileContent): string => writeRawSafetensors(scratch, content);

const a = (dtype: string, shape: string, offsets: string): string =>
  `{"a":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`;
const ab = (offsetsA: string, offsetsB: string): string =>
  `{"a":{"dtype":"F32","shape":[2],"data_offsets":${offsetsA}},"b":{"dtype":"F32","shape":[2],"data_offsets":${offsetsB}}}`;

describe('readSafetensorsHeader', () => {
  it.each([
    { name: 'no tensor at all', header: '{}', dataBytes: 0, tensors: 0 },
    { name: 'spaces after the JSON', header: `${a('F32', '[1]', '[0,4]')}     `, dataBytes: 4, tensors: 1 },
    { name: 'a scalar', header: a('F32', '[]', '[0,4]'), dataBytes: 4, tensors: 1 },
    { name: 'a tensor of no elements', header: a('F32', '[0,3]', '[0,0]'), dataBytes: 0, tensors: 1 },
    { name: 'tensors named in another order than they lie', header: ab('[8,16]', '[0,8]'), dataBytes: 16, tensors: 2 },
    { name: 'equal keys of different objects', header: ab('[0,8]', '[8,16]'), dataBytes: 16, tensors: 2 },
    {
      name: 'a name like an object member',
      header: a('F32', '[1]', '[0,4]').replace('"a"', '"__proto__"'),
      dataBytes: 4,
      tensors: 1,
    },
    {
      name: 'braces, quotes and commas in names',
      header: a('F32', '[1]', '[0,4]').replace('"a"', '"{\\"[,:a"'),
      dataBytes: 4,
      tensors: 1,
    },
  ])('accepts $name', ({ header, dataBytes, tensors }) => {
    expect(readSafetensorsHeader(file({ header, dataBytes })).tensors.size).toBe(tensors);
  });

  it.each([
    {
      name: 'a header of more than 25 MB',
      input: { header: '{}', headerBytes: 25_000_001n },
      code: 'HEADER_LENGTH',
    },
    {
      name: 'a header length of 2^64 - 1',
      input: { header: '{}', headerBytes: 2n ** 64n - 1n },
      code: 'HEADER_LENGTH',
    },
    { name: 'a header longer than the file', input: { header: '{}', headerBytes: 3n }, code: 'TRUNCATED' },
    { name: 'a header of no bytes', input: { header: '' }, code: 'JSON' },
    { name: 'a header that does not begin with a brace', input: { header: ' {}' }, code: 'JSON' },
    { name: 'a header that is not UTF-8', input: { header: Buffer.from([0x7b, 0xff, 0x7d]) }, code: 'JSON' },
    { name: 'broken JSON', input: { header: '{"a":' }, code: 'JSON' },
    { name: 'JSON nested deeper than a header is', input: { header: '{"a":{"shape":[[1]]}}' }, code: 'JSON' },
    { name: 'JSON nested ten thousand levels', input: { header: `{"a":${'['.repeat(10_000)}` }, code: 'JSON' },
    {
      name: 'a tensor named twice',
      input: { header: `${ab('[0,8]', '[8,16]').replace('"b"', '"a"')}`, dataBytes: 16 },
      code: 'DUPLICATE',
    },
    {
      name: 'a tensor named twice, once by escapes',
      input: { header: ab('[0,8]', '[8,16]').replace('"b"', '"\\u0061"'), dataBytes: 16 },
      code: 'DUPLICATE',
    },
    {
      name: 'a field given twice',
      input: { header: a('F32', '[1]', '[0,4]').replace('"shape"', '"dtype":"F16","shape"'), dataBytes: 4 },
      code: 'DUPLICATE',
    },
    { name: 'metadata that are no strings', input: { header: '{"__metadata__":{"a":1}}' }, code: 'METADATA' },
    { name: 'a tensor that is no object', input: { header: '{"a":3}' }, code: 'ENTRY' },
    { name: 'an unknown dtype', input: { header: a('Q4', '[1]', '[0,4]'), dataBytes: 4 }, code: 'DTYPE' },
    {
      name: 'a dtype named like an object member',
      input: { header: a('constructor', '[1]', '[0,4]'), dataBytes: 4 },
      code: 'DTYPE',
    },
    { name: 'a negative side', input: { header: a('F32', '[-1]', '[0,4]'), dataBytes: 4 }, code: 'SHAPE' },
    { name: 'a side that is no integer', input: { header: a('F32', '[1.5]', '[0,6]'), dataBytes: 6 }, code: 'SHAPE' },
    {
      name: 'a shape that overflows',
      input: { header: a('F32', '[4294967296,4294967296]', '[0,4]'), dataBytes: 4 },
      code: 'SHAPE',
    },
    {
      name: 'a missing shape',
      input: { header: '{"a":{"dtype":"F32","data_offsets":[0,4]}}', dataBytes: 4 },
      code: 'SHAPE',
    },
    { name: 'a negative offset', input: { header: a('F32', '[1]', '[-4,0]'), dataBytes: 4 }, code: 'OFFSETS' },
    { name: 'descending offsets', input: { header: a('F32', '[1]', '[4,0]'), dataBytes: 4 }, code: 'OFFSETS' },
    { name: 'one offset', input: { header: a('F32', '[1]', '[0]'), dataBytes: 4 }, code: 'OFFSETS' },
    {
      name: 'offsets after the end of the file',
      input: { header: a('F32', '[2]', '[0,8]'), dataBytes: 7 },
      code: 'TRUNCATED',
    },
    {
      name: 'fewer bytes than the shape needs',
      input: { header: a('F32', '[2]', '[0,4]'), dataBytes: 4 },
      code: 'LENGTH',
    },
    { name: 'another dtype than the bytes', input: { header: a('F16', '[2]', '[0,8]'), dataBytes: 8 }, code: 'LENGTH' },
    { name: 'overlapping tensors', input: { header: ab('[0,8]', '[4,12]'), dataBytes: 12 }, code: 'OVERLAP' },
    { name: 'two tensors in the same place', input: { header: ab('[0,8]', '[0,8]'), dataBytes: 8 }, code: 'OVERLAP' },
    { name: 'a hole between tensors', input: { header: ab('[0,8]', '[12,20]'), dataBytes: 20 }, code: 'HOLE' },
    { name: 'a hole before the first tensor', input: { header: a('F32', '[1]', '[4,8]'), dataBytes: 8 }, code: 'HOLE' },
    { name: 'bytes after the last tensor', input: { header: a('F32', '[1]', '[0,4]'), dataBytes: 5 }, code: 'HOLE' },
  ])('refuses $name', ({ input, code }) => {
    const path = file(input);
    expect(() => readSafetensorsHeader(path)).toThrow(InputError);
    expect(() => readSafetensorsHeader(path)).toThrow(expect.objectContaining({ code: `SAFETENSORS_${code}` }));
    expect(() => readSafetensorsHeader(path)).toThrow(path);
  });

  it('parses before it scans', () => {
    // Scanned first, this would be refused for its depth.
    const deepAndCut = file({ header: `{"a":${'['.repeat(10)}` });
    expect(() => readSafetensorsHeader(deepAndCut)).toThrow(/the header is not JSON/);
  });

  it.each([1, 7])('refuses a file of %i bytes', (bytes) => {
    const path = join(scratch, `short-${bytes}`);
    writeFileSync(path, Buffer.alloc(bytes));
    expect(() => readSafetensorsHeader(path)).toThrow(expect.objectContaining({ code: 'SAFETENSORS_TRUNCATED' }));
  });

  it('refuses a missing file and a folder', () => {
    const refused = (code: string): unknown => expect.objectContaining({ code });
    expect(() => readSafetensorsHeader(join(scratch, 'none'))).toThrow(refused('FILE_UNREADABLE'));
    expect(() => readSafetensorsHeader(scratch)).toThrow(refused('FILE_KIND'));
  });
});

describe('writeSafetensors', () => {
  const tensors = [
    { name: 'ids', dtype: 'I32' as const, shape: [3], data: Int32Array.of(-1, 2, 3) },
    { name: 'odd', dtype: 'BF16' as const, shape: [3], data: Uint16Array.of(0x3f80, 0xc000, 0x7f80) },
    { name: 'wide', dtype: 'F64' as const, shape: [1], data: Float64Array.of(Math.PI) },
    { name: 'rows', dtype: 'F32' as const, shape: [2, 2], data: Float32Array.of(0.5, 1.5, -2, 3) },
  ];

  it('is read back, each tensor aligned to its element size', () => {
    const path = join(scratch, 'written.safetensors');
    writeSafetensors(path, tensors, { made: 'here' });
    const header = readSafetensorsHeader(path);
    expect(header.metadata).toEqual({ made: 'here' });
    expect([...readTensorInt32(header, 'ids')]).toEqual([-1, 2, 3]);
    expect([...readTensorFloat32(header, 'odd')]).toEqual([1, -2, Number.POSITIVE_INFINITY]);
    expect([...readTensorFloat32(header, 'rows')]).toEqual([0.5, 1.5, -2, 3]);
    expect(
      [...header.tensors].filter(([, { offsetBytes, dtype }]) => dtype === 'F64' && offsetBytes % 8 !== 0),
    ).toEqual([]);
    expect([...header.tensors.keys()]).toEqual(['wide', 'ids', 'rows', 'odd']);
  });

  it('gives the same bytes whatever the order of the arguments', () => {
    const [one, two] = [join(scratch, 'one'), join(scratch, 'two')];
    writeSafetensors(one, tensors);
    writeSafetensors(two, [...tensors].reverse());
    expect(readFileSync(two)).toEqual(readFileSync(one));
  });

  it('leaves no temporary file and keeps the old file when it fails', () => {
    const folder = mkdtempSync(join(scratch, 'fails-'));
    const path = join(folder, 'kept.safetensors');
    writeFileSync(path, 'old');
    const unreadable = {
      get byteLength(): number {
        throw new Error('disk full');
      },
    } as unknown as Uint8Array;
    const broken = [{ name: 'a', dtype: 'U8' as const, shape: [1], data: unreadable }];
    expect(() => writeSafetensors(path, broken)).toThrow(expect.objectContaining({ code: 'FILE_WRITE' }));
    expect(readdirSync(folder)).toEqual(['kept.safetensors']);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  it('refuses two tensors of one name', () => {
    const one = tensors[0]!;
    expect(() => writeSafetensors(join(scratch, 'twice'), [one, one])).toThrow(InternalError);
  });

  it('names the folder it cannot write into', () => {
    expect(() => writeSafetensors(join(scratch, 'no/such/folder'), [])).toThrow(/no\/such\/folder/);
  });
});

describe('createSafetensorsStream', () => {
  it('writes tensors that arrive in pieces', () => {
    const path = join(scratch, 'stream.safetensors');
    const stream = createSafetensorsStream(path);
    for (const row of [0, 1, 2]) stream.append(Float32Array.of(row, row + 0.5));
    stream.append(Int32Array.of(7));
    stream.finish(
      [
        { name: 'rows', dtype: 'F32', shape: [3, 2] },
        { name: 'ids', dtype: 'I32', shape: [1] },
      ],
      {},
    );
    expect([...readTensorFloat32(readSafetensorsHeader(path), 'rows')]).toEqual([0, 0.5, 1, 1.5, 2, 2.5]);
  });

  it('gives up when somebody cuts its temporary file, where it would copy nothing for ever', () => {
    const stream = createSafetensorsStream(join(scratch, 'cut.safetensors'));
    stream.append(Float32Array.of(1, 2));
    truncateSync(join(scratch, readdirSync(scratch).find((name) => name.endsWith('.data.tmp'))!), 4);
    expect(() => stream.finish([{ name: 'a', dtype: 'F32', shape: [2] }], {})).toThrow(/found\s+4 bytes/);
    expect(readdirSync(scratch).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  it('refuses declarations that are not what was appended', () => {
    const stream = createSafetensorsStream(join(scratch, 'mismatch.safetensors'));
    stream.append(Float32Array.of(1));
    expect(() => stream.finish([{ name: 'a', dtype: 'F32', shape: [2] }], {})).toThrow(/declared\s+8/);
    stream.abort();
    expect(readdirSync(scratch).filter((name) => name.includes('.tmp'))).toEqual([]);
  });
});

describe('reading tensors', () => {
  it('reads from an unaligned place', () => {
    const header = `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[1,5]}}`;
    const path = file({ header, dataBytes: 5 });
    const bytes = readFileSync(path);
    bytes.writeUInt16LE(0x4049, bytes.length - 2);
    writeFileSync(path, bytes);
    expect([...readTensorFloat32(readSafetensorsHeader(path), 'b')]).toEqual([0, 3.140625]);
  });

  it('lists the tensors there are when asked for another', () => {
    const header = readSafetensorsHeader(file({ header: a('F32', '[1]', '[0,4]'), dataBytes: 4 }));
    expect(() => readTensor(header, 'b')).toThrow(/no tensor "b"/);
    expect(() => readTensor(header, 'b')).toThrow(/found\s+a/);
  });

  it('names ten of a hundred tensors when asked for another', () => {
    const header = readSafetensorsHeader(file({ header: headerOfMany(100) }));
    expect(() => readTensor(header, 'b')).toThrow(/found\s+t0, t1, .*t9 and 90 more$/);
  });

  it('refuses to widen what has no exact float32', () => {
    const header = readSafetensorsHeader(file({ header: a('F64', '[1]', '[0,8]'), dataBytes: 8 }));
    expect(() => readTensorFloat32(header, 'a')).toThrow(UnsupportedError);
  });
});
