// Damaged fp8, bitsandbytes, MLX and LoRA files: random settings, headers, states and bytes give an error by name or finite numbers, never a crash.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../../errors.ts';
import { DTYPE_BYTES, type Dtype, elementCount } from '../../tensor/dtypes.ts';
import { FIXTURES, rewriteJson, rewriteWeights } from '../checkpoint.fixture.ts';
import { type CheckpointTensor, readWholeTensor } from '../checkpoint-tensor.ts';
import { readBytes } from '../safetensors.ts';
import { readBitsAndBytes } from './bitsandbytes.ts';
import type { FormatReader } from './format.ts';
import { readFp8 } from './fp8.ts';
import { applyAdapter } from './lora.ts';
import { readMlx } from './mlx.ts';
import { plainTensors, QUANTISED, storedWeights, writtenTensors } from './quantised-folder.fixture.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-damaged-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const MODULE = 'model.layers.0.self_attn.k_proj';

const jsonValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    3,
    64,
    1e308,
    '',
    'nf4',
    'affine',
    [],
    [128, 128],
    [0, 1],
    {},
    { bits: 4 },
  ),
  fc.string({ maxLength: 8 }),
  fc.array(fc.string({ maxLength: 4 }), { maxLength: 3 }),
);
const bits = fc.constantFrom(0, 1, 0x80, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0x3f80_0000, 0x7f7f_ffff);
const dtypes = Object.keys(DTYPE_BYTES) as Dtype[];

interface Damage {
  readonly setting: readonly [which: number, value: unknown];
  readonly part: number;
  readonly kind: 'none' | 'missing' | 'dtype' | 'shape' | 'bytes' | 'pattern';
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly at: number;
  readonly pattern: number;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  setting: fc.tuple(fc.nat(), jsonValue),
  part: fc.nat(),
  kind: fc.constantFrom('none', 'missing', 'dtype', 'shape', 'bytes', 'pattern'),
  dtype: fc.constantFrom(...dtypes),
  shape: fc.array(fc.integer({ min: 0, max: 130 }), { maxLength: 3 }),
  at: fc.nat(),
  pattern: bits,
});

/** Bytes of a tensor with one damage in them, under whatever dtype and shape. */
function damagedTensor(
  name: string,
  { file, offsetBytes, lengthBytes, ...tensor }: ReturnType<typeof partOf>,
  how: Damage,
): Map<string, ReturnType<typeof partOf>> {
  let { dtype, shape } = tensor as { dtype: Dtype; shape: readonly number[] };
  if (how.kind === 'dtype') [dtype, shape] = [how.dtype, [Math.floor(lengthBytes / DTYPE_BYTES[how.dtype])]];
  if (how.kind === 'shape') shape = how.shape;
  const data = new Uint8Array(elementCount(shape) * DTYPE_BYTES[dtype]);
  data.set(readBytes(file, offsetBytes, Math.min(lengthBytes, data.length)));
  if (how.kind === 'bytes' && data.length > 0) data[how.at % data.length] = how.pattern >>> 24 || 0x7f;
  if (how.kind === 'pattern' && data.length >= 4) {
    new DataView(data.buffer).setUint32(4 * (how.at % Math.floor(data.length / 4)), how.pattern, true);
  }
  return writtenTensors(scratch, { [name]: [dtype, shape, data] });
}

function partOf(name: string, stored: ReturnType<typeof plainTensors>) {
  return stored.get(name)!;
}

/** @returns whether it was read. */
function readsOrSays(read: () => ReadonlyMap<string, CheckpointTensor>, name: string): boolean {
  try {
    const tensor = read().get(name);
    if (tensor?.kind !== 'decoded') return false;
    expect(readWholeTensor(tensor).every((value) => Number.isFinite(value))).toBe(true);
    return true;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.message).toMatch(/found|wanted/);
    expect(error.code).toMatch(/^(QUANTISED|ADAPTER)_/);
    return false;
  }
}

describe.each<[string, string, FormatReader]>([
  ['fp8-block', 'quantization_config', readFp8],
  ['bnb-nf4', 'quantization_config', readBitsAndBytes],
  ['bnb-int8', 'quantization_config', readBitsAndBytes],
  ['mlx-4bit', 'quantization', readMlx],
])('%s', (fixture, key, read) => {
  const weights = storedWeights(fixture, key);
  const parts = [...weights.stored.keys()].filter((name) => name.startsWith(`${MODULE}.`));

  it('says what is damaged, or gives numbers', () => {
    let count = 0;
    fc.assert(
      fc.property(damage, (how) => {
        const name = parts[how.part % parts.length]!;
        const stored = new Map(weights.stored);
        if (how.kind === 'missing') stored.delete(name);
        else if (how.kind !== 'none') stored.set(name, damagedTensor(name, partOf(name, stored), how).get(name)!);
        const keys = Object.keys(weights.settings).filter((one) => !one.startsWith('model.'));
        const [which, value] = how.setting;
        // Half of them keep their settings, so that what is behind them is reached.
        const settings =
          which % 2 === 0
            ? weights.settings
            : { ...weights.settings, [[...keys, 'other'][which % (keys.length + 1)]!]: value };
        if (readsOrSays(() => read({ ...weights, settings, stored }).tensors, `${MODULE}.weight`)) count++;
      }),
      { numRuns: 200, seed: 11 },
    );
    expect(count).toBeGreaterThan(20);
  });
});

describe('a LoRA adapter', () => {
  const base = plainTensors(join(FIXTURES, 'tiny-qwen2/model.safetensors'));
  const target = 'model.layers.0.self_attn.q_proj';

  it('says what is damaged, or gives numbers', () => {
    const folder = join(scratch, 'adapter');
    let read = 0;
    fc.assert(
      fc.property(damage, (how) => {
        cpSync(join(QUANTISED, 'lora-rslora'), folder, { recursive: true });
        const [which, value] = how.setting;
        if (which % 2 === 1) {
          rewriteJson(folder, 'adapter_config.json', (json) => {
            const keys = [...Object.keys(json), 'other'];
            return { ...json, [keys[which % keys.length]!]: value };
          });
        }
        rewriteWeights(
          folder,
          (tensors) =>
            tensors.flatMap((tensor, i) => {
              if (i !== how.part % 3 || how.kind === 'none') return [tensor];
              if (how.kind === 'missing') return [];
              const data = Uint8Array.from(tensor.data as Uint8Array);
              if (how.kind === 'pattern')
                new DataView(data.buffer).setUint32(4 * (how.at % Math.floor(data.length / 4)), how.pattern, true);
              if (how.kind === 'bytes') data[how.at % data.length] = 0x7f;
              if (how.kind !== 'dtype' && how.kind !== 'shape') return [{ ...tensor, data }];
              const dtype = how.kind === 'dtype' ? how.dtype : tensor.dtype;
              const shape = how.kind === 'shape' ? how.shape : [Math.floor(data.length / DTYPE_BYTES[dtype])];
              return [{ ...tensor, dtype, shape, data: new Uint8Array(elementCount(shape) * DTYPE_BYTES[dtype]) }];
            }),
          'adapter_model.safetensors',
        );
        if (readsOrSays(() => applyAdapter(folder, base).tensors, `${target}.weight`)) read++;
      }),
      { numRuns: 100, seed: 12 },
    );
    expect(read).toBeGreaterThan(10);
  });
});
