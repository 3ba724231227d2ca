// Variants of tiny-qwen2 on disk for `compare`: honest ones, damaged ones, and folders that are no variant of it.
import { cpSync } from 'node:fs';
import path from 'node:path';
import { rewriteWeights } from '../../src/checkpoint/checkpoint.fixture.ts';
import type { TensorToWrite } from '../../src/checkpoint/safetensors.ts';
import { noise } from '../compare/weights/planted.fixture.ts';
import { ROOT } from './spawned-command.fixture.ts';

export const TINY: string = path.join(ROOT, 'fixtures/tiny-qwen2');

export type ChangeOfValues = (values: Float32Array, columns: number) => Float32Array;

/** A copy in which the tensors that `which` takes are stored anew as `dtype`, with changed values. */
export function storedAs(
  folder: string,
  which: (name: string) => boolean,
  dtype: 'F32' | 'F16' | 'BF16',
  change: ChangeOfValues = (values) => values,
): string {
  cpSync(TINY, folder, { recursive: true });
  rewriteWeights(folder, (tensors) =>
    tensors.map((tensor): TensorToWrite => {
      if (!which(tensor.name)) return tensor;
      const values = change(float32From(tensor), tensor.shape.at(-1)!);
      return { ...tensor, dtype, data: dtype === 'F32' ? values : encoded(values, dtype) };
    }),
  );
  return folder;
}

/** One tensor changed and stored as F32, given by the end of its name. */
export function plantedIn(folder: string, end: string, change: ChangeOfValues): string {
  return storedAs(folder, (name) => name.endsWith(end), 'F32', change);
}

/** Relative noise, uniform in ±`level`. */
export function noisy(level: number): ChangeOfValues {
  const next = noise(11);
  return (values) => values.map((value) => value * (1 + level * next()));
}

export function transposed(values: Float32Array, columns: number): Float32Array {
  return values.map((_, i) => values[(i % columns) * columns + Math.floor(i / columns)]!);
}

function float32From({ dtype, data }: TensorToWrite): Float32Array {
  if (dtype !== 'BF16') throw new Error(`tiny-qwen2 holds BF16, not ${dtype}`);
  const halves = new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  return new Float32Array(Uint32Array.from(halves, (half) => half * 0x1_0000).buffer);
}

function encoded(values: Float32Array, dtype: 'F16' | 'BF16'): Uint16Array {
  if (dtype === 'F16') return Uint16Array.from(values, float16From);
  // To nearest, ties to even.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (one) => (one + 0x7fff + ((one >>> 16) & 1)) >>> 16);
}

/** Exact for values of bfloat16 that float16 has as normal numbers; smaller ones are rounded to its steps of 2^-24. */
function float16From(value: number): number {
  const [bits] = new Uint32Array(Float32Array.of(Math.abs(value)).buffer);
  const sign = value < 0 ? 0x8000 : 0;
  const exponent = (bits! >>> 23) - 127;
  if (exponent < -14) return sign | Math.round(Math.abs(value) * 2 ** 24);
  return sign | ((exponent + 15) << 10) | ((bits! >>> 13) & 0x3ff);
}
