// Laws of the tokenizer: a text survives encoding, and token texts together spell its bytes.
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from './tokenizer.ts';

const SEED = 20_240_613;
const tokenizer = loadTokenizer(join(import.meta.dirname, '../../fixtures/tiny-qwen2'));
const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 60 }));

describe('the byte-level tokenizer', () => {
  it('decodes what it encoded, normalised as Qwen2 does (NFC)', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.normalize('NFC'));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('shows every byte of a text in the texts of its tokens', () => {
    fc.assert(
      fc.property(
        anyText.filter((text) => !text.includes('\\x')),
        (text) => {
          const shown = tokenizer.encode(text).map((id) => tokenizer.tokenText(id));
          const bytes = Buffer.concat(
            shown
              .flatMap((piece) => piece.split(/(\\x[0-9A-F]{2})/))
              .map((piece) =>
                piece.startsWith('\\x') ? Buffer.from([Number.parseInt(piece.slice(2), 16)]) : Buffer.from(piece),
              ),
          );
          expect(bytes.toString()).toBe(text.normalize('NFC'));
        },
      ),
      { seed: SEED, numRuns: 500 },
    );
  });
});
