// The number formats that logits are handed out in: one closed list, spelled in one way, and nothing guessed.
import { InputError, nearestName } from '../errors.ts';

/** From coarse to fine: each holds every value that the ones before it hold, but for F16's narrow range. */
export const LOGITS_FORMATS = ['BFP4_B', 'BFP8_B', 'BF16', 'F16', 'F32'] as const;
export type LogitsFormat = (typeof LOGITS_FORMATS)[number];

/** Spellings of other tools, lower case. */
const OTHER_SPELLINGS: Readonly<Record<string, LogitsFormat>> = {
  bfloat4_b: 'BFP4_B',
  bfloat8_b: 'BFP8_B',
  bfloat16: 'BF16',
  float16_b: 'BF16',
  float16: 'F16',
  fp16: 'F16',
  half: 'F16',
  float32: 'F32',
  fp32: 'F32',
  float: 'F32',
};

export function isLogitsFormat(name: string): name is LogitsFormat {
  return (LOGITS_FORMATS as readonly string[]).includes(name);
}

/**
 * Reads a format as people write it: ours, or the names of PyTorch, NumPy and ttnn.
 *
 * @param subject - who says so, for the message, e.g. `--logits-format`.
 * @throws InputError LOGITS_FORMAT for anything else: a guess would decide which differences are real.
 */
export function parseLogitsFormat(text: string, subject: string): LogitsFormat {
  const plain = text.trim().replace(/^(torch|ttnn|numpy|np)\./, '');
  const upper = plain.toUpperCase();
  const format = isLogitsFormat(upper) ? upper : OTHER_SPELLINGS[plain.toLowerCase()];
  if (format !== undefined) return format;
  const nearest = nearestName(plain, LOGITS_FORMATS);
  throw new InputError(`${subject}: the logits have no such format.`, {
    code: 'LOGITS_FORMAT',
    facts: { found: JSON.stringify(text), wanted: LOGITS_FORMATS.join(', ') },
    hint: nearest === undefined ? 'write one of these, or leave the format out.' : `did you mean ${nearest}?`,
  });
}

/** The finest of several: what is judged by it is never judged more leniently than its own format allows. */
export function finestLogitsFormat(formats: Iterable<LogitsFormat>): LogitsFormat | undefined {
  let finest = -1;
  for (const format of formats) finest = Math.max(finest, LOGITS_FORMATS.indexOf(format));
  return LOGITS_FORMATS[finest];
}
