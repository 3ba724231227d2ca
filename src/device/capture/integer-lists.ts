// Token ids, positions and masks: one list of integers, or one for each user of a batch; whole or in pieces.
import { withRank } from './arrange-rows.ts';
import { describeArray, readIntegers, type StoredArray } from './stored-array.ts';

const INTEGER_DTYPES: readonly string[] = ['BOOL', 'U8', 'I8', 'I16', 'U16', 'I32', 'U32', 'I64', 'U64'];

/** What is no list of integers. */
export interface NoLists {
  readonly found: string;
  readonly repair: string;
}

/**
 * @param name - of the array, for the line of Python.
 * @param pieces - each [n], [B, n], or with further axes of length 1; several follow each other along n.
 * @returns a list for each user, one alone for [n].
 */
export function readIntegerLists(name: string, pieces: readonly StoredArray[]): readonly Int32Array[] | NoLists {
  const lists: Int32Array[][] = [];
  for (const piece of pieces) {
    const found = describeArray(piece);
    if (!INTEGER_DTYPES.includes(piece.data.dtype)) {
      return { found, repair: `${name} = ${name}.astype(numpy.int32)` };
    }
    const view = withRank(piece, 2);
    if (view === undefined) return { found, repair: `${name} = ${name}.reshape(-1)` };
    const own =
      view.dimension === 1
        ? [readIntegers(view)]
        : Array.from({ length: view.shape[0]! }, (_, user) => readIntegers(view.pick(user, null)));
    if (lists.length > 0 && own.length !== lists[0]!.length) {
      return { found: `pieces of ${lists[0]!.length} and of ${own.length} users`, repair: `# save ${name} whole` };
    }
    lists.push(own);
  }
  return lists[0]!.map((_, user) => joined(lists.map((own) => own[user]!)));
}

function joined(pieces: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
