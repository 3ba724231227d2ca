// Compares the two logits rows of a token: every metric in a few passes over reused memory.
import { ComparisonInvalidError } from '../../src/errors.ts';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import type {
  Pair,
  PccSemantics,
  RowChoice,
  RowControls,
  RowMetrics,
  TextToken,
  TopToken,
} from '../record/row-metrics.ts';
import { measureDivergences } from './distribution.ts';
import { exponential } from './exp-log.ts';
import { classifyFlip } from './flips.ts';
import type { GoldenRows } from './golden-rows.ts';
import { countForbidden, inspectRows } from './hygiene.ts';
import { type ControlRows, type MeasuredPair, measureMoments } from './moments.ts';
import { correlate } from './pcc.ts';
import { judgePcc, judgeStrict } from './pcc-semantics.ts';
import { roundMetrics } from './round-metrics.ts';
import { createRowScan, type RowScan, type ScannedRow, scannedRow, scanRow } from './row-scan.ts';
import { countOverlap, findPlaces, findRanks } from './top-tokens.ts';

export interface RowComparerOptions {
  /** V. */
  readonly vocabSize: number;
  /** Format the device's logits come in; decides what a near tie is. */
  readonly logitsFormat: LogitsFormat;
  readonly tieUlps: number;
  readonly semantics: PccSemantics;
  /** Minimum that `semantics` judges against. */
  readonly pccMinimum: number;
  /** Shared by comparers of the same golden rows; absent where each comes once. */
  readonly goldenRows?: GoldenRows | undefined;
}

export interface RowContext {
  /** The token that follows in the text, null if there is none. */
  readonly nextTokenId: number | null;
  /** Stands for the golden row's values in `goldenRows`; absent: they are looked up nowhere. */
  readonly goldenKey?: object;
}

const NO_CONTROLS: RowControls = { pccPreviousGolden: null, pccPreviousActual: null, pccUnrelatedGolden: null };
const NO_CONTROL_ROWS: ControlRows = { previousGolden: null, firstGolden: null, previousActual: null };

/**
 * Holds scratch memory and the rows of the prompt that serve as negative controls.
 *
 * A prompt is a closed unit: what is measured of its rows depends on no other prompt.
 */
export class RowComparer {
  readonly options: RowComparerOptions;
  readonly #goldenScan: RowScan;
  readonly #actualScan: RowScan;
  readonly #memory: Readonly<Record<keyof ControlRows, Float32Array>>;
  #controls: ControlRows = NO_CONTROL_ROWS;

  constructor(options: RowComparerOptions) {
    this.options = options;
    const { vocabSize } = options;
    this.#goldenScan = createRowScan(vocabSize);
    this.#actualScan = createRowScan(vocabSize);
    this.#memory = {
      previousGolden: new Float32Array(vocabSize),
      firstGolden: new Float32Array(vocabSize),
      previousActual: new Float32Array(vocabSize),
    };
  }

  /** Tells that the next row begins another prompt: everything of the last one is forgotten. */
  startPrompt(): void {
    this.#controls = NO_CONTROL_ROWS;
  }

  /**
   * All metrics of one token, rounded as they are stored. Rows of a prompt come in order of their positions.
   *
   * @param golden - [V] float32, not kept.
   * @param actual - [V] float32, not kept.
   * @throws ComparisonInvalidError if a row is not V long.
   */
  compareRow(golden: Float32Array, actual: Float32Array, context: RowContext): RowMetrics {
    this.#requireLengths(golden, actual);
    return roundMetrics(this.#measure(golden, actual, context));
  }

  #measure(golden: Float32Array, actual: Float32Array, { nextTokenId, goldenKey }: RowContext): RowMetrics {
    const { logitsFormat, semantics, pccMinimum, goldenRows } = this.options;
    const whole = {
      golden:
        goldenRows === undefined || goldenKey === undefined
          ? { row: golden, scan: scanRow(golden, this.#goldenScan) }
          : goldenRows.of(goldenKey, golden),
      actual: { row: actual, scan: scanRow(actual, this.#actualScan) },
    };
    const hygiene = inspectRows(whole.golden, whole.actual, logitsFormat);
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
    const rows = hasMask ? withoutMasked(golden, actual) : { golden: whole.golden, actual: whole.actual, ids: null };
    // Control rows hold the whole vocabulary, so they are left out where a part is masked.
    const controlRows = hasMask ? NO_CONTROL_ROWS : this.#controls;
    const measured = measureMoments(rows.golden, rows.actual, controlRows);
    const { moments, correlation, softmax } = measured;
    const { klNats, klReverseNats } = measureDivergences(softmax.golden, softmax.actual);
    const logNormaliser = { golden: softmax.golden.logNormaliser, actual: softmax.actual.logNormaliser };
    return {
      hygiene,
      correlation,
      pccJudgement:
        semantics === 'strict' ? judgeStrict(correlation, pccMinimum) : judgePcc(semantics, golden, actual, pccMinimum),
      moments: rows.ids === null ? moments : { ...moments, maxAbsIndex: rows.ids[moments.maxAbsIndex]! },
      distribution: {
        klNats,
        klReverseNats,
        logNormaliser,
        textToken: textTokenOf(golden, actual, nextTokenId, logNormaliser),
      },
      choice: this.#choose(whole.golden, whole.actual),
      controls: hasMask ? this.#forgetPrevious() : this.#keepAsControls(golden, actual, measured),
    };
  }

  #choose(ofGolden: ScannedRow, ofActual: ScannedRow): RowChoice | null {
    const { logitsFormat, tieUlps } = this.options;
    const [golden, actual] = [ofGolden.row, ofActual.row];
    const [goldenIds, actualIds] = [ofGolden.scan.topIds, ofActual.scan.topIds];
    if (goldenIds.length < 2) return null;
    const goldenPlaces = findPlaces(goldenIds, actualIds);
    const actualPlaces = findPlaces(actualIds, goldenIds);
    const goldenRanks = findRanks(actual, ofActual.scan, goldenIds, goldenPlaces);
    const actualRanks = findRanks(golden, ofGolden.scan, actualIds, actualPlaces);
    const [goldenTop, actualTop] = [goldenIds[0]!, actualIds[0]!];
    const candidates = [goldenTop, goldenIds[1]!] as const;
    const { flip, ulp, marginUlps } = classifyFlip(golden, actual, candidates, actualTop, {
      format: logitsFormat,
      tieUlps,
    });
    const top: TopToken[] = [];
    const list = (id: number, rank: Pair<number>): void => {
      // JSON has no -0.
      top.push({ id, logit: { golden: golden[id]! + 0, actual: actual[id]! + 0 }, rank });
    };
    for (let place = 0; place < goldenIds.length; place++) {
      list(goldenIds[place]!, { golden: place + 1, actual: goldenRanks[place]! });
    }
    for (let place = 0; place < actualIds.length; place++) {
      if (actualPlaces[place]! < 0) list(actualIds[place]!, { golden: actualRanks[place]!, actual: place + 1 });
    }
    return {
      top1: { golden: goldenTop, actual: actualTop },
      flip,
      ulp,
      marginUlps,
      margin: {
        golden: golden[goldenTop]! - golden[goldenIds[1]!]!,
        actual: actual[actualTop]! - actual[actualIds[1]!]!,
      },
      goldenRankOnActual: goldenRanks[0]!,
      actualRankOnGolden: actualRanks[0]!,
      overlap5: countOverlap(goldenPlaces, 5),
      overlap10: countOverlap(goldenPlaces, 10),
      top,
    };
  }

  /** Keeps the rows as the next position's controls and hands out what this position's controls showed. */
  #keepAsControls(golden: Float32Array, actual: Float32Array, measured: MeasuredPair): RowControls {
    const { goldenSquares, actualSquares, controlPccs } = measured;
    this.#controls = {
      previousGolden: { row: copyInto(this.#memory.previousGolden, golden), squares: goldenSquares },
      previousActual: { row: copyInto(this.#memory.previousActual, actual), squares: actualSquares },
      firstGolden: this.#controls.firstGolden ?? {
        row: copyInto(this.#memory.firstGolden, golden),
        squares: goldenSquares,
      },
    };
    return {
      pccPreviousGolden: controlPccs.previousGolden,
      pccPreviousActual: controlPccs.previousActual,
      pccUnrelatedGolden: controlPccs.firstGolden,
    };
  }

  /** A position that cannot be compared whole is no control for the next one either. */
  #forgetPrevious(): RowControls {
    this.#controls = { ...NO_CONTROL_ROWS, firstGolden: this.#controls.firstGolden };
    return NO_CONTROLS;
  }

  #requireLengths(golden: Float32Array, actual: Float32Array): void {
    const { vocabSize } = this.options;
    if (golden.length === vocabSize && actual.length === vocabSize) return;
    throw new ComparisonInvalidError('logits rows are not as long as the vocabulary.', {
      code: 'ROW_LENGTH',
      facts: { golden: `${golden.length} values`, actual: `${actual.length} values`, wanted: `${vocabSize} values` },
      hint: 'cut both rows to the vocabulary that is compared, or make the comparer with the length that both have.',
    });
  }
}

function copyInto(memory: Float32Array, row: Float32Array): Float32Array {
  memory.set(row);
  return memory;
}

function textTokenOf(
  golden: Float32Array,
  actual: Float32Array,
  id: number | null,
  logNormaliser: Pair<number>,
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
  readonly golden: ScannedRow;
  readonly actual: ScannedRow;
  /** Vocabulary ids of the entries. */
  readonly ids: Int32Array;
}

function withoutMasked(golden: Float32Array, actual: Float32Array): UnmaskedRows {
  const ids = Int32Array.from(golden.keys()).filter((id) => golden[id] !== Number.NEGATIVE_INFINITY);
  return {
    golden: scannedRow(Float32Array.from(ids, (id) => golden[id]!)),
    actual: scannedRow(Float32Array.from(ids, (id) => actual[id]!)),
    ids,
  };
}
