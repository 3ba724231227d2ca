// Cuts the padding off one sequence of a batch: which of its tokens were real, and where each row stands among them.

export interface PaddedSequence {
  /** [T] */
  readonly inputIds: Int32Array;
  /** [R] indices into `inputIds`, padding counted; undefined: a row for each token. */
  readonly positions: Int32Array | undefined;
  /** [T] of 1 for a token and 0 for padding; undefined: all are tokens. */
  readonly mask: Int32Array | undefined;
}

export interface UnpaddedSequence {
  readonly inputIds: Int32Array;
  /** Ascending. */
  readonly positions: Int32Array;
  /** Index among the stored rows, for each position. */
  readonly rows: Int32Array;
  /** Padding in front. */
  readonly first: number;
}

/** What cannot be unpadded, as found and wanted. */
export interface UnpadProblem {
  readonly part: 'attention_mask' | 'positions';
  readonly found: string;
  readonly wanted: string;
  readonly repair?: string;
}

export function unpad({ inputIds, positions, mask }: PaddedSequence): UnpaddedSequence | UnpadProblem {
  const all = inputIds.length;
  if (mask?.some((value) => value !== 0 && value !== 1) === true) {
    return {
      part: 'attention_mask',
      found: `a value of ${mask.find((value) => value !== 0 && value !== 1)}`,
      wanted: '0 and 1',
    };
  }
  const first = mask === undefined ? 0 : mask.indexOf(1);
  if (first < 0) {
    // An empty place of a batch and a mask that is wrong look alike: left out, rows of a user would go unjudged.
    return {
      part: 'attention_mask',
      found: `0 for all ${all} tokens`,
      wanted: 'a 1 for at least one token of each user',
      repair: 'used = attention_mask.any(axis=-1)  # [used] of every array leaves out users without tokens',
    };
  }
  const end = mask === undefined ? all : mask.lastIndexOf(1) + 1;
  const hole = mask === undefined ? -1 : mask.subarray(first, end).indexOf(0);
  if (hole >= 0) {
    return {
      part: 'attention_mask',
      found: `a 0 at ${first + hole} between ones`,
      wanted: 'padding at the ends only: a token that others do not see is not modelled',
    };
  }
  const stored = storedPositions(positions, { all, first, end });
  if (!(stored instanceof Int32Array)) return stored;
  const kept = [...stored.keys()].filter((row) => stored[row]! >= first && stored[row]! < end);
  return {
    inputIds: inputIds.slice(first, end),
    positions: Int32Array.from(kept, (row) => stored[row]! - first),
    rows: Int32Array.from(kept),
    first,
  };
}

/** [R] indices into the padded ids, strictly ascending. */
function storedPositions(
  positions: Int32Array | undefined,
  { all, first, end }: { readonly all: number; readonly first: number; readonly end: number },
): Int32Array | UnpadProblem {
  if (positions === undefined) return Int32Array.from({ length: all }, (_, position) => position);
  // position_ids of Transformers: anything on the padding, then 0, 1, 2 …
  const isCountedFromFirst =
    first > 0 && positions.length === all && positions.subarray(first, end).every((position, i) => position === i);
  if (isCountedFromFirst) return Int32Array.from({ length: all }, (_, position) => position);
  for (const [row, position] of positions.entries()) {
    const least = row === 0 ? 0 : positions[row - 1]! + 1;
    if (position < least || position >= all) {
      return {
        part: 'positions',
        found: `position ${position} in row ${row}`,
        wanted: `ascending positions within the ${all} tokens: ${least} … ${all - 1} here`,
      };
    }
    const isOnPadding = position < first || position >= end;
    if (isOnPadding && positions.length < all) {
      return {
        part: 'positions',
        found: `position ${position} in row ${row}, which is padding`,
        wanted: `positions that count in input_ids as stored: tokens stand at ${first} … ${end - 1}`,
        ...(first === 0
          ? {}
          : { repair: `positions = positions + ${first}  # if they count from the first real token` }),
      };
    }
  }
  return positions;
}
