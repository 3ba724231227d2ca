// How a token's text stands in a line: spaces and line ends seen, byte pieces as bytes and, where they end, as the character they make.
import { visibleText } from '../lens/visible-text.ts';

export interface ShownText {
  readonly text: string;
  /** plain: as it is; space: marks for white space; byte: pieces of a character. */
  readonly kind: 'plain' | 'space' | 'byte';
  /** The character that ends here, for bytes. */
  readonly joined?: string;
  /** A line ends after it. */
  readonly endsLine: boolean;
}

/** Characters of one token that a line has room for. */
const LONGEST = 60;
/** A token that is bytes of a character: as the log writes them. */
const BYTES = /^(?:\\x[0-9A-F]{2})+$/;

export function shownTexts(texts: readonly string[]): ShownText[] {
  let pending: number[] = [];
  return texts.map((text) => {
    const endsLine = text.includes('\n');
    if (!BYTES.test(text)) {
      pending = [];
      const shown = visibleText(text, LONGEST).replaceAll('\n', '⏎').replaceAll('\t', '⇥');
      const isSpace = shown.trim() === '' || /^[⏎⇥\s]+$/.test(shown);
      return { text: isSpace ? shown.replaceAll(' ', '·') : shown, kind: isSpace ? 'space' : 'plain', endsLine };
    }
    const bytes = [...text.matchAll(/[0-9A-F]{2}/g)].map(([hex]) => Number.parseInt(hex, 16));
    pending = [...pending, ...bytes].slice(-4);
    const joined = decoded(pending);
    if (joined !== undefined) pending = [];
    return {
      text: bytes.map((byte) => byte.toString(16).toUpperCase()).join(' '),
      kind: 'byte',
      endsLine,
      ...(joined === undefined ? {} : { joined }),
    };
  });
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The character that some of the last bytes make; undefined as long as they make none. */
function decoded(bytes: readonly number[]): string | undefined {
  for (let from = 0; from < bytes.length; from++) {
    try {
      return visibleText(decoder.decode(Uint8Array.from(bytes.slice(from))));
    } catch {
      // Not yet, or not from here.
    }
  }
  return undefined;
}
