// Token ids and chats as Transformers makes them, for folders that differ in what adds, finds and splits tokens.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { splitPieces } from './byte-pairs.ts';
import { goldenNames, readGoldenTokenizer, writeGoldenFolder } from './golden-folder.fixture.ts';
import { composed } from './nfc.ts';
import { loadTokenizer } from './tokenizer.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-golden-tokenizers-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe.each(goldenNames)('tokenizer folder %s', (name) => {
  const golden = readGoldenTokenizer(name);
  const tokenizer = loadTokenizer(writeGoldenFolder(scratch, name));

  it('feeds the ids that Transformers feeds, special tokens of the post-processor included', () => {
    for (const { text, ids } of golden.texts) {
      expect({ text, ids: tokenizer.encodeWithSpecialTokens(text) }).toEqual({ text, ids });
    }
  });

  it('decodes them to the text of Transformers', () => {
    for (const { ids, decoded } of golden.texts) expect(tokenizer.decode(ids)).toBe(decoded);
  });

  it.each(golden.chats)('writes chat %# as apply_chat_template does, and adds no token to it', (chat) => {
    const { messages, text, ids, error, ...rest } = chat;
    const render = (): string => tokenizer.renderChat(messages, { ...rest, templateDate: golden.template_date });
    if (error !== undefined) {
      expect(render).toThrow(InputError);
      return;
    }
    expect(render()).toBe(text);
    expect(tokenizer.encode(render())).toEqual(ids);
  });
});

it('a tokenizer that splits text otherwise than Qwen2 is noted', () => {
  expect(loadTokenizer(join(FIXTURES, 'golden-tokenizers/smollm2')).notes).toEqual([
    expect.stringMatching(/normalizer and pre_tokenizer differ from Qwen2's/),
  ]);
});

describe('code points', () => {
  const golden = JSON.parse(readFileSync(join(FIXTURES, 'golden-tokenizers/code-points.json'), 'utf8')) as {
    readonly probes: readonly string[];
    readonly pieces: readonly string[];
    readonly nfc: readonly string[];
    readonly compositions: readonly (readonly [string, string])[];
  };
  const differing = (wanted: readonly string[], textOf: (points: readonly string[]) => string): string[] =>
    wanted.flatMap((hash, block) => {
      const isSurrogate = block >= 0xd8 && block < 0xe0;
      const points = Array.from({ length: isSurrogate ? 0 : 256 }, (_, i) => String.fromCodePoint(block * 256 + i));
      const found = createHash('sha256').update(textOf(points)).digest('hex').slice(0, 8);
      return found === hash ? [] : [`U+${(block * 256).toString(16)}`];
    });

  it('are letters, numbers and blanks where `tokenizers` says so', () => {
    const text = (points: readonly string[]): string => points.map((c) => `a${c}1${c} ${c}'${c}b`).join('\n');
    expect(differing(golden.pieces, (points) => splitPieces(text(points)).join('|'))).toEqual([]);
  });

  it('are ordered as `tokenizers` does it', () => {
    const text = (c: string): string => golden.probes.map((p) => `x${c}${p}x${p}${c}`).join('');
    expect(differing(golden.nfc, (points) => composed(points.map(text).join('')))).toEqual([]);
  });

  it('are composed where `tokenizers` knows the composition', () => {
    for (const [text, wanted] of golden.compositions) expect([text, composed(text)]).toEqual([text, wanted]);
  });
});
