// Why a token is where it is, as `inspect --why --json` prints it: each op by itself, and what each change of the device is worth.
import { z } from 'zod';
import { type ToolInfo, ToolInfoSchema } from './events.ts';
import { RealNumberSchema } from './real-number.ts';
import type { Pair } from './row-metrics.ts';

export const WHY_SCHEMA_VERSION = '1.1.0';

/** Classes of operations, in the order in which a token meets them. */
export const WHY_OPS = [
  'embedding',
  'norm',
  'qkv',
  'rotary',
  'kvCache',
  'attention',
  'o',
  'residual',
  'gateUp',
  'gatedSilu',
  'down',
  'finalNorm',
  'lmHead',
] as const;
export type WhyOp = (typeof WHY_OPS)[number];

/** How far a row of logits is from the golden one. */
export interface TokenMeasure {
  /** null: a row is constant or not finite. */
  readonly pcc: number | null;
  /** KL(golden || row), nats; null where it does not exist. */
  readonly klNats: number | null;
  /** What the row's choice costs: ln p(golden's choice) - ln p(the row's choice), both by the golden row; 0 for the same choice. */
  readonly regretNats: number | null;
  /** The row's best token. */
  readonly top1: number;
}

/** One named value of the graph at the token. Errors are |device - golden| / |golden|, Euclidean. */
export interface OpError {
  /** null: outside of the layers. */
  readonly layer: number | null;
  readonly op: WhyOp;
  readonly tap: string;
  /** The op's own: it was fed golden values. */
  readonly isolated: number;
  /** The largest of 32 neighbours (of 16 in the KV cache), against the row's mean square. */
  readonly isolatedBlock: number;
  /** The same two of a healthy device of the same settings at the same token. */
  readonly healthy: number;
  readonly healthyBlock: number;
  /** Largest of isolated / healthy limit and isolatedBlock / its limit; above 1 is blamed. */
  readonly ratio: number;
  /** With everything before it as the device made it; null for what only this op sees. */
  readonly accumulated: number | null;
  readonly accumulatedPcc: number | null;
  readonly isBlamed: boolean;
  /** Taps between it and what it was fed, nearest first: of a recording that lacks them, any of them may be wrong. */
  readonly span: readonly string[];
}

/** `place`: the change that heals best, in one layer, some layers or one head alone. */
export const CHANGE_KINDS = ['opClass', 'knob', 'layer', 'pair', 'place'] as const;

/**
 * `promotion`: the device with this alone at reference precision. `demotion`: a device that is exact in everything but this.
 * `cure`: the device with the blamed op alone replaced by a healthy one.
 */
export const CHANGE_DIRECTIONS = ['promotion', 'demotion', 'cure'] as const;

/** What is made of earlier positions when a token is measured with a change. */
export const PASTS = ['kept', 'remade', 'redone'] as const;

export interface Change {
  readonly direction: (typeof CHANGE_DIRECTIONS)[number];
  readonly kind: (typeof CHANGE_KINDS)[number];
  /** Short, unique in its direction, e.g. `kvFormat`, `layer 3`, `kvFormat + biasFormat`. */
  readonly name: string;
  /** What changes, for people. */
  readonly what: string;
  /** To write behind `--device n150:` for the same effect; null where no knob does it. */
  readonly knobs: string | null;
  /**
   * `kept`: earlier positions are as the device made them. `remade`: their keys and values were made again with the change, of the residual
   * stream as the device (for a demotion: the reference) made it. `redone`: everything was.
   */
  readonly past: (typeof PASTS)[number];
  /** With the roundings as they fell. */
  readonly measure: TokenMeasure;
  /** How often it was measured: once as the roundings fell, and with the same roundings drawn anew. */
  readonly draws: number;
  /** In how many of them it took 80 % of the device's KL away (a demotion: made half of it). */
  readonly effective: number;
  /** Of the device's KL, means over the draws: of a promotion the share that is gone, of a demotion the share that this alone makes. */
  readonly share: number | null;
}

/** Cached keys or values of one layer (and head) as the reference has them, put into the device. */
export interface Carrier {
  readonly layer: number;
  /** null: all heads of the layer. */
  readonly head: number | null;
  readonly part: 'keys' | 'values' | 'both';
  readonly measure: TokenMeasure;
  /** Share of the device's KL that is gone. */
  readonly share: number | null;
  /** Of the keys' bias: its largest entry, and the steps of the cache's format there; null for values. */
  readonly keyBias: { readonly largest: number; readonly step: number } | null;
}

/** The KV cache of one head, over all positions up to the token. */
export interface CacheError {
  readonly layer: number;
  readonly head: number;
  readonly part: 'keys' | 'values';
  /** |cached - golden| / |golden| over all positions. */
  readonly relL2: number;
  readonly worstPosition: number;
  readonly worstRelL2: number;
  /** Of the cache alone, against what it was given: the largest of all positions. */
  readonly ownRelL2: number;
}

/** Where a query head looks: its largest attention weight on each side. */
export interface AttentionPeak {
  readonly layer: number;
  readonly head: number;
  readonly position: Pair<number>;
  readonly weight: Pair<number>;
}

/** What only a recording has: nothing in it can be changed, and not every tap need be there. */
export interface RecordingEvidence {
  /** The healthy device that it is held against, as `--device` has it. */
  readonly heldAgainst: string;
  /** Of the taps of the model, logits included, those recorded at the token. */
  readonly recordedTaps: number;
  /** First tap that is farther from the reference's than twice what the healthy device is; null: none. */
  readonly firstApart: { readonly tap: string; readonly relL2: number; readonly healthy: number } | null;
  /** Taps that are not, in order of computation. */
  readonly notRecorded: readonly string[];
  /** Recorded taps that follow from earlier positions that are not recorded: measured, and blamed for nothing. */
  readonly notJudged: readonly string[];
}

export interface WhyRecord {
  readonly schemaVersion: string;
  readonly tool: ToolInfo;
  readonly command: string;
  readonly token: {
    readonly case: string;
    readonly variant: string;
    readonly prompt: string;
    readonly user: number;
    readonly position: number;
    readonly inputToken: number;
    readonly status: string;
  };
  readonly sides: Pair<string>;
  readonly device: TokenMeasure;
  /** The device with the same roundings drawn anew, if it was. */
  readonly redrawn: readonly TokenMeasure[];
  /** A healthy device of the same settings at the same token. */
  readonly healthy: TokenMeasure;
  /** The device with everything promoted; null where it was not run. */
  readonly exact: TokenMeasure | null;
  readonly rule: {
    /** An op is blamed above this many times what a healthy device shows. */
    readonly factor: number;
    /** Positions that the healthy device was measured at. */
    readonly positions: number;
    readonly text: string;
  };
  /** In order of computation. */
  readonly ops: readonly OpError[];
  /** Index in `ops` of the first that is below its rule; null: none is. */
  readonly firstBlamed: number | null;
  /** Best first within each direction. */
  readonly changes: readonly Change[];
  /** Rows that `changes` does not have, or (`NAME anew`) has over a past that was kept or remade only: why, and what to do. */
  readonly notTried: readonly { readonly names: readonly string[]; readonly reason: string; readonly hint: string }[];
  /** Best first. */
  readonly carriers: readonly Carrier[];
  readonly kvCache: readonly CacheError[];
  readonly attention: readonly AttentionPeak[];
  /** null: the device was run. */
  readonly recording: RecordingEvidence | null;
  /** The conclusion, in a paragraph. */
  readonly words: string;
}

const count = z.int().min(0);
const text = z.string().min(1);
const real = RealNumberSchema;
const pair = <T extends z.ZodType>(of: T) => z.strictObject({ golden: of, actual: of });

const MeasureSchema = z.strictObject({
  pcc: real.nullable(),
  klNats: real.nullable(),
  regretNats: real.nullable(),
  top1: count,
});

/** Field order here is the key order of the JSON. */
export const WhyRecordSchema: z.ZodType<WhyRecord, unknown> = z.strictObject({
  schemaVersion: z.string().regex(/^1\./, { error: `this version reads attributions ${WHY_SCHEMA_VERSION}` }),
  tool: ToolInfoSchema,
  command: z.string(),
  token: z.strictObject({
    case: text,
    variant: text,
    prompt: text,
    user: count,
    position: count,
    inputToken: count,
    status: text,
  }),
  sides: pair(z.string()),
  device: MeasureSchema,
  redrawn: z.array(MeasureSchema),
  healthy: MeasureSchema,
  exact: MeasureSchema.nullable(),
  rule: z.strictObject({ factor: real, positions: count, text }),
  ops: z.array(
    z.strictObject({
      layer: count.nullable(),
      op: z.enum(WHY_OPS),
      tap: text,
      isolated: real,
      isolatedBlock: real,
      healthy: real,
      healthyBlock: real,
      ratio: real,
      accumulated: real.nullable(),
      accumulatedPcc: real.nullable(),
      isBlamed: z.boolean(),
      span: z.array(text),
    }),
  ),
  firstBlamed: count.nullable(),
  changes: z.array(
    z.strictObject({
      direction: z.enum(CHANGE_DIRECTIONS),
      kind: z.enum(CHANGE_KINDS),
      name: text,
      what: text,
      knobs: text.nullable(),
      past: z.enum(PASTS),
      measure: MeasureSchema,
      draws: count,
      effective: count,
      share: real.nullable(),
    }),
  ),
  notTried: z.array(z.strictObject({ names: z.array(text), reason: text, hint: text })).default([]),
  carriers: z.array(
    z.strictObject({
      layer: count,
      head: count.nullable(),
      part: z.enum(['keys', 'values', 'both']),
      measure: MeasureSchema,
      share: real.nullable(),
      keyBias: z.strictObject({ largest: real, step: real }).nullable(),
    }),
  ),
  kvCache: z.array(
    z.strictObject({
      layer: count,
      head: count,
      part: z.enum(['keys', 'values']),
      relL2: real,
      worstPosition: count,
      worstRelL2: real,
      ownRelL2: real,
    }),
  ),
  attention: z.array(z.strictObject({ layer: count, head: count, position: pair(count), weight: pair(real) })),
  recording: z
    .strictObject({
      heldAgainst: text,
      recordedTaps: count,
      firstApart: z.strictObject({ tap: text, relL2: real, healthy: real }).nullable(),
      notRecorded: z.array(text),
      notJudged: z.array(text),
    })
    .nullable(),
  words: text,
});

export function formatWhy(record: WhyRecord): string {
  return `${JSON.stringify(z.encode(WhyRecordSchema, record), null, 2)}\n`;
}
