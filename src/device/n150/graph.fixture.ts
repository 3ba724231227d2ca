// What tests of the whole device graph share: fixture checkpoints, golden rows, and how far a run is from them.
import { fileURLToPath } from 'node:url';
import { readSafetensorsHeader, readTensorFloat32, readTensorInt32 } from '../../checkpoint/safetensors.ts';
import { type Checkpoint, openCheckpoint } from '../../checkpoint/weights.ts';
import type { MatmulEngine } from '../wormhole/matmul-engine.ts';
import { parseDeviceOptions } from './device-options.ts';
import { createN150Source } from './n150-source.ts';

export function fixturePath(path: string): string {
  return fileURLToPath(new URL(`../../../fixtures/${path}`, import.meta.url));
}

export function openFixture(path: string): Checkpoint {
  return openCheckpoint(fixturePath(path));
}

export interface GoldenCase {
  /** [T]. */
  readonly tokenIds: Int32Array;
  /** [T, V], the float64 truth rounded once. */
  readonly logits: Float32Array;
}

/** A case of fixtures/golden-hf whose every position is stored; at most `positions` of them. */
export function readGoldenCase(name: string, positions: number = Number.POSITIVE_INFINITY): GoldenCase {
  const header = readSafetensorsHeader(fixturePath(`golden-hf/${name}.safetensors`));
  return {
    tokenIds: readTensorInt32(header, 'input_ids').slice(0, positions),
    logits: readTensorFloat32(header, 'logits_f64'),
  };
}

/**
 * Logits [T, V] of a fresh source with these device options.
 *
 * @param batches - lengths of successive feeds.
 * @param promptLength - told with each feed, if given.
 */
export async function runDevice(
  checkpoint: Checkpoint,
  engine: MatmulEngine,
  options: string,
  tokenIds: Int32Array,
  batches: readonly number[] = [tokenIds.length],
  promptLength?: number,
): Promise<Float32Array> {
  const source = await createN150Source(checkpoint, parseDeviceOptions(options), engine);
  const logits = new Float32Array(tokenIds.length * source.vocabSize);
  const want = promptLength === undefined ? { rows: 'all' as const } : { rows: 'all' as const, promptLength };
  let start = 0;
  for (const length of batches) {
    await source.feed(tokenIds.subarray(start, start + length), want, (row) => {
      logits.set(row.logits, row.position * source.vocabSize);
    });
    start += length;
  }
  await source.close();
  return logits;
}

export interface Distance {
  readonly pccs: readonly number[];
  readonly pccMinimum: number;
  readonly pccMedian: number;
  /** Mean over positions of KL(golden || actual), nats. */
  readonly klMean: number;
  readonly differenceMax: number;
}

/** Distance of `actual` [T, V] from the first T rows of `golden`. */
export function distanceOf(golden: Float32Array, actual: Float32Array, vocabSize: number): Distance {
  const pccs: number[] = [];
  let klSum = 0;
  let differenceMax = 0;
  for (let start = 0; start < actual.length; start += vocabSize) {
    const goldenRow = golden.subarray(start, start + vocabSize);
    const actualRow = actual.subarray(start, start + vocabSize);
    pccs.push(pccOf(goldenRow, actualRow));
    klSum += klOf(goldenRow, actualRow);
    for (let i = 0; i < vocabSize; i++) {
      differenceMax = Math.max(differenceMax, Math.abs(goldenRow[i]! - actualRow[i]!));
    }
  }
  const sorted = [...pccs].sort((a, b) => a - b);
  return {
    pccs,
    pccMinimum: sorted[0]!,
    pccMedian: sorted[Math.floor(sorted.length / 2)]!,
    klMean: klSum / pccs.length,
    differenceMax,
  };
}

export function pccOf(a: Float32Array, b: Float32Array): number {
  const meanA = a.reduce((sum, value) => sum + value, 0) / a.length;
  const meanB = b.reduce((sum, value) => sum + value, 0) / b.length;
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i]! - meanA;
    const y = b[i]! - meanB;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
}

function klOf(golden: Float32Array, actual: Float32Array): number {
  const goldenTotal = logSumExp(golden);
  const actualTotal = logSumExp(actual);
  let divergence = 0;
  for (let i = 0; i < golden.length; i++) {
    const logProbability = golden[i]! - goldenTotal;
    divergence += Math.exp(logProbability) * (logProbability - (actual[i]! - actualTotal));
  }
  return divergence;
}

function logSumExp(values: Float32Array): number {
  const maximum = values.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);
  return maximum + Math.log(values.reduce((sum, value) => sum + Math.exp(value - maximum), 0));
}

/** Share of elements with equal bits. */
export function equalShare(a: Float32Array, b: Float32Array): number {
  let equal = 0;
  for (let i = 0; i < a.length; i++) if (Object.is(a[i], b[i])) equal++;
  return equal / a.length;
}
