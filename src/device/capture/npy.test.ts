// .npy files: headers as NumPy writes them, and a folder of them as a recording.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readFloat32At } from '../../checkpoint/safetensors.ts';
import { ComparisonInvalidError, InputError, UnsupportedError } from '../../errors.ts';
import { readNpyHeader } from './npy.ts';
import { openRecording } from './recording.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-npy-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let files = 0;

interface NpyParts {
  readonly dict?: string;
  readonly descr?: string;
  readonly shape?: string;
  readonly order?: string;
  readonly version?: number;
  readonly data: ArrayBufferView;
}

/** A file as numpy.save writes it: header padded with spaces and closed by a line break, to a multiple of 64. */
function npy({ descr = '<f4', shape = '(2, 3)', order = 'False', version = 1, data, dict }: NpyParts): Buffer {
  const fixed = version === 1 ? 10 : 12;
  const text = dict ?? `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const padded = `${text.padEnd(Math.ceil((fixed + text.length + 1) / 64) * 64 - fixed - 1)}\n`;
  const prefix = Buffer.alloc(fixed);
  prefix.write('\x93NUMPY', 'latin1');
  prefix[6] = version;
  if (version === 1) prefix.writeUInt16LE(padded.length, 8);
  else prefix.writeUInt32LE(padded.length, 8);
  return Buffer.concat([prefix, Buffer.from(padded), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

function save(bytes: Buffer): string {
  const path = join(scratch, `${files++}.npy`);
  writeFileSync(path, bytes);
  return path;
}

const six = Float32Array.of(0, 1, 2, 3, 4, 5);

describe('readNpyHeader', () => {
  it.each([1, 2, 3])('reads version %i', (version) => {
    const path = save(npy({ version, data: six }));
    const entry = readNpyHeader(path);
    expect(entry).toMatchObject({ dtype: 'F32', shape: [2, 3], lengthBytes: 24 });
    expect(readFloat32At(path, entry, 0, 6)).toEqual(six);
  });

  it.each([
    { descr: '<f2', dtype: 'F16', data: new Uint16Array(6) },
    { descr: '<i4', dtype: 'I32', data: new Int32Array(6) },
    { descr: '<i8', dtype: 'I64', data: new BigInt64Array(6) },
  ])('reads $descr as $dtype', ({ descr, dtype, data }) => {
    expect(readNpyHeader(save(npy({ descr, data }))).dtype).toBe(dtype);
  });

  it.each([
    { shape: '(6,)', expected: [6] },
    { shape: '(6, 1)', expected: [6, 1] },
    { shape: '(2, 3, 1)', expected: [2, 3, 1] },
  ])('reads the shape $shape', ({ shape, expected }) => {
    expect(readNpyHeader(save(npy({ shape, data: six }))).shape).toEqual(expected);
  });

  it.each([
    { name: 'a file of another kind', bytes: Buffer.from('PK\x03\x04 a zip archive'), error: InputError },
    { name: 'an empty file', bytes: Buffer.alloc(0), error: InputError },
    { name: 'an unknown version', bytes: npy({ version: 4, data: six }), error: InputError },
    { name: 'a cut-off header', bytes: npy({ data: six }).subarray(0, 40), error: InputError },
    { name: 'cut-off data', bytes: npy({ data: six }).subarray(0, -4), error: InputError },
    { name: 'data after the end', bytes: Buffer.concat([npy({ data: six }), Buffer.alloc(4)]), error: InputError },
    {
      name: 'a dict without shape',
      bytes: npy({ dict: "{'descr': '<f4', 'fortran_order': False}", data: six }),
      error: InputError,
    },
    { name: 'Fortran order', bytes: npy({ order: 'True', data: six }), error: UnsupportedError },
    { name: 'big-endian data', bytes: npy({ descr: '>f4', data: six }), error: UnsupportedError },
    { name: 'float64', bytes: npy({ descr: '<f8', data: new Float64Array(6) }), error: UnsupportedError },
  ])('refuses $name', ({ bytes, error }) => {
    const path = save(bytes);
    expect(() => readNpyHeader(path)).toThrow(error);
    expect(() => readNpyHeader(path)).toThrow(path);
  });

  it('refuses a missing file', () => {
    expect(() => readNpyHeader(join(scratch, 'none.npy'))).toThrow(InputError);
  });
});

describe('a folder of .npy files', () => {
  const prompt = {
    name: 'only',
    input_ids: [5, 6, 7],
    positions: 'positions.npy',
    logits: 'logits.npy',
    taps: { 'norm.out': 'norm.npy' },
    prompt_length: 2,
  };

  function folder(index: unknown): string {
    const path = join(scratch, `folder-${files++}`);
    mkdirSync(path);
    writeFileSync(join(path, 'recording.json'), JSON.stringify(index));
    writeFileSync(join(path, 'positions.npy'), npy({ descr: '<i8', shape: '(2,)', data: BigInt64Array.of(1n, 2n) }));
    writeFileSync(join(path, 'logits.npy'), npy({ data: six }));
    writeFileSync(join(path, 'norm.npy'), npy({ descr: '<f2', shape: '(1, 2)', data: Uint16Array.of(0x3c00, 0xc000) }));
    return path;
  }

  it('is a recording like a safetensors file', async () => {
    const recording = openRecording(folder({ label: 'card 3', prompts: [prompt] }));
    const [only] = recording.prompts;
    expect(recording.vocabSize).toBe(3);
    expect(recording.metadata).toEqual({ label: 'card 3' });
    expect([...only!.inputIds]).toEqual([5, 6, 7]);
    expect(only!.readLogits(only!.rowAt(2)!)).toEqual(Float32Array.of(3, 4, 5));
    expect(only!.readTap('norm.out', 1)).toEqual(Float32Array.of(1, -2));
    expect(only!.promptLength).toBe(2);
    expect(await recording.sha256()).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    { name: 'a missing array', index: { prompts: [{ ...prompt, logits: 'none.npy' }] }, error: InputError },
    { name: 'an array elsewhere', index: { prompts: [{ ...prompt, logits: '../logits.npy' }] }, error: InputError },
    { name: 'an unknown tap', index: { prompts: [{ ...prompt, taps: { 'layer.0': 'norm.npy' } }] }, error: InputError },
    { name: 'no prompts', index: {}, error: InputError },
    { name: 'two prompts of one name', index: { prompts: [prompt, prompt] }, error: ComparisonInvalidError },
    { name: 'an empty list of prompts', index: { prompts: [] }, error: ComparisonInvalidError },
    {
      name: 'ids that are floats',
      index: { prompts: [{ ...prompt, input_ids: 'logits.npy' }] },
      error: ComparisonInvalidError,
    },
    {
      name: 'fewer tokens than positions say',
      index: { prompts: [{ ...prompt, input_ids: [5, 6] }] },
      error: ComparisonInvalidError,
    },
  ])('with $name is refused', ({ index, error }) => {
    const path = folder(index);
    expect(() => openRecording(path)).toThrow(error);
  });
});
