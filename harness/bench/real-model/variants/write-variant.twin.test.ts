// What the writers write is read by our readers, which are held against the formats' own libraries: values within half a step.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointCopies } from '../../../../src/checkpoint/checkpoint.fixture.ts';
import { parseModelConfig } from '../../../../src/checkpoint/config.ts';
import { QUANTISED } from '../../../../src/checkpoint/formats/quantised-folder.fixture.ts';
import { readSafetensorsHeader, readTensorFloat32, writeSafetensors } from '../../../../src/checkpoint/safetensors.ts';
import { expectedTensors, layerOf } from '../../../../src/checkpoint/tensor-names.ts';
import { type Checkpoint, openCheckpoint } from '../../../../src/checkpoint/weights.ts';
import { bf16PatternsFromValues } from '../../../../src/numerics/bf16.ts';
import { DTYPE_BYTES, elementCount } from '../../../../src/tensor/dtypes.ts';
import { dynamicMap, NF4 } from './float-formats.ts';
import { VARIANT_FORMATS } from './variant-formats.ts';
import { writeVariant } from './write-variant.ts';

const { scratch } = checkpointCopies(afterAll);

/** AWQ has whole groups and rows in eights only. */
const SIZES = {
  odd: { hidden_size: 150, intermediate_size: 331, num_attention_heads: 5, num_key_value_heads: 1, vocab_size: 51 },
  whole: { hidden_size: 384, intermediate_size: 640, num_attention_heads: 6, num_key_value_heads: 2, vocab_size: 53 },
};
const SOURCES = { odd: plainCheckpoint('odd'), whole: plainCheckpoint('whole') };

/** Where an element is, and the values of its row, [rows, columns]. */
interface Place {
  readonly values: Float32Array;
  readonly row: number;
  readonly column: number;
  readonly columns: number;
}

/** Largest distance of the value that a format may give, from the definition of its step. */
const HALF_STEP: Readonly<Record<string, (place: Place) => number>> = {
  // Scales are rounded to float16, so that the largest values may lie a little beyond the last code.
  'w8a16-rtn': (place) => (0.57 * 2 * largest(rowPart(place, place.columns))) / 255,
  'gptq-int4-g128-rtn': (place) => (0.51 * 2 * largest(rowPart(place, 128))) / 15,
  'awq-int4-g128-rtn': (place) => {
    const group = rowPart(place, 128);
    const [lowest, highest] = [Math.min(0, ...group), Math.max(0, ...group)];
    return (0.51 * (highest - lowest)) / 15;
  },
  'fp8-128x128': (place) => {
    const size = Math.abs(place.values[place.row * place.columns + place.column]!);
    return 1.001 * Math.max(size / 16, blockLargest(place) / 448 / 1024);
  },
  'bnb-nf4-double': ({ values, row, column, columns }) => {
    const i = row * columns + column;
    const maximum = (block: number): number => largest(values.subarray(64 * block, 64 * block + 64));
    const value = values[i]!;
    const own = maximum(Math.floor(i / 64));
    const nearest = Math.min(...NF4.map((code) => Math.abs(code * own - value)));
    // Maxima less their mean, as 64 values between a tenth and all of the largest such difference.
    return nearest + 1.001 * 0.0071 * largestMaximum(values);
  },
};

describe.each(VARIANT_FORMATS)('$name', (format) => {
  const sizes = format.name.startsWith('awq') ? 'whole' : 'odd';
  const source = SOURCES[sizes];
  const variant = openCheckpoint(writeVariant(source, format, scratch));

  it('is read back within half a step, matrix by matrix, and everything else as it was', () => {
    const beyond: unknown[] = [];
    let quantised = 0;
    for (const [name, { shape }] of source.tensors) {
      const values = source.readFloat32(name);
      const read = variant.readFloat32(name);
      if (layerOf(name) === undefined || shape.length !== 2) {
        if (read.some((value, i) => value !== values[i])) beyond.push({ name });
        continue;
      }
      quantised++;
      const columns = shape[1]!;
      for (let i = 0; i < values.length; i += 37) {
        const row = Math.floor(i / columns);
        const bound = HALF_STEP[format.name]!({ values, row, column: i - row * columns, columns });
        const far = Math.abs(read[i]! - values[i]!);
        if (!(far <= bound + 1e-9)) beyond.push({ name, i, value: values[i], read: read[i], bound });
      }
    }
    expect(beyond.slice(0, 5)).toEqual([]);
    expect(quantised).toBe(7 * source.config.layers);
  });

  it('has every tensor at a multiple of its element size, and the bits that its name says', () => {
    const { tensors } = readSafetensorsHeader(join(variant.folder, 'model.safetensors'));
    const odd = [...tensors].filter(([, { dtype, offsetBytes }]) => offsetBytes % DTYPE_BYTES[dtype] !== 0);
    expect(odd).toEqual([]);
    const decoded = [...variant.tensors.values()].filter(({ kind }) => kind === 'decoded');
    const bytes = decoded.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    const weights = decoded.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    expect(Math.floor((8 * bytes) / weights)).toBe(/int4|nf4/.test(format.name) ? 4 : 8);
  });
});

it('is written over one that is there, and leaves nothing else', () => {
  const [format] = VARIANT_FORMATS;
  const first = writeVariant(SOURCES.odd, format!, join(scratch, 'again'));
  const bytes = readFileSync(join(first, 'model.safetensors'));
  expect(writeVariant(SOURCES.odd, format!, join(scratch, 'again'))).toBe(first);
  expect(readFileSync(join(first, 'model.safetensors')).equals(bytes)).toBe(true);
});

it("has the map of maxima of bitsandbytes' own files", () => {
  const header = readSafetensorsHeader(join(QUANTISED, 'bnb-nf4', 'quantised.safetensors'));
  const name = [...header.tensors.keys()].find((one) => one.endsWith('.nested_quant_map'))!;
  const map = readTensorFloat32(header, name);
  expect(Math.max(...dynamicMap().map((value, i) => Math.abs(value - map[i]!)))).toBeLessThan(1e-7);
});

function plainCheckpoint(sizes: keyof typeof SIZES): Checkpoint {
  const folder = join(scratch, sizes);
  mkdirSync(folder);
  const others = { model_type: 'qwen2', hidden_act: 'silu', num_hidden_layers: 1, max_position_embeddings: 64 };
  const more = { rms_norm_eps: 1e-6, rope_theta: 10_000, tie_word_embeddings: false, eos_token_id: 3 };
  const config = { ...others, ...more, ...SIZES[sizes] };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed / 0x7fff_ffff - 0.5;
  };
  const tensors = [...expectedTensors(parseModelConfig(config))].map(([name, shape]) => {
    const values = new Float32Array(elementCount(shape));
    // Of several sizes, outliers among them, and a group of zeros.
    for (let i = 0; i < values.length; i++) values[i] = random() * random() * (i % 97 === 0 ? 4 : 0.25);
    values.fill(0, 0, 128);
    return { name, dtype: 'BF16', shape, data: bf16PatternsFromValues(values) } as const;
  });
  writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  return openCheckpoint(folder);
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** The group of columns that an element is in. */
function rowPart({ values, row, column, columns }: Place, size: number): Float32Array {
  const first = column - (column % size);
  return values.subarray(row * columns + first, row * columns + Math.min(first + size, columns));
}

const blocks = new WeakMap<Float32Array, Map<number, number>>();

/** Of the block of 128 x 128. */
function blockLargest(place: Place): number {
  const { values, row, column, columns } = place;
  const known = blocks.get(values) ?? new Map<number, number>();
  blocks.set(values, known);
  const key = Math.floor(row / 128) * 10_000 + Math.floor(column / 128);
  const found = known.get(key);
  if (found !== undefined) return found;
  let most = 0;
  const end = Math.min(128 * (Math.floor(row / 128) + 1), values.length / columns);
  for (let other = row - (row % 128); other < end; other++) {
    most = Math.max(most, largest(rowPart({ ...place, row: other }, 128)));
  }
  known.set(key, most);
  return most;
}

const maxima = new WeakMap<Float32Array, number>();

function largestMaximum(values: Float32Array): number {
  const found = maxima.get(values) ?? largest(values);
  maxima.set(values, found);
  return found;
}
