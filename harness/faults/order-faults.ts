// Faults in which whole rows come from another place: another position, another user, another run, the reference itself.
import type { Fault, Unfit } from './fault.ts';
import type { FaultMaterial } from './fault-material.ts';
import { ownRow, type RowChoice, type RowPlace, type StoredRows, StoredSource } from './stored-rows.ts';

type OrderFault = Omit<Fault, 'kind' | 'open'> & {
  readonly choose: (place: RowPlace, rows: StoredRows) => Float32Array | undefined;
  /** Sequences that it takes. */
  readonly sequences?: number;
};

const ORDER_FAULTS: readonly OrderFault[] = [
  {
    id: 'stale-row',
    name: 'each row that of the position before',
    standsFor: 'a buffer that is read before the step has written it',
    source: 'tt-metal #44367 and our own rows one position late',
    expect: 'caught',
    why: 'every token is the one before',
    choose: (place) => near(place, -1),
  },
  {
    id: 'stale-row-once',
    name: 'one row a prompt that of the position before',
    standsFor: 'one step whose result came too late',
    source: 'tt-metal #44367',
    expect: 'caught',
    why: 'a wrong token changes all of a text that follows',
    choose: (place) => near(place, isLate(place) ? -1 : 0),
  },
  {
    id: 'early-row',
    name: 'each row that of the position after',
    standsFor: 'positions that are counted from one',
    source: 'features 3.2: off by one the other way',
    expect: 'caught',
    why: 'every token is the one after',
    choose: (place) => near(place, 1),
  },
  {
    id: 'first-row-forever',
    name: 'the first row at every position',
    standsFor: 'a trace that is replayed without its inputs',
    source: 'tt-metal #51390',
    expect: 'caught',
    why: 'the text is not looked at',
    choose: ({ sequence }) => [...sequence.rows.values()][0],
  },
  {
    id: 'frozen',
    name: 'from the middle of a prompt on the same row',
    standsFor: 'a device that stands still and answers all the same',
    source: 'tt-metal #36970',
    expect: 'caught',
    why: 'half of the text is not looked at',
    choose: ({ sequence, position }) => {
      const positions = [...sequence.rows.keys()];
      return sequence.rows.get(Math.min(position, positions[Math.floor(positions.length / 2)] ?? 0));
    },
  },
  {
    id: 'last-prefill-row-only',
    name: 'of the prompt only the last row, zeros before it',
    standsFor: 'a prefill that computes the last logits alone',
    source: 'tt_transformers generator.py: prefill_forward_text',
    expect: 'caught',
    why: 'rows that nobody computed were compared',
    choose: (place) => {
      const { sequence, position } = place;
      const row = ownRow(place);
      return row === undefined || position >= sequence.promptLength - 1 ? row : new Float32Array(row.length);
    },
  },
  {
    id: 'prompt-reversed',
    name: 'rows of the prompt in reversed order',
    standsFor: 'a transposed prefill',
    source: 'untilize of row-major rows',
    expect: 'caught',
    why: 'rows and tokens do not belong together',
    choose: (place) => {
      const { sequence, position } = place;
      if (position >= sequence.promptLength) return ownRow(place);
      return sequence.rows.get(sequence.promptLength - 1 - position) ?? ownRow(place);
    },
  },
  {
    id: 'wrong-user',
    name: "each row another user's of the batch",
    standsFor: 'rows of a batch that changed places',
    source: 'features 1.1.1: users pooled into one PCC; AUTODEBUG batch positions',
    expect: 'caught',
    why: "somebody reads another one's text",
    sequences: 2,
    choose: (place, rows) => ofOther(place, rows),
  },
  {
    id: 'users-mixed',
    name: 'a tenth of another user in each row',
    standsFor: 'attention that sees across the batch',
    source: 'batch masks of paged attention',
    expect: 'caught',
    why: "somebody reads another one's text",
    sequences: 2,
    choose: (place, rows) => {
      const other = ofOther(place, rows);
      return ownRow(place)?.map((value, id) => 0.9 * value + 0.1 * (other?.[id] ?? value));
    },
  },
  {
    id: 'golden-rows',
    name: 'the golden rows themselves',
    standsFor: 'a recording of the reference in the place of the device',
    source: 'tt-metal demo README: PCC 1.000000 in 6 of 6',
    expect: 'told',
    why: 'no device that rounds gives the bits of a float32 reference',
    choose: ownRow,
  },
];

export const ROW_ORDER_FAULTS: readonly Fault[] = ORDER_FAULTS.map(({ choose, sequences = 1, ...fault }) => ({
  ...fault,
  kind: 'rows',
  open: ({ golden, device }: FaultMaterial): StoredSource | Unfit => {
    const missing = missingSequences(golden, sequences);
    const choice: RowChoice = (place) => choose(place, golden);
    return missing === undefined ? new StoredSource(golden, device.info, choice) : { unfit: missing };
  },
}));

/** What stands in the way of a fault that needs several prompts. */
export function missingSequences({ sequences }: StoredRows, wanted: number): string | undefined {
  if (sequences.length >= wanted) return undefined;
  return `it takes ${wanted} prompts, and the case has ${sequences.length}`;
}

/** The row some positions away; the own one where there is none. */
function near(place: RowPlace, away: number): Float32Array | undefined {
  return place.sequence.rows.get(place.position + away) ?? ownRow(place);
}

/** The third quarter of a prompt, where a text is long enough to have a row before. */
function isLate({ sequence, position }: RowPlace): boolean {
  const positions = [...sequence.rows.keys()];
  return positions.length > 1 && position === positions[Math.max(1, Math.floor(0.75 * positions.length))];
}

function ofOther({ sequence, index, position }: RowPlace, { sequences }: StoredRows): Float32Array | undefined {
  const { rows } = sequences[(index + 1) % sequences.length]!;
  const positions = [...rows.keys()];
  const place = [...sequence.rows.keys()].indexOf(position);
  return rows.get(positions[Math.max(0, place) % positions.length] ?? 0);
}
