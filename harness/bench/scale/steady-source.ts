// A LogitsSource for runs of a million tokens: rows of realistic numbers at a cost that does not grow with the context.
import type { FeedRequest, LogitsSource, RowSink, SourceInfo, TapName } from '../../../src/device/logits-source.ts';
import { uniformValues } from '../random-values.ts';

export const VOCABULARY = 512;
/** Rows are these, turned by the position: enough that no two neighbours are alike. */
const PATTERNS = 61;
const LOGITS_SCALE = 12;
/** Of one entry of each row, well above the rest: rows that the default gate passes. */
const BEST_LOGIT = 13;

/** @param noise - how far each entry of the device's rows may be from the reference's. */
export function createSteadySource(label: string, noise: number): LogitsSource {
  const patterns = Array.from({ length: PATTERNS }, (_, i) => {
    const errors = uniformValues(VOCABULARY, 1000 + i);
    const row = uniformValues(VOCABULARY, i + 1).map((value, id) => value * LOGITS_SCALE + errors[id]! * noise);
    row[i] = BEST_LOGIT + errors[i]! * noise;
    return row;
  });
  const logits = new Float32Array(VOCABULARY);
  const info: SourceInfo = {
    kind: 'process',
    label,
    model: 'steady',
    weightsSha256: '0',
    dtypes: {},
    logitsFormat: 'F32',
    settings: {},
  };
  let length = 0;
  return {
    info,
    vocabSize: VOCABULARY,
    taps: [],
    get length() {
      return length;
    },
    async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
      for (const [i, tokenId] of tokenIds.entries()) {
        const position = length++;
        if (want.rows === 'none' || (want.rows === 'last' && i < tokenIds.length - 1)) continue;
        turn(patterns[position % PATTERNS]!, position, logits);
        const pending = onRow({ position, tokenId, logits, taps: new Map<TapName, Float32Array>() });
        if (pending !== undefined) await pending;
      }
    },
    async truncate(to: number): Promise<void> {
      length = Math.min(length, to);
    },
    async close(): Promise<void> {},
  };
}

/** The row, begun at another entry. */
function turn(row: Float32Array, position: number, into: Float32Array): void {
  const shift = (position * 7) % VOCABULARY;
  into.set(row.subarray(shift));
  into.set(row.subarray(0, shift), VOCABULARY - shift);
}
