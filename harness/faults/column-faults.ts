// Faults in stretches of the vocabulary: what one core, one shard or one block of the lm_head gets wrong.
import type { Fault } from './fault.ts';
import { bestIds } from './row-arithmetic.ts';
import type { StoredRows } from './stored-rows.ts';
import { valueFault } from './value-faults.ts';

const BLOCK = 1024;
/** Cores of an N150 that share the columns of the lm_head. */
const CORES = 64;

export const COLUMN_FAULTS: readonly Fault[] = [
  valueFault({
    id: 'halves-swapped',
    name: 'the halves of the vocabulary swapped',
    standsFor: 'shards that were concatenated in the wrong order',
    source: 'features 3.1',
    expect: 'caught',
    why: 'every token is another one',
    change: (logits) => swapStretches(logits, 0, Math.floor(logits.length / 2), Math.floor(logits.length / 2)),
  }),
  valueFault({
    id: 'shards-swapped',
    name: 'two neighbouring eighths of the vocabulary swapped',
    standsFor: 'two of eight shards that changed places',
    source: 'features 3.13',
    expect: 'caught',
    why: 'a quarter of the tokens are other ones',
    change: (logits) => {
      const eighth = Math.floor(logits.length / 8);
      swapStretches(logits, 0, eighth, eighth);
    },
  }),
  valueFault({
    id: 'dead-block',
    name: 'a block of 1024 logits is 0',
    standsFor: 'a core that wrote nothing',
    source: 'features 3.13; 4.5',
    expect: 'caught',
    why: 'no honest block is constant',
    unfit: needsBlocks,
    change: (logits) => logits.fill(0, BLOCK, 2 * BLOCK),
  }),
  valueFault({
    id: 'stale-block',
    name: 'the first block of 1024 logits holds the next one',
    standsFor: 'a circular buffer that was read twice',
    source: 'tt-metal circular buffers',
    expect: 'caught',
    why: 'the commonest tokens are other ones',
    unfit: needsBlocks,
    change: (logits) => logits.copyWithin(0, BLOCK, 2 * BLOCK),
  }),
  valueFault({
    id: 'core-zero',
    name: "one core's columns 0, with the first token that was chosen",
    standsFor: 'one of 64 cores that wrote nothing',
    source: 'features 3.13',
    expect: 'caught',
    why: 'a token that the model says is gone',
    change: (logits, _place, rows) => zeroCore(logits, coreOf(firstChoice(rows), rows.vocabSize)),
  }),
  valueFault({
    id: 'core-zero-unused',
    name: "one core's columns 0, with no token that was chosen",
    standsFor: 'one of 64 cores that wrote nothing, on a text that does not need it',
    source: 'features 4.2: 10 % of zeros leave PCC 0.95',
    expect: 'open',
    why: 'unless a core holds a whole block of 1024 only another text shows it',
    unfit: (rows) => (unusedCore(rows) < 0 ? 'every core has a token that was chosen' : undefined),
    change: (logits, _place, rows) => zeroCore(logits, unusedCore(rows)),
  }),
  valueFault({
    id: 'one-column-late',
    name: 'every column one to the right',
    standsFor: 'a gather that is off by one, or ids that are',
    source: 'tokenizers with one special token more',
    expect: 'caught',
    why: 'every token is its neighbour',
    change: (logits) => {
      const last = logits[logits.length - 1]!;
      logits.copyWithin(1, 0, logits.length - 1);
      logits[0] = last;
    },
  }),
];

function needsBlocks({ vocabSize }: StoredRows): string | undefined {
  return vocabSize >= 2 * BLOCK ? undefined : `a vocabulary of ${vocabSize} has no two blocks of ${BLOCK}`;
}

function swapStretches(logits: Float32Array, a: number, b: number, count: number): void {
  const first = logits.slice(a, a + count);
  logits.copyWithin(a, b, b + count);
  logits.set(first, b);
}

function coreWidth(vocabSize: number): number {
  return Math.ceil(vocabSize / CORES);
}

function coreOf(id: number, vocabSize: number): number {
  return Math.floor(id / coreWidth(vocabSize));
}

function zeroCore(logits: Float32Array, core: number): void {
  const width = coreWidth(logits.length);
  logits.fill(0, core * width, (core + 1) * width);
}

function firstChoice({ sequences }: StoredRows): number {
  const [row] = sequences[0]?.rows.values() ?? [];
  return row === undefined ? 0 : bestIds(row, 1)[0]!;
}

const unused = new WeakMap<StoredRows, number>();

/** The first core without a token that was chosen; -1 if there is none. */
function unusedCore(rows: StoredRows): number {
  const known = unused.get(rows);
  if (known !== undefined) return known;
  const chosen = rows.sequences.flatMap((one) => [...one.rows.values()].map((row) => bestIds(row, 1)[0]!));
  const used = new Set(chosen.map((id) => coreOf(id, rows.vocabSize)));
  const cores = Math.ceil(rows.vocabSize / coreWidth(rows.vocabSize));
  const found = Array.from({ length: cores }, (_, core) => core).find((core) => !used.has(core)) ?? -1;
  unused.set(rows, found);
  return found;
}
