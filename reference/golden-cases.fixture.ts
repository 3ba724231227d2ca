// Golden values by Hugging Face Transformers, as the reference's tests read and compare them.
// Source: fixtures/golden-hf/README.md and fixtures/golden-real/README.md.
import { fileURLToPath } from 'node:url';
import { readSafetensorsHeader, readTensorFloat32, readTensorInt32 } from '../src/checkpoint/safetensors.ts';
import type { LogitsSource } from '../src/device/logits-source.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** How far float32 may be from float64, as a share of the values' range, where Transformers' float32 is nearer yet. */
const ERROR_OF_RANGE_MAX = 2e-6;
/** How many times farther than Transformers' own float32. */
const ERROR_OF_TRANSFORMERS_MAX = 3;

export interface GoldenCase {
  readonly tokenIds: Int32Array;
  /** [R], ascending: the positions whose logits are stored. */
  readonly positions: readonly number[];
  /** [R, V]: the model in float64, rounded once. */
  readonly truth: Float32Array;
  /** Largest distance from the truth that the reference may have: from its range and Transformers' own distance. */
  readonly tolerance: number;
  /** A further float32 tensor of the file. */
  tensor(name: string): Float32Array;
  /** The greedy continuation, where the file has one. */
  greedy(): Int32Array;
}

export function fixturePath(name: string): string {
  return `${FIXTURES}${name}`;
}

/** @param file - below fixtures/, without `.safetensors`. */
export function readGoldenCase(file: string): GoldenCase {
  const header = readSafetensorsHeader(fixturePath(`${file}.safetensors`));
  const truth = readTensorFloat32(header, 'logits_f64');
  const transformersError = maxDistance(readTensorFloat32(header, 'logits_f32'), truth);
  return {
    tokenIds: readTensorInt32(header, 'input_ids'),
    positions: [...readTensorInt32(header, 'positions')],
    truth,
    tolerance: Math.max(rangeTolerance(truth), ERROR_OF_TRANSFORMERS_MAX * transformersError),
    tensor: (name) => readTensorFloat32(header, name),
    greedy: () => readTensorInt32(header, 'greedy'),
  };
}

/** The tolerance of values for which Transformers' own float32 is not on record. */
export function rangeTolerance(truth: Float32Array): number {
  return ERROR_OF_RANGE_MAX * (extreme(truth, Math.max) - extreme(truth, Math.min));
}

/**
 * Feeds a case from position 0, `pieceLength` ids at a call, and keeps the logits of the stored positions.
 *
 * @param piecesFrom - positions before this one are fed by one call.
 * @returns [R, V] float32.
 */
export async function feedInPieces(
  source: LogitsSource,
  { tokenIds, positions }: Pick<GoldenCase, 'tokenIds' | 'positions'>,
  pieceLength: number,
  piecesFrom = 0,
): Promise<Float32Array> {
  const kept = new Float32Array(positions.length * source.vocabSize);
  const rowOfPosition = new Map(positions.map((position, row) => [position, row]));
  await source.truncate(0);
  for (let start = 0, end = piecesFrom || pieceLength; start < tokenIds.length; start = end, end += pieceLength) {
    await source.feed(tokenIds.subarray(start, end), { rows: 'all' }, ({ position, logits }) => {
      const row = rowOfPosition.get(position);
      if (row !== undefined) kept.set(logits, row * source.vocabSize);
    });
  }
  return kept;
}

/** NaN if any distance is NaN. */
export function maxDistance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);
}

export function rmsDistance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length);
}

/** Rows whose argmax differs although the truth's lead over the second exceeds what two tolerances can turn. */
export function wrongArgmaxRows(actual: Float32Array, { truth, positions, tolerance }: GoldenCase): number[] {
  const width = truth.length / positions.length;
  return positions.filter((_, row) => {
    const best = leader(truth.subarray(row * width, (row + 1) * width));
    const found = leader(actual.subarray(row * width, (row + 1) * width));
    return best.margin > tolerance && best.index !== found.index;
  });
}

function leader(values: Float32Array): { index: number; margin: number } {
  const index = values.indexOf(extreme(values, Math.max));
  const second = extreme(
    values.filter((_, i) => i !== index),
    Math.max,
  );
  return { index, margin: values[index]! - second };
}

function extreme(values: Float32Array, pick: (a: number, b: number) => number): number {
  return values.reduce((found, value) => pick(found, value));
}
