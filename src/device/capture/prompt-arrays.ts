// The arrays of one recorded prompt, each read as what it should be; what it is instead is reported.
import { isFloatDtype } from '../../tensor/dtypes.ts';
import { nearestTap, TAP_NAMES_TEXT, type TapName } from '../taps.ts';
import { type Arrangement, arrangeRows } from './arrange-rows.ts';
import { readIntegerLists } from './integer-lists.ts';
import type { PromptFindings } from './prompt-findings.ts';
import { type HiddenMeaning, TAP_PREFIX, tapsFromTensorNames, unknownTaps } from './recording-format.ts';
import { bfloat16FromBits, describeArray, type StoredArray } from './stored-array.ts';

/** Arrays of a prompt by their names; several pieces follow each other along the positions. */
export type PromptArrays = ReadonlyMap<string, readonly StoredArray[]>;

/** How many sequences, and how many rows of each. */
export interface Extent {
  readonly users: number;
  readonly rows: number;
}

/** Lists of integers, one for each user; ids of one user may be shared by all. */
export function readLists(
  arrays: PromptArrays,
  name: string,
  wanted: string,
  findings: PromptFindings,
): readonly Int32Array[] | undefined {
  const stored = arrays.get(name);
  if (stored === undefined) return undefined;
  const lists = readIntegerLists(name, stored);
  if (!('found' in lists)) return lists;
  const code = name === 'input_ids' ? 'IDS' : name === 'attention_mask' ? 'MASK' : name.toUpperCase();
  findings.report(code, name, lists.found, `${wanted}, or one list for each user [B, …]`, lists.repair);
  return undefined;
}

/** Pieces of one float type; bits of bfloat16 are taken for what they are. */
export function readLogitsPieces(
  arrays: PromptArrays,
  name: string,
  findings: PromptFindings,
): readonly StoredArray[] | undefined {
  const stored = arrays.get(name)!;
  const dtypes = [...new Set(stored.map(({ data }) => data.dtype))];
  const dtype = dtypes[0]!;
  if (dtypes.length > 1) {
    findings.report('LOGITS', name, `pieces of ${dtypes.join(' and ')}`, 'pieces of one type');
    return undefined;
  }
  if (isBits(dtype)) {
    findings.note('16-bit integers were read as the bits of bfloat16');
    return stored.map(bfloat16FromBits);
  }
  if (isFloatDtype(dtype)) return stored;
  if (dtype === 'F64') {
    findings.note('float64 logits were rounded to float32');
    return stored;
  }
  const repair = `${name} = ${name}.astype(numpy.float32)`;
  findings.report('LOGITS', name, describeArray(stored[0]!), 'F32, BF16, F16 or F64', repair);
  return undefined;
}

/**
 * @param tokens - of each sequence.
 * @param hasPositions - whether the recording says which positions its rows are of.
 */
export function reportLogits(
  name: string,
  pieces: readonly StoredArray[],
  { users, rows, tokens, hasPositions }: Extent & { readonly tokens: number; readonly hasPositions: boolean },
  findings: PromptFindings,
): void {
  const shapes = [...new Set(pieces.map(describeArray))];
  const count = pieces.length === 1 ? '' : `${pieces.length} pieces of `;
  const stored = pieces.reduce((sum, { shape }) => sum + shape.slice(0, -1).reduce((all, side) => all * side, 1), 0);
  const each = stored / users;
  const [batch, ofEach] = users === 1 ? ['', ''] : [`${users}, `, ` for each of ${users} users`];
  const canBeLast = !hasPositions && Number.isInteger(each) && each < tokens;
  findings.report(
    'LOGITS',
    name,
    `${count}${shapes.slice(0, 3).join(', ')}`,
    `[${batch}${rows}, V], as ${hasPositions ? 'positions' : 'input_ids'} has ${rows} entries${ofEach}`,
    canBeLast
      ? `positions = numpy.arange(${tokens - each}, ${tokens})  # if these are the rows of the last tokens; else the positions that they are of`
      : undefined,
  );
}

/** Taps have rows of all positions or of the last ones. */
export function arrangeTaps(
  arrays: PromptArrays,
  hidden: HiddenMeaning | undefined,
  { users, rows }: Extent,
  findings: PromptFindings,
): ReadonlyMap<TapName, Arrangement> {
  const taps = new Map<TapName, Arrangement>();
  for (const name of unknownTaps([...arrays.keys()])) {
    const nearest = nearestTap(name.slice(TAP_PREFIX.length));
    const wanted = nearest === undefined ? TAP_NAMES_TEXT : `a tap that exists; did you mean ${TAP_PREFIX}${nearest}?`;
    findings.report('TAP_NAME', name, name, wanted);
  }
  for (const [tap, name] of tapsFromTensorNames([...arrays.keys()], hidden)) {
    const pieces = arrays.get(name)!;
    const { dtype } = pieces[0]!.data;
    const isFloat = isBits(dtype) || dtype === 'F64' || isFloatDtype(dtype);
    const views = isBits(dtype) ? pieces.map(bfloat16FromBits) : pieces;
    let arranged: Arrangement | undefined;
    for (let length = rows; length > 0 && isFloat && arranged === undefined; length--) {
      arranged = arrangeRows(views, users, length);
    }
    const batch = users === 1 ? '' : `${users}, `;
    const wanted = `floats [${batch}n, H], n at most ${rows}: the last n rows`;
    if (arranged === undefined) findings.report('TAP', name, describeArray(pieces[0]!), wanted);
    else taps.set(tap, arranged);
  }
  return taps;
}

/** NumPy has no bfloat16, so that its bits are saved as 16-bit integers. */
function isBits(dtype: string): boolean {
  return dtype === 'U16' || dtype === 'I16';
}
