// .npy files: headers as NumPy writes them, and a folder of them as a recording.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT_CODES, InputError, UnsupportedError } from '../../errors.ts';
import { npyBytes as npy } from './npy.fixture.ts';
import { openNpy } from './npy.ts';
import { openRecording } from './recording.ts';
import { fileRange, readFloats, type StoredArray } from './stored-array.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-npy-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let files = 0;

function save(bytes: Buffer): string {
  const path = join(scratch, `${files++}.npy`);
  writeFileSync(path, bytes);
  return path;
}

const openFile = (path: string): StoredArray => openNpy(fileRange(path, 0, statSync(path).size));
const six = Float32Array.of(0, 1, 2, 3, 4, 5);

describe('openNpy', () => {
  it.each([1, 2, 3])('reads version %i', (version) => {
    const path = save(npy({ version, data: six }));
    const array = openFile(path);
    expect(array.shape).toEqual([2, 3]);
    expect([array.data.dtype, array.get(1, 2)]).toEqual(['F32', 5]);
    expect(readFloats(array.pick(1, null))).toEqual(Float32Array.of(3, 4, 5));
  });

  it.each([
    { descr: '<f2', dtype: 'F16', data: new Uint16Array(6) },
    { descr: '<i4', dtype: 'I32', data: new Int32Array(6) },
    { descr: '<i8', dtype: 'I64', data: new BigInt64Array(6) },
    { descr: '<u2', dtype: 'U16', data: new Uint16Array(6) },
    { descr: '|V2', dtype: 'BF16', data: new Uint16Array(6) },
    { descr: '<f8', dtype: 'F64', data: new Float64Array(6) },
    { descr: '|b1', dtype: 'BOOL', data: new Uint8Array(6) },
  ])('reads $descr as $dtype', ({ descr, dtype, data }) => {
    expect(openFile(save(npy({ descr, data }))).data.dtype).toBe(dtype);
  });

  it.each([
    { shape: '(6,)', expected: [6] },
    { shape: '(6, 1)', expected: [6, 1] },
    { shape: '(2, 3, 1)', expected: [2, 3, 1] },
  ])('reads the shape $shape', ({ shape, expected }) => {
    expect(openFile(save(npy({ shape, data: six }))).shape).toEqual(expected);
  });

  it('reads column-major order as the same array', () => {
    const columns = Float32Array.of(0, 3, 1, 4, 2, 5);
    const array = openFile(save(npy({ order: 'True', data: columns })));
    expect([0, 1].map((row) => [...readFloats(array.pick(row, null))])).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(array.get(1, 0)).toBe(3);
  });

  it('rounds float64 to the nearest float32', () => {
    const data = Float64Array.of(0.1, 1 + 2 ** -25, 1e300, -0, 2, 3);
    const array = openFile(save(npy({ descr: '<f8', shape: '(6,)', data })));
    expect(readFloats(array)).toEqual(Float32Array.from(data));
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
    { name: 'big-endian data', bytes: npy({ descr: '>f4', data: six }), error: UnsupportedError },
    { name: 'complex numbers', bytes: npy({ descr: '<c8', data: new Float64Array(6) }), error: UnsupportedError },
  ])('refuses $name', ({ bytes, error }) => {
    const path = save(bytes);
    expect(() => openFile(path)).toThrow(error);
    expect(() => openFile(path)).toThrow(path);
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
    expect(recording.metadata).toMatchObject({ label: 'card 3' });
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
    { name: 'two prompts of one name', index: { prompts: [prompt, prompt] }, error: InputError },
    { name: 'an empty list of prompts', index: { prompts: [] }, error: InputError },
    {
      name: 'ids that are floats',
      index: { prompts: [{ ...prompt, input_ids: 'logits.npy' }] },
      error: InputError,
    },
    {
      name: 'fewer tokens than positions say',
      index: { prompts: [{ ...prompt, input_ids: [5, 6] }] },
      error: InputError,
    },
  ])('with $name is refused', ({ index, error }) => {
    const path = folder(index);
    expect(() => openRecording(path)).toThrow(error);
    expect(() => openRecording(path)).toThrow(expect.objectContaining({ exitCode: EXIT_CODES.usage }));
  });
});
