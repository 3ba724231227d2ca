// The error classes of qwen-pcc, each with a stable code and the exit code that the command line answers with.
import { printable } from './text/printable.ts';

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

/** A message is read by a person: what a file of 300,000 tensors has to say is cut, with a count of what is left out. */
const FACTS_SHOWN = 10;
const VALUE_CHARACTERS_SHOWN = 1000;
/** No line of a hint looks like a line of the program. */
const HINT_INDENT = '\n        ';

/** Names and values come out of foreign files, so nothing of them reaches a terminal raw; a hint may have several lines. */
function formatMessage(subject: string, { facts = {}, hint }: ErrorDetails): string {
  const all = Object.entries(facts);
  // One fact more costs the line that would say how many are missing.
  const shown = all.length <= FACTS_SHOWN + 1 ? all : all.slice(0, FACTS_SHOWN);
  const rows = shown.map(([key, value]): [string, string] => [shortened(key), shortened(`${value}`)]);
  const width = rows.reduce((widest, [key]) => Math.max(widest, key.length), 0);
  const lines = rows.map(([key, value]) => `  ${key.padEnd(width)}  ${value}`);
  if (shown.length < all.length) lines.push(`  and ${all.length - shown.length} more`);
  if (hint !== undefined) lines.push(`  hint: ${printable(hint, { keepsLines: true }).replaceAll('\n', HINT_INDENT)}`);
  return [shortened(subject), ...lines].join('\n');
}

function shortened(text: string): string {
  if (text.length <= VALUE_CHARACTERS_SHOWN) return printable(text);
  return `${printable(text.slice(0, VALUE_CHARACTERS_SHOWN))}… (${text.length} characters)`;
}

const NAME_CHARACTERS_SHOWN = 100;

/** Names for a message: the first ten, and how many more there are. */
export function listNames(names: readonly string[], shown: number = FACTS_SHOWN): string {
  const all = names.length <= shown + 1;
  const short = (all ? names : names.slice(0, shown)).map((name) =>
    name.length <= NAME_CHARACTERS_SHOWN ? name : `${name.slice(0, NAME_CHARACTERS_SHOWN - 1)}…`,
  );
  return short.join(', ') + (all ? '' : ` and ${names.length - shown} more`);
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
