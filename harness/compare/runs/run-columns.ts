// What is kept of the first run while the second is read: growing columns of numbers, some sixty bytes a token, no records.
import { type SequenceKey, sequenceId, TOKEN_STATUSES } from '../../record/token-record.ts';
import type { RowNumbers } from './row-numbers.ts';

const INITIAL_CAPACITY = 16;

/** NaN in a float column: the number does not exist. */
const COLUMN_TYPES = {
  position: Int32Array,
  tokenId: Int32Array,
  status: Uint8Array,
  /** Index into the lists of broken rules. */
  failedRules: Uint32Array,
  pcc: Float64Array,
  klNats: Float64Array,
  regretNats: Float64Array,
  /** 0, 1, or 2 without a choice. */
  top1: Uint8Array,
  contextHash: BigUint64Array,
  digest: BigUint64Array,
} as const;
type Columns = { [Name in keyof typeof COLUMN_TYPES]: InstanceType<(typeof COLUMN_TYPES)[Name]> };

/** The rows of every sequence of a run, in rising position. */
export class RunColumns {
  readonly #sequences: Map<string, SequenceColumns> = new Map();
  readonly #ruleLists: RuleLists = new RuleLists();

  add(key: SequenceKey, row: RowNumbers): void {
    const id = sequenceId(key);
    let columns = this.#sequences.get(id);
    if (columns === undefined) {
      columns = new SequenceColumns(this.#ruleLists);
      this.#sequences.set(id, columns);
    }
    columns.add(row);
  }

  /** Undefined for a sequence of which no token was judged. */
  ofSequence(key: SequenceKey): SequenceColumns | undefined {
    return this.#sequences.get(sequenceId(key));
  }
}

export class SequenceColumns {
  #length = 0;
  #columns: Columns = emptyColumns(INITIAL_CAPACITY);
  readonly #ruleLists: RuleLists;

  constructor(ruleLists: RuleLists) {
    this.#ruleLists = ruleLists;
  }

  get length(): number {
    return this.#length;
  }

  add(row: RowNumbers): void {
    if (this.#length === this.#columns.position.length) this.#grow();
    const at = this.#length++;
    const columns = this.#columns;
    columns.position[at] = row.position;
    columns.tokenId[at] = row.tokenId;
    columns.status[at] = TOKEN_STATUSES.indexOf(row.status);
    columns.failedRules[at] = this.#ruleLists.indexOf(row.failedRules);
    columns.pcc[at] = row.pcc ?? Number.NaN;
    columns.klNats[at] = row.klNats ?? Number.NaN;
    columns.regretNats[at] = row.regretNats ?? Number.NaN;
    columns.top1[at] = row.isTop1 === null ? 2 : Number(row.isTop1);
    columns.contextHash[at] = BigInt(`0x${row.contextHash}`);
    columns.digest[at] = row.digest;
  }

  positionAt(index: number): number {
    return this.#columns.position[index]!;
  }

  rowAt(index: number): RowNumbers {
    const columns = this.#columns;
    const top1 = columns.top1[index]!;
    return {
      position: columns.position[index]!,
      tokenId: columns.tokenId[index]!,
      contextHash: columns.contextHash[index]!.toString(16).padStart(16, '0'),
      status: TOKEN_STATUSES[columns.status[index]!]!,
      failedRules: this.#ruleLists.at(columns.failedRules[index]!),
      pcc: existing(columns.pcc[index]!),
      klNats: existing(columns.klNats[index]!),
      regretNats: existing(columns.regretNats[index]!),
      isTop1: top1 === 2 ? null : top1 === 1,
      digest: columns.digest[index]!,
    };
  }

  #grow(): void {
    const larger = emptyColumns(this.#length * 2);
    for (const name of Object.keys(COLUMN_TYPES) as (keyof Columns)[]) {
      (larger[name] as { set(from: unknown): void }).set(this.#columns[name]);
    }
    this.#columns = larger;
  }
}

/** Lists of broken rules, each kept once: a run of a million tokens has a handful of them. */
class RuleLists {
  readonly #lists: (readonly string[])[] = [];
  readonly #indices: Map<string, number> = new Map();

  indexOf(list: readonly string[]): number {
    const id = JSON.stringify(list);
    const known = this.#indices.get(id);
    if (known !== undefined) return known;
    this.#indices.set(id, this.#lists.length);
    return this.#lists.push(list) - 1;
  }

  at(index: number): readonly string[] {
    return this.#lists[index]!;
  }
}

function emptyColumns(capacity: number): Columns {
  return Object.fromEntries(
    Object.entries(COLUMN_TYPES).map(([name, Column]) => [name, new Column(capacity)]),
  ) as unknown as Columns;
}

function existing(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
