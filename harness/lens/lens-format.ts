// What a report's data consists of, for the writer and for the viewer in the browser: types and tables.
import { TOKEN_STATUSES } from '../record/token-record.ts';

/** Grows when a viewer must change; the two are always built together, so it is only checked. */
export const LENS_FORMAT = 1;

/** Tokens a page: what is inflated when one token is looked at. */
export const PAGE_TOKENS = 256;

/** A status is stored as its place in TOKEN_STATUSES, a flip as its place in FLIP_CLASSES. From here on a token is no pass. */
export const FIRST_FAILING: number = TOKEN_STATUSES.indexOf('failPcc');
/** From here on its comparison is invalid. */
export const FIRST_INVALID: number = TOKEN_STATUSES.indexOf('invalidNonFinite');

/** Of a flip's code: the row had no choice. */
export const NO_FLIP_CODE = 255;

export type Column = Uint8Array | Int32Array | Float32Array;
export type Columns = Readonly<Record<string, Column>>;

/** Always in the file: one number a token, missing values NaN. PCC is stored as 1 - PCC, which keeps its digits near 1. */
export interface Spine {
  readonly position: Int32Array;
  readonly token: Int32Array;
  readonly status: Uint8Array;
  readonly flip: Uint8Array;
  readonly pccGap: Float32Array;
  readonly kl: Float32Array;
  readonly gain: Float32Array;
  /** Golden's choice on the device, 1-based; 0: none. */
  readonly rank: Int32Array;
  readonly marginUlps: Float32Array;
  /** Golden log-probability of golden's choice minus that of the device's choice, nats. */
  readonly regret: Float32Array;
}

/** Names of a page's columns with one number a token. */
export const PAGE_NUMBERS = [
  'klReverse',
  'offset',
  'residualSd',
  'sdGolden',
  'sdActual',
  'cosine',
  'maxAbs',
  'meanAbs',
  'relL2',
  'nmseDb',
  'marginGolden',
  'marginActual',
  'ulp',
  'logZGolden',
  'logZActual',
  'textPGolden',
  'textPActual',
  'pccBeforeGolden',
  'pccBeforeActual',
  'pccUnrelated',
] as const;
export const PAGE_COUNTS = ['top1Golden', 'top1Actual', 'rankActual', 'maxAbsIndex', 'textId', 'overlap'] as const;

/** The union of both top ten, of all tokens of a page in a row; `topCount` says how many are whose. */
export const TOP_COLUMNS = ['topId', 'topGolden', 'topActual', 'topRankGolden', 'topRankActual'] as const;

/** What only some tokens have. */
export interface TokenNote {
  readonly reason?: string;
  readonly failedRules?: readonly string[];
  readonly pccUndefined?: string;
  /** What the gate's semantics said, where it is not the strict PCC. */
  readonly judged?: string;
  /** Where the two sides consumed something else: [golden, actual]. */
  readonly tokens?: readonly [number, number];
  readonly positions?: readonly [number, number];
  readonly nan?: readonly [number, number];
  readonly infinite?: readonly [number, number];
  readonly zeros?: readonly [number, number];
  readonly constantRow?: readonly [boolean, boolean];
  /** [from, to, value] */
  readonly constantBlocks?: readonly (readonly [number, number, number])[];
  /** Picture of the token's whole rows. */
  readonly picture?: RowPicture;
  /** Taps of the layers in order, from an inspection that was kept: [name, PCC, relative L2]. */
  readonly taps?: readonly TapNote[];
  /** Its noise ladder, and what promotions of the device are worth. */
  readonly tables?: readonly NoteTable[];
}

/** Words with a table under them, made when the report is written: the app shows them as they are. */
export interface NoteTable {
  readonly words: string;
  /** What follows them, with the space between. */
  readonly text?: string;
  /** The first column is of names, the others are numbers. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Parts of a whole of 100, a row each from the first on. */
  readonly bar?: readonly (readonly [from: number, width: number])[];
}

export type TapNote = readonly [tap: string, pcc: number | null, relL2: number | null];

/** Cells a side of the density picture of golden against actual. */
export const DENSITY_CELLS = 64;
/** Bins of the histogram of differences. */
export const ERROR_BINS = 49;

/** Whole rows as pictures: the rows themselves stay in the evidence file. */
export interface RowPicture {
  readonly evidence: string;
  /** Both axes of the density: smallest and largest finite logit of either side. */
  readonly range: readonly [number, number];
  /** [64, 64] counts as levels 0 … 255 of log(1 + n), golden along columns, actual up rows; base64. */
  readonly density: string;
  /** Differences actual - golden from -errorMax to errorMax. */
  readonly errorMax: number;
  readonly errors: readonly number[];
  /** Root mean square difference of each 32-wide tile as a level 0 … 255 of `tileMax`; base64. */
  readonly tiles: string;
  readonly tileMax: number;
  /** 1024-blocks that need a name, in order. */
  readonly blocks: readonly NamedBlock[];
}

export interface NamedBlock {
  /** Index of the block; its first entry is 1024 times that. */
  readonly block: number;
  readonly kind: 'dead' | 'constant' | 'swapped' | 'notFinite' | 'unrelated';
  /** PCC with golden's block of the same place; null: none exists. */
  readonly pcc: number | null;
  /** Which of golden's blocks is here instead. */
  readonly holds?: number;
}

/** A page of a sequence: in the file under its id, or in a script beside it. */
export interface PageHead {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  /** Path of the script from the report; absent: in the file. */
  readonly file?: string;
}

export interface SequenceHead {
  readonly case: number;
  readonly variant: string;
  readonly prompt: string;
  readonly user: number;
  readonly promptLength: number;
  readonly tokens: number;
  readonly failing: number;
  readonly outcome: string;
  readonly pccMin: number | null;
  readonly klMean: number | null;
  readonly spine: string;
  readonly pages: readonly PageHead[];
}

export interface VariantHead {
  readonly name: string;
  readonly label: string;
  readonly logitsFormat: string;
  readonly vocabSize: number;
  /** Of a variant of another run: where that is, and the variant's name there. */
  readonly from?: { readonly folder: string; readonly variant: string };
}

export interface CaseHead {
  readonly name: string;
  readonly model: string;
  readonly reference: string;
  readonly variants: readonly VariantHead[];
  /** Block with texts of token ids. */
  readonly texts: string;
}

/** A limit of a token rule that a curve can show. */
export interface LimitHead {
  readonly rule: string;
  readonly metric: string;
  readonly threshold: number;
}

export interface LensHead {
  readonly format: number;
  readonly runId: string;
  readonly status: string;
  readonly headline: string;
  readonly command: string;
  /** As a user types it from where the run was made. */
  readonly folder: string;
  readonly semantics: string;
  readonly limits: readonly LimitHead[];
  readonly cases: readonly CaseHead[];
  readonly sequences: readonly SequenceHead[];
  /** Block with all tokens as the overview draws them: `status`, `pcc` and `kl` levels, sequence after sequence. */
  readonly overview: string;
}

/** Levels of the overview: 0 … 250 for a value on a logarithmic scale from 1e-6 to 10, 255 for one that does not exist. */
export const NO_LEVEL = 255;
export const LEVEL_MAX = 250;
export const LEVEL_DECADES: readonly [number, number] = [-6, 1];
