// Compares the two logits rows of a token: every metric in a few passes over reused memory.
import { ComparisonInvalidError } from '../../src/errors.ts';
import type { PccSemantics, RowChoice, RowControls, RowMetrics, TextToken, TopToken } from '../record/row-metrics.ts';
import { measureDivergences, type Softmax, softmax } from './distribution.ts';
import { exponential } from './exp-log.ts';
import { classifyFlip } from './flips.ts';
import { countForbidden, inspectRows } from './hygiene.ts';
import type { LogitsFormat } from './logits-format.ts';
import { type ControlRow, type MomentsAndCorrelation, measureMoments } from './moments.ts';
import { correlate } from './pcc.ts';
import { judgePcc, judgeStrict } from './pcc-semantics.ts';
import { createRowScan, type RowScan, scanRow } from './row-scan.ts';
import { countOverlap, findRanks, findTopIds } from './top-tokens.ts';

/** Tokens listed per side. */
export const TOP_COUNT = 10;

export interface RowComparerOptions {
  /** V. */
  readonly vocabSize: number;
  /** Format the device's logits come in; decides what a near tie is. */
  readonly logitsFormat: LogitsFormat;
  readonly tieUlps: number;
  readonly semantics: PccSemantics;
  /** Minimum that `semantics` judges against. */
  readonly pccMinimum: number;
}

export interface RowContext {
  /** The token that follows in the text, null if there is none. */
  readonly nextTokenId: number | null;
}

/** Holds scratch memory and the golden rows for the negative controls; one per variant. */
export class RowComparer {
  readonly options: RowComparerOptions;
  readonly #goldenScan: RowScan;
  readonly #actualScan: RowScan;
  #previous: ControlRow | null = null;
  #unrelated: ControlRow | null = null;
  #spare: Float32Array;

  constructor(options: RowComparerOptions) {
    this.options = options;
    this.#goldenScan = createRowScan(options.vocabSize);
    this.#actualScan = createRowScan(options.vocabSize);
    this.#spare = new Float32Array(options.vocabSize);
  }

  /** Tells that the next row begins another prompt: the last golden row becomes the unrelated control. */
  startPrompt(): void {
    if (this.#previous === null) return;
    this.#unrelated = { ...this.#previous, row: this.#previous.row.slice() };
    this.#spare = this.#previous.row;
    this.#previous = null;
  }

  /**
   * All metrics of one token.
   *
   * @param golden - [V] float32, not kept.
   * @param actual - [V] float32, not kept.
   * @throws ComparisonInvalidError if a row is not V long.
   */
  compareRow(golden: Float32Array, actual: Float32Array, { nextTokenId }: RowContext): RowMetrics {
    this.#requireLengths(golden, actual);
    const { logitsFormat, semantics, pccMinimum } = this.options;
    const goldenScan = scanRow(golden, this.#goldenScan);
    const actualScan = scanRow(actual, this.#actualScan);
    const hygiene = inspectRows({ row: golden, scan: goldenScan }, { row: actual, scan: actualScan }, logitsFormat);
    if (countForbidden(hygiene) > 0 || hygiene.maskedPairs === golden.length) {
      return {
        hygiene,
        correlation: correlate(golden, actual),
        pccJudgement: judgePcc(semantics, golden, actual, pccMinimum),
        moments: null,
        distribution: null,
        choice: null,
        controls: this.#forgetPrevious(),
      };
    }

    const hasMask = hygiene.maskedPairs > 0;
    const rows = hasMask ? withoutMasked(golden, actual) : { golden, actual, ids: null };
    const scans = hasMask
      ? { golden: freshScan(rows.golden), actual: freshScan(rows.actual) }
      : { golden: goldenScan, actual: actualScan };
    // Control rows hold the whole vocabulary, so they are left out where a part is masked.
    const controls = hasMask ? ([null, null] as const) : ([this.#previous, this.#unrelated] as const);
    const measured = measureMoments(rows.golden, rows.actual, scans.golden, scans.actual, controls);
    const { moments, correlation } = measured;
    const goldenSoftmax = softmax(rows.golden, rows.actual, scans.golden.max);
    const actualSoftmax = softmax(rows.actual, rows.golden, scans.actual.max);
    const logNormalisers = { golden: goldenSoftmax.logNormaliser, actual: actualSoftmax.logNormaliser };
    return {
      hygiene,
      correlation,
      pccJudgement:
        semantics === 'strict' ? judgeStrict(correlation, pccMinimum) : judgePcc(semantics, golden, actual, pccMinimum),
      moments: rows.ids === null ? moments : { ...moments, maxAbsIndex: rows.ids[moments.maxAbsIndex]! },
      distribution: {
        ...measureDivergences(goldenSoftmax, actualSoftmax),
        textToken: textTokenOf(golden, actual, nextTokenId, logNormalisers),
      },
      choice: this.#choose(golden, actual, goldenSoftmax, actualSoftmax),
      controls: hasMask ? this.#forgetPrevious() : this.#keepAsControl(golden, measured),
    };
  }

  #choose(golden: Float32Array, actual: Float32Array, p: Softmax, q: Softmax): RowChoice | null {
    const { logitsFormat, tieUlps } = this.options;
    const goldenIds = findTopIds(golden, this.#goldenScan, TOP_COUNT);
    const actualIds = findTopIds(actual, this.#actualScan, TOP_COUNT);
    if (goldenIds.length < 2) return null;
    const goldenRanks = findRanks(actual, this.#actualScan, goldenIds);
    const actualRanks = findRanks(golden, this.#goldenScan, actualIds);
    const [goldenTop, actualTop] = [goldenIds[0]!, actualIds[0]!];
    const candidates = [goldenTop, goldenIds[1]!] as const;
    const flip = classifyFlip(golden, actual, candidates, actualTop, { format: logitsFormat, tieUlps });
    return {
      top1: { golden: goldenTop, actual: actualTop },
      ...flip,
      margin: {
        golden: golden[goldenTop]! - golden[goldenIds[1]!]!,
        actual: actual[actualTop]! - actual[actualIds[1]!]!,
      },
      goldenRankOnActual: goldenRanks[0]!,
      actualRankOnGolden: actualRanks[0]!,
      overlap5: countOverlap(goldenIds, actualIds, 5),
      overlap10: countOverlap(goldenIds, actualIds, 10),
      topGolden: listTop(goldenIds, golden, actual, p, goldenRanks),
      topActual: listTop(actualIds, actual, golden, q, actualRanks),
    };
  }

  /** Keeps the golden row as the next row's control and hands out what this row's controls showed. */
  #keepAsControl(golden: Float32Array, { goldenSquares, controlPccs }: MomentsAndCorrelation): RowControls {
    const [pccPreviousGolden, pccUnrelatedGolden] = controlPccs;
    const row = this.#previous?.row ?? this.#spare;
    row.set(golden);
    this.#previous = { row, squares: goldenSquares };
    return { pccPreviousGolden, pccUnrelatedGolden };
  }

  /** A row that cannot be compared is no control for the next one either. */
  #forgetPrevious(): RowControls {
    if (this.#previous !== null) this.#spare = this.#previous.row;
    this.#previous = null;
    return { pccPreviousGolden: null, pccUnrelatedGolden: null };
  }

  #requireLengths(golden: Float32Array, actual: Float32Array): void {
    const { vocabSize } = this.options;
    if (golden.length === vocabSize && actual.length === vocabSize) return;
    throw new ComparisonInvalidError('logits rows are not as long as the vocabulary.', {
      code: 'ROW_LENGTH',
      facts: { golden: `${golden.length} values`, actual: `${actual.length} values`, wanted: `${vocabSize} values` },
      hint: 'compare rows of the same checkpoint, padding columns excluded',
    });
  }
}

function listTop(
  ids: Int32Array,
  own: Float32Array,
  other: Float32Array,
  { logNormaliser }: Softmax,
  otherRanks: Int32Array,
): TopToken[] {
  return Array.from(ids, (id, place) => ({
    id,
    logit: own[id]!,
    probability: exponential(own[id]! - logNormaliser),
    otherLogit: other[id]!,
    otherRank: otherRanks[place]!,
  }));
}

function textTokenOf(
  golden: Float32Array,
  actual: Float32Array,
  id: number | null,
  logNormaliser: { golden: number; actual: number },
): TextToken | null {
  if (id === null || golden[id] === Number.NEGATIVE_INFINITY) return null;
  const goldenLog = golden[id]! - logNormaliser.golden;
  const actualLog = actual[id]! - logNormaliser.actual;
  return {
    id,
    probability: { golden: exponential(goldenLog), actual: exponential(actualLog) },
    logRatio: actualLog - goldenLog,
  };
}

interface UnmaskedRows {
  readonly golden: Float32Array;
  readonly actual: Float32Array;
  /** Vocabulary ids of the entries. */
  readonly ids: Int32Array;
}

function freshScan(row: Float32Array): RowScan {
  return scanRow(row, createRowScan(row.length));
}

function withoutMasked(golden: Float32Array, actual: Float32Array): UnmaskedRows {
  const ids = Int32Array.from(golden.keys()).filter((id) => golden[id] !== Number.NEGATIVE_INFINITY);
  return {
    golden: Float32Array.from(ids, (id) => golden[id]!),
    actual: Float32Array.from(ids, (id) => actual[id]!),
    ids,
  };
}
