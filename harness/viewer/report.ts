// The report as the viewer holds it: head and overview at once, spines, pages and texts when they are looked at.
import type {
  CaseHead,
  Column,
  Columns,
  LensHead,
  SequenceHead,
  Spine,
  TokenNote,
  VariantHead,
} from '../lens/lens-format.ts';
import { readBlock } from './blocks.ts';

export interface Overview {
  readonly status: Uint8Array;
  readonly pcc: Uint8Array;
  readonly kl: Uint8Array;
}

/** A sequence with what is known of it at once. */
export interface Sequence extends SequenceHead {
  readonly index: number;
  readonly of: CaseHead;
  readonly on: VariantHead;
  /** Of its first token in the overview. */
  readonly start: number;
}

/** All columns of one token, by name; and the rows of its top list. */
export interface TokenDetail {
  readonly number: (name: string) => number;
  readonly note: TokenNote;
  readonly top: readonly TopRow[];
}

export interface TopRow {
  readonly id: number;
  readonly golden: number;
  readonly actual: number;
  readonly rankGolden: number;
  readonly rankActual: number;
}

export class Report {
  readonly head: LensHead;
  readonly overview: Overview;
  readonly sequences: readonly Sequence[];
  readonly #cache: Map<string, Promise<unknown>> = new Map();

  private constructor(head: LensHead, overview: Overview) {
    this.head = head;
    this.overview = overview;
    let start = 0;
    this.sequences = head.sequences.map((one, index) => {
      const of = head.cases[one.case]!;
      const sequence = { ...one, index, of, on: of.variants.find(({ name }) => name === one.variant)!, start };
      start += one.tokens;
      return sequence;
    });
  }

  /** Undefined in a report without a token, such as of a run that did not start. */
  static async open(): Promise<Report | undefined> {
    const text = document.getElementById('qp-head')?.textContent;
    if (text === undefined || text === null) return undefined;
    const head = JSON.parse(text) as LensHead;
    if (head.sequences.length === 0) return undefined;
    const { columns } = await readBlock(head.overview);
    return new Report(head, columns as unknown as Overview);
  }

  statusOf(sequence: Sequence, token: number): number {
    return this.overview.status[sequence.start + token]!;
  }

  spine(sequence: Sequence): Promise<Spine> {
    return this.#once(sequence.spine, async () => (await readBlock(sequence.spine)).columns as unknown as Spine);
  }

  /** Texts by token id; ids whose text the log does not have are named by their number. */
  texts(of: CaseHead): Promise<(id: number) => string> {
    return this.#once(of.texts, async () => {
      const { columns, notes } = await readBlock<string[]>(of.texts);
      const texts = new Map(Array.from(columns['id']!, (id, i) => [id, notes[i]!]));
      return (id: number) => texts.get(id) ?? `<${id}>`;
    });
  }

  async detail(sequence: Sequence, token: number): Promise<TokenDetail> {
    const page = sequence.pages.find(({ from, to }) => from <= token && token < to);
    if (page === undefined) throw new Error('this token has no page');
    const { columns, notes } = await this.#once(page.id, () => readBlock<[number, TokenNote][]>(page.id, page.file));
    const at = token - page.from;
    return {
      number: (name) => columns[name]?.[at] ?? Number.NaN,
      note: notes.find(([index]) => index === at)?.[1] ?? {},
      top: topRows(columns, at),
    };
  }

  /** Sequences of the same prompt on the other variants. */
  besides(sequence: Sequence): readonly Sequence[] {
    return this.sequences.filter(
      (one) =>
        one.case === sequence.case &&
        one.prompt === sequence.prompt &&
        one.user === sequence.user &&
        one.index !== sequence.index,
    );
  }

  #once<T>(key: string, make: () => Promise<T>): Promise<T> {
    let made = this.#cache.get(key) as Promise<T> | undefined;
    if (made === undefined) {
      made = make();
      this.#cache.set(key, made);
    }
    return made;
  }
}

function topRows(columns: Columns, at: number): TopRow[] {
  const counts = columns['topCount']!;
  let from = 0;
  for (let i = 0; i < at; i++) from += counts[i]!;
  const column = (name: string): Column => columns[name]!;
  return Array.from({ length: counts[at]! }, (_, i) => ({
    id: column('topId')[from + i]!,
    golden: column('topGolden')[from + i]!,
    actual: column('topActual')[from + i]!,
    rankGolden: column('topRankGolden')[from + i]!,
    rankActual: column('topRankActual')[from + i]!,
  }));
}
