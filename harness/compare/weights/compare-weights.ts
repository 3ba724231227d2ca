// Weights of a variant against those of its base, tensor by tensor and without running anything: figures, and conversion errors by name.
import { storedAs } from '../../../src/checkpoint/checkpoint-tensor.ts';
import { LM_HEAD } from '../../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import { GRID_ROWS_MAX } from '../../../src/device/n150/chip.ts';
import { elementCount } from '../../../src/tensor/dtypes.ts';
import { isAdapterOn } from '../variant-of-base.ts';
import { findHoldings, type Holdings, holdingDiagnosis, unrelatedDiagnosis } from './diagnose-names.ts';
import { diagnoseOrder } from './diagnose-order.ts';
import { findFolds } from './folded-scales.ts';
import { isRounded, isSuspect, type MeasuredTensor, measureTensor } from './measured-tensor.ts';
import { isMatrix, type TensorPair } from './tensor-pair.ts';
import { headDiagnosis, pairTensors, vocabularyDiagnosis } from './tensor-pairs.ts';
import { bitsOf, PLAIN_BITS, tensorRecord } from './tensor-record.ts';
import { tileOwners } from './tile-owner.ts';
import type { CheckpointFacts, Diagnosis, TensorComparison, WeightComparison } from './weight-comparison.ts';
import { isUnrelatedModel, verdictOf } from './weight-verdict.ts';

export interface CompareWeightsOptions {
  /** Of the N150's grid, which cores follow from; 8 without it. */
  readonly gridRows?: number;
  /** Called before each tensor of the one pass over all of them. */
  readonly onTensor?: (done: number, all: number, name: string) => void;
  /** Elements of each side that are read at once; 2^20 without it. */
  readonly elementsAtOnce?: number;
}

/**
 * Compares every weight, reading both sides once by rows; tensors that do not fit are read again in samples.
 *
 * @throws ShapeError `COMPARE_SHAPES` for what cannot be a variant; InputError, UnsupportedError of the files.
 */
export function compareWeights(
  base: Checkpoint,
  variant: Checkpoint,
  { gridRows = GRID_ROWS_MAX, onTensor, elementsAtOnce }: CompareWeightsOptions = {},
): WeightComparison {
  const { pairs, head } = pairTensors(base, variant);
  const ownerOf = tileOwners(base.config, gridRows);
  const measure = (pair: TensorPair): MeasuredTensor => measureTensor(pair, { ownerOf, elementsAtOnce });
  const plain = new Map<string, MeasuredTensor>();
  for (const [done, pair] of pairs.entries()) {
    onTensor?.(done, pairs.length, pair.name);
    plain.set(pair.name, measure(pair));
  }
  const folds = findFolds(plain, base.config, measure);
  const measured = pairs.map(({ name }) => folds.tensors.get(name) ?? plain.get(name)!);
  const isOther = !isAdapterOn(base, variant) && isUnrelatedModel(measured);
  const found = isOther ? new Map<string, Diagnosis[]>() : diagnoseAll(measured, base, head);
  const records = measured.map((tensor) => {
    const { name } = tensor.pair;
    const raw = plain.get(name)!;
    return tensorRecord(raw, folds.tensors.has(name) ? tensor : undefined, found.get(name) ?? [], ownerOf);
  });
  const verdict = verdictOf({ base, variant, records, isOther });
  return {
    schemaVersion: 1,
    base: factsOf(base),
    variant: factsOf(variant),
    ...verdict,
    notes: [...notesOf(records, head, found), ...folds.notes],
    tensors: records.sort(byImportance),
  };
}

/** Diagnoses by name, the gravest first. */
function diagnoseAll(
  measured: readonly MeasuredTensor[],
  { config }: Checkpoint,
  head: ReturnType<typeof pairTensors>['head'],
): Map<string, Diagnosis[]> {
  const found = new Map(measured.map(({ pair, diagnoses }) => [pair.name, [...diagnoses]]));
  const add = (name: string, diagnosis: Diagnosis | undefined): void => {
    if (diagnosis !== undefined) found.get(name)!.push(diagnosis);
  };
  const suspects: MeasuredTensor[] = [];
  for (const tensor of measured) {
    const { pair, figures } = tensor;
    add(pair.name, vocabularyDiagnosis(pair));
    const other = pair.name === LM_HEAD ? headDiagnosis(head, figures.cosine) : undefined;
    // What another tensor's values look like beside the base's says nothing.
    if (other !== undefined) found.set(LM_HEAD, [other]);
    else if (isSuspect(tensor)) suspects.push(tensor);
  }
  // Names first: they cost a few rows, an order costs a pass over the tensor.
  const holdings: Holdings = findHoldings(
    measured.map(({ pair }) => pair),
    suspects.map(({ pair }) => pair),
  );
  for (const { pair, figures } of suspects) {
    const { name } = pair;
    if (holdings.has(name)) add(name, holdingDiagnosis(name, holdings));
    else add(name, diagnoseOrder(pair, config) ?? unrelatedDiagnosis(name, figures.cosine));
  }
  for (const tensor of measured) {
    const { name } = tensor.pair;
    if (found.get(name)!.length === 0) add(name, belowFormat(tensor));
  }
  add(LM_HEAD, headAlone(measured, found));
  return found;
}

/** Rounding to b bits leaves about 6 dB a bit, less what outliers cost; far below it the decoder or the scales are wrong. */
const DECIBEL_PER_BIT = 6.02;
const OUTLIERS_COST_DB = 20;
/** Of eight bits: fp8 has a mantissa of two or three. */
const FLOOR_MAX_DB = 22;

function belowFormat({ pair, figures }: MeasuredTensor): Diagnosis | undefined {
  const { variant } = pair;
  const bits = bitsOf(variant);
  if (bits >= PLAIN_BITS || !isMatrix(pair)) return undefined;
  const floor = Math.min(FLOOR_MAX_DB, DECIBEL_PER_BIT * bits - OUTLIERS_COST_DB);
  if (figures.sqnrDb >= floor) return undefined;
  return {
    kind: 'belowFormat',
    sentence: `worse than ${storedAs(variant)} makes it: SQNR ${figures.sqnrDb.toFixed(1)} dB, where ${bits.toFixed(1)} bits a weight give ${floor.toFixed(0)} dB or more`,
  };
}

/** No adapter and no quantisation changes the head alone. */
function headAlone(
  measured: readonly MeasuredTensor[],
  found: ReadonlyMap<string, Diagnosis[]>,
): Diagnosis | undefined {
  const [changed, ...others] = measured.filter((tensor) => isMatrix(tensor.pair) && !isRounded(tensor));
  if (changed?.pair.name !== LM_HEAD || others.length > 0 || found.get(LM_HEAD)!.length > 0) return undefined;
  if (bitsOf(changed.pair.variant) < PLAIN_BITS) return undefined;
  return {
    kind: 'otherHead',
    sentence: `the head of another checkpoint, or one trained alone: no other matrix differs (SQNR ${changed.figures.sqnrDb.toFixed(1)} dB)`,
  };
}

function notesOf(
  records: readonly TensorComparison[],
  head: ReturnType<typeof pairTensors>['head'],
  found: ReadonlyMap<string, Diagnosis[]>,
): string[] {
  if (head === 'same' || records.length === 0 || (found.get(LM_HEAD)?.length ?? 0) > 0) return [];
  return head === 'tied'
    ? ['The variant ties its head to the embedding, which holds what the base stores as a head of its own.']
    : ['The base ties its head to the embedding; the variant stores the same values once more.'];
}

function factsOf({ name, encoding, tensors }: Checkpoint): CheckpointFacts {
  const all = [...tensors.values()];
  const bytes = all.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const weights = all.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return { name, encoding: encoding ?? null, bytes, weights, bitsPerWeight: (8 * bytes) / weights };
}

function byImportance(a: TensorComparison, b: TensorComparison): number {
  const rank = ({ state }: TensorComparison): number => (state === 'diagnosed' ? 0 : state === 'equal' ? 2 : 1);
  const sqnr = ({ sqnrDb, sqnrUnfoldedDb }: TensorComparison): number => sqnrUnfoldedDb ?? sqnrDb ?? Infinity;
  const [ours, theirs] = [sqnr(a), sqnr(b)];
  return rank(a) - rank(b) || (ours === theirs ? 0 : ours - theirs);
}
