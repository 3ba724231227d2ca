// A sequence fed to the device again, in three ways: every row's bits against those of the first time, and of kept rows the numbers.
import { createHash } from 'node:crypto';
import type { FeedRequest, LogitsRow } from '../../src/device/logits-source.ts';
import { ComparisonInvalidError } from '../../src/errors.ts';
import { regretOf } from '../gate/token-metrics.ts';
import { RowComparer, type RowComparerOptions } from '../metrics/row-comparer.ts';
import {
  drawFrom,
  joinSpreads,
  NO_SPREAD,
  NOT_REPEATED,
  REPEAT_WAYS,
  type RepeatEvent,
  type RepeatWay,
  type Spread,
  spreadWith,
} from '../record/repeat.ts';
import type { SequenceKey } from '../record/token-record.ts';
import type { RowPair } from '../sequence/sequence.ts';
import { blame } from '../sequence/sides.ts';
import type { FeedRecorder } from './feed-recorder.ts';

/** Kept rows of a sequence, both sides: 55 tokens of Qwen2-7B's vocabulary, all of a small one's. */
const KEPT_BYTES_MAX = 64 * 2 ** 20;
/** Longest feed of the way `cut`. */
const CUT_MAX = 48;

interface KeptRow {
  readonly priority: number;
  readonly golden: Float32Array;
  readonly actual: Float32Array;
}

/** What is remembered of the first time. */
export class FirstRows {
  readonly #key: SequenceKey;
  readonly #options: RowComparerOptions;
  readonly #seed: number;
  readonly #rowsKept: number;
  readonly #digests: Map<number, string> = new Map();
  readonly #kept: Map<number, KeptRow> = new Map();

  /** @param seed - decides which rows are kept, where there is no room for all. @param keptBytesMax - that room. */
  constructor(key: SequenceKey, seed: number, options: RowComparerOptions, keptBytesMax: number = KEPT_BYTES_MAX) {
    this.#rowsKept = Math.max(1, Math.floor(keptBytesMax / (8 * options.vocabSize)));
    this.#key = key;
    this.#seed = seed;
    this.#options = options;
  }

  add({ position, golden, actual }: Pick<RowPair, 'position' | 'golden' | 'actual'>): void {
    this.#digests.set(position, digestOf(actual.logits));
    const priority = drawFrom(this.#seed, this.#key.prompt, this.#key.user, position);
    if (this.#kept.size === this.#rowsKept) {
      const [last, { priority: largest }] = [...this.#kept].reduce((a, b) => (b[1].priority > a[1].priority ? b : a));
      if (priority >= largest) return;
      this.#kept.delete(last);
    }
    const copy = ({ logits }: LogitsRow): Float32Array => logits.slice(0, this.#options.vocabSize);
    this.#kept.set(position, { priority, golden: copy(golden), actual: copy(actual) });
  }

  /**
   * Feeds the sequence again.
   *
   * @param feeds - of the first time.
   * @throws ComparisonInvalidError REPEAT_ROWS if it has other rows; what the device throws, with the blame on it.
   */
  async repeat(
    device: FeedRecorder,
    way: RepeatWay,
    feeds: readonly Int32Array[],
    want: FeedRequest,
  ): Promise<RepeatEvent> {
    const comparer = new RowComparer(this.#options);
    const seen = new Set<number>();
    let equal = 0;
    let compared = 0;
    let maxAbs = 0;
    let spread = NO_SPREAD;
    const onRow = ({ position, logits }: LogitsRow): void => {
      const digest = this.#digests.get(position);
      if (digest === undefined) return;
      seen.add(position);
      if (digest === digestOf(logits)) {
        equal++;
        return;
      }
      const first = this.#kept.get(position);
      const again = logits.subarray(0, this.#options.vocabSize);
      if (first === undefined) {
        if (again.includes(Number.NaN)) spread = NOT_REPEATED;
        return;
      }
      compared++;
      maxAbs = Math.max(maxAbs, largestDifference(first.actual, again));
      spread = joinSpreads(spread, spreadOf(comparer, first, again));
    };
    await blame('device', async () => {
      await device.truncate(0);
      if (way === 'row') await feedAsSecondRow(device, feeds, want, onRow);
      else for (const ids of way === 'cut' ? this.#cut(feeds) : feeds) await device.feed(ids, want, onRow);
    });
    if (seen.size < this.#digests.size) throw rowsMissing(this.#key, way, seen.size, this.#digests.size);
    // Rows differ, and of none of them is it known by how much.
    if (compared === 0 && equal < seen.size) spread = NOT_REPEATED;
    const { case: name, variant, prompt } = this.#key;
    return {
      ...{ event: 'repeat', case: name, variant, prompt, user: this.#key.user, way },
      ...{ rows: seen.size, equal, measured: this.#kept.size, maxAbs, spread },
    };
  }

  /** The same tokens in feeds of 1 … CUT_MAX. */
  #cut(feeds: readonly Int32Array[]): Int32Array[] {
    const all = feeds.flatMap((ids) => [...ids]);
    const pieces: Int32Array[] = [];
    for (let at = 0; at < all.length; ) {
      const length = 1 + (drawFrom(this.#seed, 'cut', this.#key.prompt, at) % CUT_MAX);
      pieces.push(Int32Array.from(all.slice(at, at + length)));
      at += length;
    }
    return pieces;
  }
}

/** @returns an event a way; the device is left with the sequence in it. */
export async function repeatSequence(
  first: FirstRows,
  device: FeedRecorder,
  feeds: readonly Int32Array[],
  want: FeedRequest,
): Promise<RepeatEvent[]> {
  const events: RepeatEvent[] = [];
  for (const way of REPEAT_WAYS) events.push(await first.repeat(device, way, feeds, want));
  return events;
}

/** So many positions of a neighbour are enough to have one, and cost no memory that was not planned for. */
const NEIGHBOUR_POSITIONS_MAX = 64;

/** In the second row of a batch, and, of a device that can have several sequences, with another text under way in the first at the same time. */
async function feedAsSecondRow(
  device: FeedRecorder,
  feeds: readonly Int32Array[],
  want: FeedRequest,
  onRow: (row: LogitsRow) => void,
): Promise<void> {
  const user = want.user ?? 0;
  const neighbour = device.openNeighbour();
  try {
    for (const ids of feeds) {
      const others = ids.slice(0, NEIGHBOUR_POSITIONS_MAX).reverse();
      if (neighbour !== undefined && neighbour.length + others.length > NEIGHBOUR_POSITIONS_MAX) {
        await neighbour.truncate(0);
      }
      // The neighbour begins, so that its rows are the first of a pass that both share.
      const beside = neighbour?.feed(others, { rows: 'all', user }, () => undefined);
      const ends = await Promise.allSettled([beside, device.feed(ids, { ...want, user: user + 1 }, onRow)]);
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    }
  } finally {
    await neighbour?.close();
  }
}

function digestOf(row: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength))
    .digest('base64');
}

/** NaN on one side alone is an infinite difference. */
function largestDifference(a: Float32Array, b: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i])) continue;
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return largest;
}

function spreadOf(comparer: RowComparer, { golden, actual }: KeptRow, again: Float32Array): Spread {
  const [a, b] = [numbersOf(comparer, golden, actual), numbersOf(comparer, golden, again)];
  return spreadWith((metric) => apart(a[metric], b[metric]));
}

function numbersOf(
  comparer: RowComparer,
  golden: Float32Array,
  actual: Float32Array,
): Record<keyof Spread, number | null> {
  comparer.startPrompt();
  const { pccJudgement, distribution, choice, moments } = comparer.compareRow(golden, actual, { nextTokenId: null });
  const gain = moments?.gain ?? null;
  return {
    pcc: pccJudgement.pcc,
    klNats: distribution?.klNats ?? null,
    goldenRankOnActual: choice?.goldenRankOnActual ?? null,
    gainDeviation: gain === null ? null : Math.abs(gain - 1),
    regretNats: choice === null ? null : regretOf(choice),
  };
}

function apart(a: number | null, b: number | null): number {
  if (a === null || b === null) return a === b ? 0 : Number.POSITIVE_INFINITY;
  return Math.abs(a - b);
}

function rowsMissing({ prompt }: SequenceKey, way: RepeatWay, found: number, wanted: number): ComparisonInvalidError {
  return new ComparisonInvalidError(`prompt "${prompt}": fed again, the device has other rows.`, {
    code: 'REPEAT_ROWS',
    facts: { way, found: `${found} rows`, wanted: `${wanted} rows, as the first time` },
    hint: 'a device has a row for every position that it is fed; without --repeat nothing is fed again.',
  });
}
