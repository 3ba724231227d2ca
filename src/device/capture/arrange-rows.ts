// Which axis is what: recorded logits come as [T, V], [B, T, V], [1, 1, 32, V] and more, whole or a file a step.
// The numbers of users and rows that ids and positions state decide; an axis is never guessed from its length alone.
import { describeArray, type StoredArray } from './stored-array.ts';

/** Rows of a tile of tt-metal: a decode step fills one row a user and leaves the others as they are. */
const TILE_ROWS = 32;

/** The rows of one user, in order. */
export interface RowTable {
  readonly length: number;
  /** Columns. */
  readonly width: number;
  /** [width] view. */
  row(index: number): StoredArray;
}

export interface Arrangement {
  readonly users: readonly RowTable[];
  /** What was left out, for people. */
  readonly notes: readonly string[];
}

/** One way to read a piece. */
interface Reading {
  readonly rows: number;
  readonly note?: string;
  /** [V] view. */
  at(user: number, row: number): StoredArray;
}

/** Drops every axis of length 1 but the last one. */
export function withoutOnes(array: StoredArray): StoredArray {
  return array.pick(...array.shape.map((side, axis) => (side === 1 && axis < array.dimension - 1 ? 0 : null)));
}

/** Axes of length 1, but not the last one, are dropped from the front on until `rank` are left; undefined if that is not enough. */
export function withRank(array: StoredArray, rank: number): StoredArray | undefined {
  let view = array;
  while (view.dimension > rank) {
    const dropped = view.shape.slice(0, -1).indexOf(1);
    if (dropped < 0) return undefined;
    view = view.pick(...view.shape.map((_, axis) => (axis === dropped ? 0 : null)));
  }
  return view;
}

/**
 * Finds the rows of each user.
 *
 * @param pieces - one array, or several that follow each other along the positions; the last axis is the columns.
 * @param users - sequences, as the ids say.
 * @param rows - rows of each sequence, as positions (or the ids, without positions) say.
 * @returns undefined if no reading gives that many rows.
 */
export function arrangeRows(pieces: readonly StoredArray[], users: number, rows: number): Arrangement | undefined {
  const width = pieces[0]?.shape.at(-1);
  if (width === undefined || pieces.some((piece) => piece.shape.at(-1) !== width)) return undefined;
  const views = pieces.map(withoutOnes);
  const readings = chooseReadings(views, users, rows);
  if (readings === undefined) return undefined;
  const starts: number[] = [];
  let length = 0;
  for (const reading of readings) {
    starts.push(length);
    length += reading.rows;
  }
  const at = (user: number, index: number): StoredArray => {
    const piece = lastAtMost(starts, index);
    return readings[piece]!.at(user, index - starts[piece]!);
  };
  return {
    users: Array.from({ length: users }, (_, user) => ({ length, width, row: (index) => at(user, index) })),
    notes: [...new Set(readings.flatMap(({ note }) => note ?? []))],
  };
}

/** How many users share one list of ids: [B, T, V] beside ids [T]. */
export function usersOfSharedIds(pieces: readonly StoredArray[], rows: number): number {
  const [only, ...others] = pieces.map(withoutOnes);
  if (only === undefined || others.length > 0 || only.dimension !== 3) return 1;
  const [first, second] = only.shape;
  return second === rows ? first! : 1;
}

/** Pieces of one shape are read in one way; of several combinations the first that gives `rows` is taken. */
function chooseReadings(views: readonly StoredArray[], users: number, rows: number): Reading[] | undefined {
  const shapes = [...new Set(views.map((view) => view.shape.join()))];
  const choose = (next: number, left: number, chosen: ReadonlyMap<string, number>): Reading[] | undefined => {
    const shape = shapes[next];
    if (shape === undefined) {
      if (left !== 0) return undefined;
      return views.map((view) => readingsOf(view, users, rows)[chosen.get(view.shape.join())!]!);
    }
    const alike = views.filter((view) => view.shape.join() === shape);
    for (const [i, reading] of readingsOf(alike[0]!, users, rows).entries()) {
      const found = choose(next + 1, left - alike.length * reading.rows, new Map([...chosen, [shape, i]]));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return choose(0, rows, new Map());
}

function readingsOf(view: StoredArray, users: number, rows: number): Reading[] {
  const lead = view.shape.slice(0, -1);
  return users === 1 ? readingsOfOne(view, lead, rows) : readingsOfBatch(view, lead, users);
}

function readingsOfOne(view: StoredArray, lead: readonly number[], rows: number): Reading[] {
  const [first = 1, second] = lead;
  const isTile = (side: number): boolean => side === TILE_ROWS;
  const unused = `of ${describeArray(view)} row 0 of each tile of ${TILE_ROWS} was taken: the ids are of one user`;
  if (lead.length === 0) return [{ rows: 1, at: () => view }];
  if (lead.length === 1) {
    return [
      { rows: first, at: (_user, row) => view.pick(row, null) },
      ...(isTile(first) ? [{ rows: 1, note: unused, at: () => view.pick(0, null) }] : []),
      ...(rows < first && roundUpToTile(rows) === first
        ? [
            {
              rows,
              note: `of ${describeArray(view)} the last ${first - rows} rows fill up a tile of ${TILE_ROWS} and were left out`,
              at: (_user: number, row: number) => view.pick(row, null),
            },
          ]
        : []),
    ];
  }
  if (lead.length > 2 || second === undefined || !isTile(second)) return [];
  return [{ rows: first, note: unused, at: (_user, row) => view.pick(row, 0, null) }];
}

function readingsOfBatch(view: StoredArray, lead: readonly number[], users: number): Reading[] {
  const [first, second] = lead;
  const holdsUsers = (side: number): boolean => side === users || side === roundUpToTile(users);
  const note = (side: number): { note?: string } =>
    side === users
      ? {}
      : { note: `of ${describeArray(view)} rows ${users} … ${side - 1} of each tile belong to no user` };
  if (lead.length === 1 && holdsUsers(first!)) {
    return [{ rows: 1, ...note(first!), at: (user) => view.pick(user, null) }];
  }
  if (lead.length !== 2) return [];
  const readings: Reading[] = [];
  if (first === users) {
    readings.push({
      rows: second!,
      ...(second === users ? { note: `${describeArray(view)} was read as [users, positions, V]` } : {}),
      at: (user, row) => view.pick(user, row, null),
    });
  }
  if (holdsUsers(second!)) {
    readings.push({ rows: first!, ...note(second!), at: (user, row) => view.pick(row, user, null) });
  }
  return readings;
}

function roundUpToTile(rows: number): number {
  return Math.ceil(rows / TILE_ROWS) * TILE_ROWS;
}

/** Index of the last of ascending `starts` that is at most `value`. */
function lastAtMost(starts: readonly number[], value: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
