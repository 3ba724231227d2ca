// JSON of prompt files, read so that nothing is changed on the way: no character replaced, no number rounded, no key reordered.
import { statSync } from 'node:fs';
import { InputError } from '../errors.ts';
import { pythonFloat } from './python-text.ts';
import { readBounded } from './read-bounded.ts';

/** The engine's longest string has 2^29 characters. */
const BYTES_MAX = 2 ** 29 - 2 ** 20;

/** @param wanted - the file's form, for the message. @throws InputError `PROMPTS_UNREADABLE`. */
export function readPromptJson(path: string, wanted: string): unknown {
  const text = readText(path, wanted);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw unreadable(
      path,
      'the prompt file cannot be read as JSON',
      { found: (cause as Error).message, wanted },
      cause,
      `write JSON of this form: ${wanted}`,
    );
  }
  requireKeptNumbers(text, path);
  return json;
}

function readText(path: string, wanted: string): string {
  let bytes: Buffer | undefined;
  try {
    // A pipe has no size: it is read until it is too much.
    bytes = statSync(path).size > BYTES_MAX ? undefined : readBounded(path, BYTES_MAX);
  } catch (cause) {
    const facts = { found: (cause as Error).message, wanted };
    throw unreadable(path, 'the prompt file cannot be read', facts, cause, 'name a file that is there and may be read');
  }
  if (bytes === undefined) {
    const facts = { found: 'more', wanted: `at most ${BYTES_MAX} bytes` };
    throw unreadable(path, 'the prompt file is too large', facts, undefined, 'split it into several files');
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw unreadable(
      path,
      'the prompt file begins with a byte order mark',
      { found: 'EF BB BF', wanted: 'JSON in UTF-8 without it' },
      undefined,
      'save it as UTF-8 without BOM',
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const isUtf16 = bytes[0] === 0xff || bytes[0] === 0xfe;
    throw unreadable(
      path,
      'the prompt file is not UTF-8',
      { found: isUtf16 ? 'bytes of UTF-16' : `a wrong byte at ${firstWrongByte(bytes)}`, wanted: 'JSON in UTF-8' },
      cause,
      'save it as UTF-8',
    );
  }
}

function firstWrongByte(bytes: Buffer): number {
  let good = 0;
  let bad = bytes.length;
  while (good < bad) {
    const middle = Math.ceil((good + bad) / 2);
    try {
      // Streaming: a character that is cut off at the end is no fault of the bytes before it.
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      good = middle;
    } catch {
      bad = middle - 1;
    }
  }
  return good;
}

/** A template would write 1.0 as `1`, and 1e-7 otherwise than Python; an id beyond 2^53 would be another one. */
function requireKeptNumbers(text: string, path: string): void {
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const end = quote === -1 ? text.length : quote;
    for (const { 0: literal, index } of text.slice(at, end).matchAll(/-?\d[\d.eE+-]*/g)) {
      if (isKept(literal)) continue;
      const line = text.slice(0, at + index).split('\n').length;
      throw unreadable(
        path,
        'a number would not be kept as it is written',
        { found: `${literal} in line ${line}`, 'read as': String(Number(literal)) },
        undefined,
        'write whole numbers without point or exponent, or put the number into a text',
      );
    }
    at = quote === -1 ? end : endOfString(text, quote);
  }
}

function isKept(literal: string): boolean {
  const value = Number(literal);
  if (!/[.eE]/.test(literal)) return Number.isSafeInteger(value);
  return !Number.isInteger(value) && String(value) === pythonFloat(value);
}

function endOfString(text: string, quote: number): number {
  for (let at = quote + 1; ; at++) {
    at = text.indexOf('"', at);
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
}

/**
 * What in a value would reach a tokenizer or a template changed; undefined if nothing would.
 *
 * Half a surrogate pair becomes U+FFFD, and keys that are numbers move to the front of an object.
 */
export function changedOnTheWay(value: unknown): string | undefined {
  if (typeof value === 'string')
    return /\p{Cs}/u.test(value) ? 'half a surrogate pair (\\ud800 … \\udfff by itself)' : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const keys = Array.isArray(value) ? [] : Object.keys(value);
  const numeric = keys.length > 1 ? keys.find((key) => /^(0|[1-9]\d*)$/.test(key)) : undefined;
  if (numeric !== undefined) return `an object with the key "${numeric}", whose place among the others is not kept`;
  for (const item of [...keys, ...Object.values(value)]) {
    const found = changedOnTheWay(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function unreadable(
  path: string,
  what: string,
  facts: Readonly<Record<string, string>>,
  cause: unknown,
  hint: string,
): InputError {
  return new InputError(`${path}: ${what}.`, {
    code: 'PROMPTS_UNREADABLE',
    facts,
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
