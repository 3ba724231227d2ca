// A text between special tokens to token ids, as Qwen2 does: NFC, Qwen2's pieces, bytes, pairs joined in the order of the merges.
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import { spellBytes } from './byte-level.ts';
import type { TokenizerFiles } from './tokenizer-files.ts';

/** Qwen2's pieces, as tokenizer.json writes the pattern. */
export const QWEN2_PIECES: string = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
/** Letters and numbers since Unicode 17, which `tokenizers` 0.23 (Unicode 16) does not take for such. */
const LATER = String.raw`\u088f\u0c5c\u0cdc\ua7ce\ua7cf\ua7d2\ua7d4\ua7f1\u{10940}-\u{10959}\u{10ec5}-\u{10ec7}\u{11db0}-\u{11ddb}\u{11de0}-\u{11de9}\u{16ea0}-\u{16eb8}\u{16ebb}-\u{16ed3}\u{16ff2}-\u{16ff6}\u{187f8}-\u{187ff}\u{18d09}-\u{18d1e}\u{18d80}-\u{18df2}\u{1e6c0}-\u{1e6de}\u{1e6e0}-\u{1e6e2}\u{1e6e4}\u{1e6e5}\u{1e6e7}-\u{1e6ed}\u{1e6f0}-\u{1e6f4}\u{1e6fe}\u{1e6ff}\u{2b73a}-\u{2b73f}\u{2cea2}-\u{2cead}\u{323b0}-\u{33479}`;
/** The pattern for this engine: its `\s` is not Unicode's white space, and `(?i:` would fold more or less than Oniguruma does (ſ is an s). */
const PIECES = ((): RegExp => {
  const letter = String.raw`[\p{L}--[${LATER}]]`;
  const number = String.raw`[\p{N}--[${LATER}]]`;
  const other = (also: string): string => String.raw`[[^${also}\p{L}\p{N}]${LATER}]`;
  const blank = String.raw`\p{White_Space}`;
  const contraction = "'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])";
  const word = `${other('\\r\\n')}?${letter}+`;
  const signs = ` ?${other(blank)}+[\\r\\n]*`;
  const blanks = String.raw`${blank}*[\r\n]+|${blank}+(?!\P{White_Space})|${blank}+`;
  return new RegExp([contraction, word, number, signs, blanks].join('|'), 'gv');
})();

/** Qwen2's pieces of a text; put together they are the text. */
export function splitPieces(text: string): string[] {
  return text.match(PIECES) ?? [];
}

export interface BytePairEncoder {
  /** Ids of a text that holds no special token. */
  encode(text: string): number[];
}

export function createBytePairEncoder(files: TokenizerFiles): BytePairEncoder {
  const { vocabulary, merges, config } = files;
  // Joining needs to know which texts are tokens, not their ids: an array up to an id of 1e9 is never made.
  const texts = Object.fromEntries([...vocabulary.keys()].map((text, index) => [text, index]));
  const nothingElse = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] };
  const { model } = new HubTokenizer({ model: { type: 'BPE', vocab: texts, merges }, ...nothingElse }, {});
  const addsBlank = config.add_prefix_space === true;
  const spell = (piece: string): string => {
    const spelled = spellBytes(addsBlank && !piece.startsWith(' ') ? ` ${piece}` : piece);
    // A byte without a token is left out before its neighbours are joined, as `tokenizers` does.
    return [...spelled].every((character) => vocabulary.has(character))
      ? spelled
      : [...spelled].filter((character) => vocabulary.has(character)).join('');
  };
  return {
    encode: (text) => model!.encode(splitPieces(text).map(spell)).map((token: string) => vocabulary.get(token)!),
  };
}
