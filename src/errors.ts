// The error classes of qwen-pcc, each with a stable code and the exit code that the command line answers with.

/** Exit codes of every command; documented in README.md and `qwen-pcc --help`. */
export const EXIT_CODES = {
  pass: 0,
  accuracyFail: 1,
  usage: 2,
  deviceFault: 3,
  comparisonInvalid: 4,
  referenceFault: 5,
  internal: 70,
  interrupted: 130,
} as const;

/** What a message consists of besides its subject: aligned facts (both sides, with units) and a next step. */
export interface ErrorDetails {
  /** Stable upper-case code, e.g. `TENSOR_MISSING`. */
  readonly code: string;
  /** Lines such as `found     F64`, `wanted    BF16, F16 or F32`. */
  readonly facts?: Readonly<Record<string, string | number>>;
  /** The next step, a command or a choice. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Base of all errors that are somebody's fault by name; the message holds subject, facts and hint. */
export abstract class QwenPccError extends Error {
  readonly code: string;
  readonly facts: Readonly<Record<string, string | number>>;
  readonly hint: string | undefined;
  abstract readonly exitCode: number;

  constructor(subject: string, details: ErrorDetails) {
    super(formatMessage(subject, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code;
    this.facts = details.facts ?? {};
    this.hint = details.hint;
  }
}

/** The caller's command or options. */
export class UsageError extends QwenPccError {
  override readonly exitCode: number = EXIT_CODES.usage;
}

/** A file that cannot be used: checkpoint, config, prompts, recording, run folder. */
export class InputError extends QwenPccError {
  override readonly exitCode: number = EXIT_CODES.usage;
}

/** Shapes or dtypes that do not fit together. */
export class ShapeError extends InputError {}

/** Valid in itself, but not modelled here. */
export class UnsupportedError extends InputError {}

/** The device side failed while running. */
export class DeviceError extends QwenPccError {
  override readonly exitCode: number = EXIT_CODES.deviceFault;
}

/** Golden and actual cannot be compared: other tokens, positions, vocabulary or no coverage. */
export class ComparisonInvalidError extends QwenPccError {
  override readonly exitCode: number = EXIT_CODES.comparisonInvalid;
}

/** The reference side failed while running. */
export class ReferenceFaultError extends QwenPccError {
  override readonly exitCode: number = EXIT_CODES.referenceFault;
}

/** A broken invariant of ours. */
export class InternalError extends QwenPccError {
  override readonly exitCode: number = EXIT_CODES.internal;
}

function formatMessage(subject: string, { facts = {}, hint }: ErrorDetails): string {
  const width = Math.max(0, ...Object.keys(facts).map((key) => key.length));
  const lines = Object.entries(facts).map(([key, value]) => `  ${key.padEnd(width)}  ${value}`);
  return [subject, ...lines, ...(hint === undefined ? [] : [`  hint: ${hint}`])].join('\n');
}

/** The candidate nearest to `text` by edit distance, if near enough to be a likely typo; for "did you mean". */
export function nearestName(text: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(text.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(text.toLowerCase(), candidate.toLowerCase());
    // Words that share no letter are no typos of each other: 4 is not meant to be 1.
    if (distance < bestDistance && distance < Math.max(text.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
