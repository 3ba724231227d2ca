// Hints about tokenizers and chat templates: each edit that a hint names is made in the folder or the prompt file.
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { rewriteJson } from '../../../src/checkpoint/checkpoint.fixture.ts';
import { type HintCase, type Room, swapped } from './hint-case.fixture.ts';
import { AS_IDS, chat, rewritten, text } from './prompts.fixture.ts';

type Json = Record<string, unknown>;

/** A validate of a copied checkpoint whose tokenizer files are changed. */
const tokenized =
  (change: (room: Room) => void, content: unknown = text, fixture = 'tiny-qwen2-instruct'): HintCase['wrong'] =>
  (room) => {
    const folder = room.checkpoint('checkpoint', fixture);
    change(room);
    return room.validate('--weights', folder, '--prompts', room.write('prompts.json', content));
  };

const tokenizer = (room: Room, change: (json: Json) => Json): void =>
  rewriteJson(room.path('checkpoint'), 'tokenizer.json', change);
const template = (room: Room, source: string): void =>
  writeFileSync(path.join(room.path('checkpoint'), 'chat_template.jinja'), source);
const withoutTokenizer: HintCase['follow'] = (room, said, args) => {
  rmSync(room.path('checkpoint/tokenizer.json'));
  return AS_IDS(room, said, args);
};

export const TOKENIZER_CASES: readonly HintCase[] = [
  {
    code: 'TEMPLATE_DATE',
    wrong: (room) => [
      ...(tokenized((one) => template(one, 'It is {{ strftime_now("%d") }}.'), chat)(room) as string[]),
      ...['--template-date', 'today'],
    ],
    hint: /--template-date (\S+)\.$/,
    follow: (_room, [date], args) => swapped(args, 'today', date!),
  },
  {
    code: 'PROMPT_NEEDS_TOKENIZER',
    wrong: tokenized((room) => rmSync(room.path('checkpoint/tokenizer.json'))),
    hint: /give the prompt as ids/,
    follow: AS_IDS,
  },
  {
    code: 'TOKENIZER_MISSING',
    wrong: (room) => {
      const folder = room.checkpoint();
      rmSync(path.join(folder, 'tokenizer.json'));
      return ['demo', '--weights', folder, '--max-new-tokens', '1', '--out', room.path('demo.json')];
    },
    hint: /put tokenizer\.json and tokenizer_config\.json of the same model into the folder/,
    follow: (room, _said, args) => {
      room.checkpoint();
      return args;
    },
  },
  {
    code: 'TOKENIZER_UNREADABLE',
    wrong: tokenized((room) => room.write('checkpoint/tokenizer.json', '{')),
    hint: /give prompts as ids and remove tokenizer\.json/,
    follow: withoutTokenizer,
  },
  {
    code: 'TOKENIZER_UNSUPPORTED',
    wrong: tokenized((room) => tokenizer(room, (json) => ({ ...json, model: { type: 'WordPiece', vocab: {} } }))),
    hint: /give prompts as ids and remove tokenizer\.json/,
    follow: withoutTokenizer,
  },
  {
    code: 'TOKENIZER_UNSUPPORTED',
    what: 'a post-processor',
    wrong: tokenized((room) => tokenizer(room, (json) => ({ ...json, post_processor: { type: 'Other' } }))),
    hint: /^give prompts as ids/,
    follow: AS_IDS,
  },
  // The second is a token that is looked up when the folder is opened, whatever the prompts are.
  ...['<|x|>', '<|im_end|>'].map(
    (content): HintCase => ({
      code: 'TOKENIZER_ID_DISPUTED',
      what: content,
      wrong: tokenized(
        (room) =>
          rewriteJson(room.path('checkpoint'), 'tokenizer_config.json', (json) => ({
            ...json,
            added_tokens_decoder: { 2100: { content, special: true } },
          })),
        [{ name: 'a', text: content }],
      ),
      hint: /^give prompts as ids.*, and remove tokenizer\.json from the folder$/,
      follow: withoutTokenizer,
    }),
  ),
  {
    code: 'CHAT_TEMPLATE_MISSING',
    wrong: tokenized((room) => {
      rmSync(room.path('checkpoint/chat_template.jinja'), { force: true });
      rewriteJson(room.path('checkpoint'), 'tokenizer_config.json', ({ chat_template: _gone, ...json }) => json);
    }, chat),
    hint: /give the prompt as text$/,
    follow: rewritten(text),
  },
  {
    code: 'CHAT_TEMPLATE_REFUSED',
    wrong: tokenized((room) => template(room, '{{ raise_exception("no") }}'), chat),
    hint: /give the prompt as text or ids$/,
    follow: AS_IDS,
  },
  {
    code: 'CHAT_TEMPLATE_SYNTAX',
    wrong: tokenized((room) => template(room, '{% if %}'), chat),
    hint: /give the prompt as text or ids$/,
    follow: AS_IDS,
  },
  {
    code: 'CHAT_TEMPLATE_DATE',
    wrong: tokenized((room) => template(room, 'It is {{ strftime_now("%d") }}.'), chat),
    hint: /add --template-date YYYY-MM-DD/,
    follow: (_room, _said, args) => [...args, '--template-date', '2026-01-31'],
  },
];
