// The tokens of one sequence as columns: a spine for all of them, and a page for every 256.
import { isPassing } from '../gate/token-highlights.ts';
import { FLIP_CLASSES } from '../record/row-metrics.ts';
import { TOKEN_STATUSES, type TokenKey, type TokenRecord } from '../record/token-record.ts';
import {
  LEVEL_DECADES,
  LEVEL_MAX,
  NO_FLIP_CODE,
  NO_LEVEL,
  type NoteTable,
  PAGE_COUNTS,
  PAGE_NUMBERS,
  PAGE_TOKENS,
  type RowPicture,
  type TapNote,
  TOP_COLUMNS,
  type TokenNote,
} from './lens-format.ts';
import { packBlock } from './pack-block.ts';

type PageNumber = (typeof PAGE_NUMBERS)[number];
type PageCount = (typeof PAGE_COUNTS)[number];

/** A page as text, and how much it matters that it is in the file. */
export interface PackedPage {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly hasFailing: boolean;
}

/** What the overview draws of a sequence. */
export interface OverviewColumns {
  readonly status: readonly number[];
  readonly pcc: readonly number[];
  readonly kl: readonly number[];
}

/** What lies beside the log for single tokens. */
export interface TokenExtras {
  /** Of a token whose rows were kept; undefined if they cannot be read any more. */
  readonly pictureOf: (evidence: string) => RowPicture | undefined;
  readonly tapsOf: (key: TokenKey) => readonly TapNote[] | undefined;
  readonly tablesOf: (key: TokenKey) => readonly NoteTable[];
}

export class SequenceColumns {
  readonly pages: PackedPage[] = [];
  readonly overview: { status: number[]; pcc: number[]; kl: number[] } = { status: [], pcc: [], kl: [] };
  failing = 0;
  readonly #spine: Record<string, number[]> = {};
  readonly #extras: TokenExtras;
  #page: TokenRecord[] = [];

  constructor(extras: TokenExtras) {
    this.#extras = extras;
  }

  get tokens(): number {
    return this.overview.status.length;
  }

  add(record: TokenRecord): void {
    const status = TOKEN_STATUSES.indexOf(record.status);
    const { choice, moments, distribution } = record;
    const gap = record.pcc === null ? Number.NaN : 1 - record.pcc;
    const kl = distribution?.klNats ?? Number.NaN;
    const push = (name: string, value: number): void => {
      const column = this.#spine[name];
      if (column === undefined) this.#spine[name] = [value];
      else column.push(value);
    };
    push('position', record.position);
    push('token', record.inputToken.golden);
    push('status', status);
    push('flip', choice === null ? NO_FLIP_CODE : FLIP_CLASSES.indexOf(choice.flip));
    push('pccGap', gap);
    push('kl', kl);
    push('gain', moments?.gain ?? Number.NaN);
    push('rank', choice?.goldenRankOnActual ?? 0);
    push('marginUlps', choice?.marginUlps ?? Number.NaN);
    push('regret', regretOf(record));
    this.overview.status.push(status);
    this.overview.pcc.push(levelOf(gap));
    this.overview.kl.push(levelOf(kl));
    if (!isPassing(record)) this.failing++;
    this.#page.push(record);
    if (this.#page.length === PAGE_TOKENS) this.#packPage();
  }

  /** The token with the highest KL, the first of several; null where none has one. */
  get highestKl(): { readonly index: number; readonly position: number } | null {
    const kl = this.#spine['kl'] ?? [];
    const index = kl.reduce((best, value, i) => (value > (kl[best] ?? Number.NEGATIVE_INFINITY) ? i : best), -1);
    return index < 0 ? null : { index, position: this.#spine['position']![index]! };
  }

  /** Whether both fed the same tokens at the same positions, as far as both go. */
  isOfSameText(other: SequenceColumns): boolean {
    const length = Math.min(this.tokens, other.tokens);
    return ['position', 'token'].every((name) => {
      const [own, theirs] = [this.#spine[name] ?? [], other.#spine[name] ?? []];
      return own.slice(0, length).every((value, i) => value === theirs[i]);
    });
  }

  /** Ends the sequence. */
  finish(): string {
    if (this.#page.length > 0) this.#packPage();
    const list = (name: string): number[] => this.#spine[name] ?? [];
    return packBlock({
      position: Int32Array.from(list('position')),
      token: Int32Array.from(list('token')),
      status: Uint8Array.from(list('status')),
      flip: Uint8Array.from(list('flip')),
      pccGap: Float32Array.from(list('pccGap')),
      kl: Float32Array.from(list('kl')),
      gain: Float32Array.from(list('gain')),
      rank: Int32Array.from(list('rank')),
      marginUlps: Float32Array.from(list('marginUlps')),
      regret: Float32Array.from(list('regret')),
    });
  }

  #packPage(): void {
    const page = this.#page;
    this.#page = [];
    const numbers = PAGE_NUMBERS.map((name) => [name, Float32Array.from(page, (one) => numberOf(one, name))] as const);
    const counts = PAGE_COUNTS.map((name) => [name, Int32Array.from(page, (one) => countOf(one, name))] as const);
    const notes = page.flatMap((one, i): [number, TokenNote][] => {
      const note = noteOf(one, this.#extras);
      return Object.keys(note).length === 0 ? [] : [[i, note]];
    });
    const columns = { ...Object.fromEntries(numbers), ...Object.fromEntries(counts), ...topColumns(page) };
    const to = this.tokens;
    this.pages.push({
      from: to - page.length,
      to,
      text: packBlock(columns, notes),
      hasFailing: page.some((one) => !isPassing(one)),
    });
  }
}

function topColumns(page: readonly TokenRecord[]): Record<string, Uint8Array | Int32Array | Float32Array> {
  const tops = page.map(({ choice }) => choice?.top ?? []);
  const all = tops.flat();
  const [id, golden, actual, rankGolden, rankActual] = TOP_COLUMNS;
  return {
    topCount: Uint8Array.from(tops, (top) => top.length),
    [id]: Int32Array.from(all, (top) => top.id),
    [golden]: Float32Array.from(all, (top) => top.logit.golden),
    [actual]: Float32Array.from(all, (top) => top.logit.actual),
    [rankGolden]: Int32Array.from(all, (top) => top.rank.golden),
    [rankActual]: Int32Array.from(all, (top) => top.rank.actual),
  };
}

/** NaN where there is no choice or golden's logit of the device's choice is not known. */
function regretOf({ choice }: TokenRecord): number {
  const logitOf = (id: number | undefined): number => choice?.top.find((top) => top.id === id)?.logit.golden ?? NaN;
  return logitOf(choice?.top1.golden) - logitOf(choice?.top1.actual);
}

const NUMBERS: Readonly<Record<PageNumber, (record: TokenRecord) => number | null | undefined>> = {
  klReverse: ({ distribution }) => distribution?.klReverseNats,
  offset: ({ moments }) => moments?.offset,
  residualSd: ({ moments }) => moments?.residualSd,
  sdGolden: ({ moments }) => moments?.sd.golden,
  sdActual: ({ moments }) => moments?.sd.actual,
  cosine: ({ moments }) => moments?.cosine,
  maxAbs: ({ moments }) => moments?.maxAbs,
  meanAbs: ({ moments }) => moments?.meanAbs,
  relL2: ({ moments }) => moments?.relL2,
  nmseDb: ({ moments }) => moments?.nmseDb,
  marginGolden: ({ choice }) => choice?.margin.golden,
  marginActual: ({ choice }) => choice?.margin.actual,
  ulp: ({ choice }) => choice?.ulp,
  logZGolden: ({ distribution }) => distribution?.logNormaliser.golden,
  logZActual: ({ distribution }) => distribution?.logNormaliser.actual,
  textPGolden: ({ distribution }) => distribution?.textToken?.probability.golden,
  textPActual: ({ distribution }) => distribution?.textToken?.probability.actual,
  pccBeforeGolden: ({ controls }) => controls.pccPreviousGolden,
  pccBeforeActual: ({ controls }) => controls.pccPreviousActual,
  pccUnrelated: ({ controls }) => controls.pccUnrelatedGolden,
};

function numberOf(record: TokenRecord, name: PageNumber): number {
  return NUMBERS[name](record) ?? Number.NaN;
}

const COUNTS: Readonly<Record<PageCount, (record: TokenRecord) => number | undefined>> = {
  top1Golden: ({ choice }) => choice?.top1.golden,
  top1Actual: ({ choice }) => choice?.top1.actual,
  rankActual: ({ choice }) => choice?.actualRankOnGolden,
  maxAbsIndex: ({ moments }) => moments?.maxAbsIndex,
  textId: ({ distribution }) => distribution?.textToken?.id,
  overlap: ({ choice }) => choice?.overlap10,
};

/** -1 where there is none. */
function countOf(record: TokenRecord, name: PageCount): number {
  return COUNTS[name](record) ?? -1;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function noteOf(record: TokenRecord, { pictureOf, tapsOf, tablesOf }: TokenExtras): TokenNote {
  const { hygiene, inputToken, inputPosition, pccJudgement } = record;
  const note: Mutable<TokenNote> = {};
  const pairOf = ({ golden, actual }: { golden: number; actual: number }): [number, number] => [golden, actual];
  const isAny = ({ golden, actual }: { golden: number; actual: number }): boolean => golden !== 0 || actual !== 0;
  if (record.reason !== null) note.reason = record.reason;
  if (record.failedRules.length > 0) note.failedRules = record.failedRules;
  if (record.pccUndefined !== null) note.pccUndefined = record.pccUndefined;
  if (pccJudgement.semantics !== 'strict')
    note.judged = `${pccJudgement.semantics}: ${pccJudgement.outcome}, PCC ${pccJudgement.pcc?.toFixed(5) ?? 'none'}`;
  if (inputToken.golden !== inputToken.actual) note.tokens = pairOf(inputToken);
  if (inputPosition.golden !== inputPosition.actual) note.positions = pairOf(inputPosition);
  if (isAny(hygiene.nan)) note.nan = pairOf(hygiene.nan);
  const infinite = {
    golden: hygiene.positiveInfinity.golden + hygiene.negativeInfinity.golden,
    actual: hygiene.positiveInfinity.actual + hygiene.negativeInfinity.actual,
  };
  if (isAny(infinite)) note.infinite = pairOf(infinite);
  if (isAny(hygiene.zeros)) note.zeros = pairOf(hygiene.zeros);
  const { golden, actual } = hygiene.constantRow;
  if (golden || actual) note.constantRow = [golden, actual];
  if (hygiene.constantBlocks.length > 0)
    note.constantBlocks = hygiene.constantBlocks.map(({ from, to, value }) => [from, to, value] as const);
  const picture = record.evidence === null ? undefined : pictureOf(record.evidence);
  if (picture !== undefined) note.picture = picture;
  const taps = tapsOf(record);
  if (taps !== undefined) note.taps = taps;
  const tables = tablesOf(record);
  if (tables.length > 0) note.tables = tables;
  return note;
}

/** A value on the overview's logarithmic scale. */
export function levelOf(value: number): number {
  if (Number.isNaN(value)) return NO_LEVEL;
  const [low, high] = LEVEL_DECADES;
  const share = (Math.log10(Math.max(value, 1e-30)) - low) / (high - low);
  return Math.round(Math.min(1, Math.max(0, share)) * LEVEL_MAX);
}
