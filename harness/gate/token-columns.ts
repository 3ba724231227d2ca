// What the gate remembers of judged tokens: growing columns of numbers, some hundred bytes a token, no records.

import type { TokenSample } from '../metrics/aggregate.ts';
import { type SortedSample, sortSample } from '../metrics/quantile.ts';
import type { Pair } from '../record/row-metrics.ts';
import type { TokenMetric } from '../record/rules.ts';
import { PHASES, type Phase, type TokenRecord } from '../record/token-record.ts';
import type { RuleOutcome } from './judge-token.ts';
import { findSymptom, type Symptom } from './symptoms.ts';
import { tokenMetricValue } from './token-metrics.ts';

/**
 * One value per token. Float columns hold NaN where a token has no value.
 *
 * Counts of vocabulary entries and ranks are exact in float32 up to 16,777,216, a hundred times any vocabulary.
 */
const COLUMN_TYPES = {
  sequence: Int32Array,
  /** The token before of the same sequence; -1 for its first. */
  previous: Int32Array,
  position: Int32Array,
  phase: Uint8Array,
  /** 1: no hard rule broken, so that aggregates may use its numbers. */
  isSound: Uint8Array,
  /** 1: all of one side's logits are equal. */
  isConstantRow: Uint8Array,
  /** Index into SYMPTOMS; of broken tokens only. */
  symptom: Uint8Array,
  inputToken: Int32Array,
  goldenChoice: Int32Array,
  actualChoice: Int32Array,
  contextMismatch: Uint8Array,
  nonFinite: Float32Array,
  constant: Float32Array,
  goldenRankOnActual: Float32Array,
  isRealFlip: Float32Array,
  isNearTie: Float32Array,
  isTie: Float32Array,
  pcc: Float64Array,
  klNats: Float64Array,
  gain: Float64Array,
  regretNats: Float64Array,
  offset: Float64Array,
  nmseDb: Float64Array,
  maxAbs: Float64Array,
  logRatio: Float64Array,
  pccPreviousGolden: Float64Array,
  pccPreviousActual: Float64Array,
  pccUnrelatedGolden: Float64Array,
} as const;
type ColumnName = keyof typeof COLUMN_TYPES;
type Column = Uint8Array | Int32Array | Float32Array | Float64Array;

export interface TokenColumns {
  readonly length: number;
  /** @param outcomes - of each token rule, in order of the table. */
  add(record: TokenRecord, sequence: number, isSound: boolean, outcomes: readonly RuleOutcome[]): void;
  sequenceOf(token: number): number;
  /** The tokens of a sequence in the order in which they came; costs no more than they are. */
  ofSequence(sequence: number): Int32Array;
  positionOf(token: number): number;
  phaseOf(token: number): Phase;
  outcomeOf(rule: number, token: number): RuleOutcome;
  /** Whether all of one side's logits are equal. */
  isConstantRow(token: number): boolean;
  /** Of a token that broke a rule. */
  symptomOf(token: number): Symptom | null;
  /** The token that golden consumed. */
  inputTokenOf(token: number): number;
  /** Each side's best token; -1 where there was no choice. */
  choiceOf(token: number): Pair<number>;
  isRealFlip(token: number): boolean;
  /** A token rule's value; null where it does not exist. */
  valueOf(metric: TokenMetric, token: number): number | null;
  /** Sorted values of those tokens that have one. */
  sample(tokens: Int32Array): TokenSample;
  /** The tokens of a phase, and if asked for only the sound ones, in their order. */
  select(tokens: Int32Array, phase: Phase | 'all', soundOnly: boolean): Int32Array;
}

const SYMPTOMS: readonly (Symptom | null)[] = [null, 'behind', 'ahead', 'filtered'];
const INITIAL_CAPACITY = 256;
/** Memory that is not yet used is at most half of what is. */
const GROWTH = 1.5;

export function createTokenColumns(ruleCount: number): TokenColumns {
  const columns = Object.fromEntries(
    Object.entries(COLUMN_TYPES).map(([name, type]) => [name, new type(INITIAL_CAPACITY)]),
  ) as Record<ColumnName, Column>;
  const outcomeColumns = Array.from({ length: ruleCount }, () => new Uint8Array(INITIAL_CAPACITY));
  /** By sequence: its last token and how many it has. */
  const last: number[] = [];
  const counts: number[] = [];
  let capacity = INITIAL_CAPACITY;
  let length = 0;

  const phaseOf = (token: number): Phase => PHASES[columns.phase[token]!]!;
  return {
    get length() {
      return length;
    },
    add,
    sequenceOf: (token) => columns.sequence[token]!,
    ofSequence(sequence) {
      const tokens = new Int32Array(counts[sequence] ?? 0);
      let token = last[sequence] ?? -1;
      for (let place = tokens.length - 1; place >= 0; place--) {
        tokens[place] = token;
        token = columns.previous[token]!;
      }
      return tokens;
    },
    positionOf: (token) => columns.position[token]!,
    phaseOf,
    outcomeOf: (rule, token) => outcomeColumns[rule]![token] as RuleOutcome,
    isConstantRow: (token) => columns.isConstantRow[token] === 1,
    symptomOf: (token) => SYMPTOMS[columns.symptom[token]!]!,
    inputTokenOf: (token) => columns.inputToken[token]!,
    choiceOf: (token) => ({ golden: columns.goldenChoice[token]!, actual: columns.actualChoice[token]! }),
    isRealFlip: (token) => columns.isRealFlip[token] === 1,
    valueOf: (metric, token) => {
      const value = metric === 'gainDeviation' ? Math.abs(columns.gain[token]! - 1) : columns[metric][token]!;
      return Number.isNaN(value) ? null : value;
    },
    sample: (tokens) => ({ n: tokens.length, values: (metric) => valuesOf(columns[metric], tokens) }),
    select: (tokens, phase, soundOnly) =>
      tokens.filter(
        (token) => (phase === 'all' || phaseOf(token) === phase) && (!soundOnly || columns.isSound[token] === 1),
      ),
  };

  function add(record: TokenRecord, sequence: number, isSound: boolean, outcomes: readonly RuleOutcome[]): void {
    if (length === capacity) grow();
    const { choice, moments, distribution, controls } = record;
    const { constantRow } = record.hygiene;
    const flips = (flip: string): number => (choice === null ? Number.NaN : choice.flip === flip ? 1 : 0);
    columns.sequence[length] = sequence;
    columns.previous[length] = last[sequence] ?? -1;
    columns.position[length] = record.position;
    columns.phase[length] = PHASES.indexOf(record.phase);
    columns.isSound[length] = isSound ? 1 : 0;
    columns.isConstantRow[length] = constantRow.golden || constantRow.actual ? 1 : 0;
    columns.symptom[length] = outcomes.includes(2) ? SYMPTOMS.indexOf(findSymptom(record)) : 0;
    columns.inputToken[length] = record.inputToken.golden;
    columns.goldenChoice[length] = choice?.top1.golden ?? -1;
    columns.actualChoice[length] = choice?.top1.actual ?? -1;
    columns.contextMismatch[length] = tokenMetricValue(record, 'contextMismatch') ?? Number.NaN;
    columns.nonFinite[length] = tokenMetricValue(record, 'nonFinite') ?? Number.NaN;
    columns.constant[length] = tokenMetricValue(record, 'constant') ?? Number.NaN;
    columns.goldenRankOnActual[length] = tokenMetricValue(record, 'goldenRankOnActual') ?? Number.NaN;
    columns.isRealFlip[length] = flips('real');
    columns.isNearTie[length] = flips('nearTie');
    columns.isTie[length] = flips('tie');
    columns.pcc[length] = tokenMetricValue(record, 'pcc') ?? Number.NaN;
    columns.klNats[length] = tokenMetricValue(record, 'klNats') ?? Number.NaN;
    columns.gain[length] = moments?.gain ?? Number.NaN;
    columns.regretNats[length] = tokenMetricValue(record, 'regretNats') ?? Number.NaN;
    columns.offset[length] = moments?.offset ?? Number.NaN;
    columns.nmseDb[length] = moments?.nmseDb ?? Number.NaN;
    columns.maxAbs[length] = moments?.maxAbs ?? Number.NaN;
    columns.logRatio[length] = distribution?.textToken?.logRatio ?? Number.NaN;
    columns.pccPreviousGolden[length] = controls.pccPreviousGolden ?? Number.NaN;
    columns.pccPreviousActual[length] = controls.pccPreviousActual ?? Number.NaN;
    columns.pccUnrelatedGolden[length] = controls.pccUnrelatedGolden ?? Number.NaN;
    for (let rule = 0; rule < ruleCount; rule++) outcomeColumns[rule]![length] = outcomes[rule]!;
    last[sequence] = length;
    counts[sequence] = (counts[sequence] ?? 0) + 1;
    length++;
  }

  function grow(): void {
    capacity = Math.ceil(capacity * GROWTH);
    for (const name in columns) columns[name as ColumnName] = grown(columns[name as ColumnName], capacity);
    for (let rule = 0; rule < ruleCount; rule++) outcomeColumns[rule] = grown(outcomeColumns[rule]!, capacity);
  }
}

function grown<T extends Column>(column: T, capacity: number): T {
  const larger = new (column.constructor as new (length: number) => T)(capacity);
  larger.set(column);
  return larger;
}

function valuesOf(column: Column, tokens: Int32Array): SortedSample {
  const values = new Float64Array(tokens.length);
  let count = 0;
  for (const token of tokens) {
    const value = column[token]!;
    if (!Number.isNaN(value)) values[count++] = value;
  }
  return sortSample(values.slice(0, count));
}
