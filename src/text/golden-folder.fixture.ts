// Test support: the tokenizer folders of fixtures/golden-tokenizers, with the ids and chats that Transformers makes of them.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { ChatMessage } from './chat-template.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const GOLDEN = join(FIXTURES, 'golden-tokenizers');

export interface GoldenChat {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly Record<string, unknown>[];
  readonly documents?: readonly Record<string, unknown>[];
  readonly text?: string;
  readonly ids?: readonly number[];
  /** What Transformers answers instead of a text. */
  readonly error?: string;
}

export interface GoldenTokenizer {
  readonly base: string;
  readonly tokenizer?: Readonly<Record<string, unknown>>;
  readonly files?: Readonly<Record<string, unknown>>;
  readonly template_date: string;
  readonly texts: readonly { readonly text: string; readonly ids: readonly number[]; readonly decoded: string }[];
  readonly chats: readonly GoldenChat[];
}

export const goldenNames: readonly string[] = readdirSync(GOLDEN)
  .filter((name) => name.endsWith('.json') && !['code-points.json', 'jinja.json'].includes(name))
  .map((name) => basename(name, '.json'));

export function readGoldenTokenizer(name: string): GoldenTokenizer {
  return JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), 'utf8')) as GoldenTokenizer;
}

/** Writes the folder that the golden values were made from. @returns its path, inside `parent`. */
export function writeGoldenFolder(parent: string, name: string): string {
  const golden = readGoldenTokenizer(name);
  const base = golden.base.startsWith('@')
    ? dirname(createRequire(import.meta.url).resolve(`${golden.base}/models/tokenizer.json`))
    : join(FIXTURES, golden.base);
  const read = (file: string): Record<string, unknown> => JSON.parse(readFileSync(join(base, file), 'utf8'));
  const files: Record<string, unknown> = {
    'tokenizer.json': { ...read('tokenizer.json'), ...golden.tokenizer },
    ...(existsSync(join(base, 'tokenizer_config.json'))
      ? { 'tokenizer_config.json': read('tokenizer_config.json') }
      : {}),
    ...golden.files,
  };
  const folder = join(parent, name);
  mkdirSync(folder);
  for (const [file, content] of Object.entries(files)) {
    if (content !== null) writeFileSync(join(folder, file), JSON.stringify(content));
  }
  return folder;
}
