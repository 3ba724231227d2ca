// A planned case with what it takes to run it: its sources are opened when its turn comes and closed after it.
import type { RecordedPrompt } from '../../src/device/capture/recorded-prompt.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import type { CaseSpec, RunUnit, VariantSpec } from '../record/run-spec.ts';
import type { GoldenCacheUsage } from '../record/run-usage.ts';
import type { Lab } from './open-lab.ts';

/** What a person can be shown of tokens. */
export interface TokenTexts {
  /** Text of one token id. */
  readonly textOf: (tokenId: number) => string;
  /** Text of a sequence. */
  readonly decode: (tokenIds: Int32Array) => string;
}

export interface OpenableVariant {
  readonly spec: VariantSpec;
  /** Things a report must say of it, known when it is open. */
  readonly notes: () => readonly string[];
  /** Variants of one key have one source, which is fed once for all of them. */
  readonly sourceKey: string;
  readonly open: () => Promise<LogitsSource>;
  /** Opens the device model for experiments; a recording cannot be changed. */
  readonly openLab?: () => Promise<Lab>;
  /** Of a recording: its values, and a healthy device to hold them against. */
  readonly recorded?: RecordedSide;
}

export interface RecordedSide {
  /** The recorded sequence of a context; nothing of it is read yet. */
  readonly promptOf: (context: RecordedContext) => RecordedPrompt;
  /** A healthy device of these settings on the reference's checkpoint. */
  readonly openLab: (config: N150Config) => Promise<Lab>;
}

export interface RecordedContext {
  /** Up to and with the token. */
  readonly tokenIds: Int32Array;
  readonly prompt: string;
  readonly user: number;
}

export interface OpenableCase {
  readonly spec: CaseSpec;
  readonly texts: TokenTexts;
  readonly layers: number;
  /** How many of these prompts may run together with the memory that there is; no limit without it. */
  readonly promptsTogether?: (units: readonly Pick<RunUnit, 'prompt'>[]) => number;
  readonly openReference: () => Promise<LogitsSource>;
  readonly variants: readonly OpenableVariant[];
  /** What its references took from a golden cache so far, if they have one. */
  readonly goldenCacheUse?: GoldenCacheUsage;
  /** @throws ComparisonInvalidError when a file that the case was opened from is another one by now. */
  readonly requireUnchanged: () => Promise<void>;
}
