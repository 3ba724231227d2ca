// Foreign text as a terminal, a log or a report may show it: without escapes that command a terminal and without marks that reorder lines.

/** What of a text's layout is kept. */
export interface PrintableOptions {
  /** Keeps `\n` as it is, for text of several lines; without it a line break is shown as a space. */
  readonly keepsLines?: boolean;
}

/**
 * ECMA-48 sequences, with the two-byte and the one-byte introducer: CSI … final byte; OSC, DCS, SOS, PM and APC … up to ST
 * or BEL (or the end of the line, so that an unclosed one hides no other line); and two- or three-byte escapes.
 */
const ESCAPE_SEQUENCES: RegExp = new RegExp(
  [
    '(?:\\u001b\\[|\\u009b)[0-?]*[ -/]*[@-~]?',
    '(?:\\u001b[\\]PX^_]|[\\u0090\\u0098\\u009d-\\u009f])[^\\u0007\\u001b\\u009c\\n]*(?:\\u0007|\\u001b\\\\|\\u009c)?',
    '\\u001b[ -/]*[0-~]?',
  ].join('|'),
  'g',
);

/** Format characters that reorder or hide what stands beside them, and separators that some viewers break lines at. */
const DIRECTION_MARKS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]/g;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * A text that does nothing but show: escape sequences are gone, control characters and direction marks as well, a tab is a
 * space.
 */
export function printable(text: string, { keepsLines = false }: PrintableOptions = {}): string {
  const lines = text
    .replaceAll('\r\n', '\n')
    .replaceAll(ESCAPE_SEQUENCES, '')
    .replaceAll(CONTROLS, '')
    .replaceAll(DIRECTION_MARKS, '')
    .replaceAll('\t', ' ');
  return keepsLines ? lines : lines.replaceAll('\n', ' ');
}
