// Hints about prompts, tokenizers and chat templates: each edit that a hint names is made in the prompt file or the folder.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { rewriteJson } from '../../../src/checkpoint/checkpoint.fixture.ts';
import { type HintCase, type Room, swapped, without } from './hint-case.fixture.ts';

type Json = Record<string, unknown>;

/** A validate on the general checkpoint with a prompt file of this content. */
const prompted =
  (content: unknown, ...more: string[]): HintCase['wrong'] =>
  (room) =>
    room.validate('--weights', 'general', '--prompts', room.write('prompts.json', content), ...more);

/** Another content for the prompt file, as the hint says. */
const rewritten =
  (content: unknown | ((said: readonly string[]) => unknown)): HintCase['follow'] =>
  (room, said, args) => {
    room.write(
      'prompts.json',
      typeof content === 'function' ? (content as (said: readonly string[]) => unknown)(said) : content,
    );
    return args;
  };

const ids = [{ name: 'a', ids: [5, 6] }];
const text = [{ name: 'a', text: 'The sea' }];
const chat = [{ name: 'a', messages: [{ role: 'user', content: 'Hi' }] }];
const AS_IDS = rewritten(ids);

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

export const TEXT_CASES: readonly HintCase[] = [
  {
    code: 'PROMPTS_UNREADABLE',
    wrong: prompted('[{ "name": "a"'),
    hint: /write JSON of this form: (\[.*\])$/,
    follow: rewritten(([form]: readonly string[]) => form!.replace(', …', '').replace('"…"', '"a"')),
  },
  {
    code: 'PROMPTS_UNREADABLE',
    what: 'no file',
    wrong: (room) => room.validate('--weights', 'general', '--prompts', room.path('none.json')),
    hint: /name a file that is there/,
    follow: (room, _said, args) => swapped(args, room.path('none.json'), room.ids()),
  },
  {
    code: 'PROMPTS_UNREADABLE',
    what: 'a byte order mark',
    wrong: prompted(`\ufeff${JSON.stringify(ids)}`),
    hint: /without BOM/,
    follow: (room, _said, args) => {
      room.write('prompts.json', readFileSync(room.path('prompts.json'), 'utf8').slice(1));
      return args;
    },
  },
  {
    code: 'PROMPTS_UNREADABLE',
    what: 'a number with a point',
    wrong: prompted('[{ "name": "a", "ids": [5.0, 6] }]'),
    hint: /write whole numbers without point/,
    follow: rewritten('[{ "name": "a", "ids": [5, 6] }]'),
  },
  {
    code: 'PROMPTS_MALFORMED',
    wrong: prompted({ name: 'a', text: 'x' }),
    hint: /write (\[.*\])$/,
    follow: rewritten(([form]: readonly string[]) => form!.replace(', …', '').replace('"…"', '"a"')),
  },
  {
    code: 'PROMPTS_MALFORMED',
    what: 'a misspelt field',
    wrong: prompted([{ name: 'a', txt: 'x' }]),
    hint: /did you mean "(\w+)" instead of "(\w+)"/,
    follow: rewritten(([right]: readonly string[]) => [{ name: 'a', [right!]: 'x' }]),
  },
  {
    code: 'PROMPTS_MALFORMED',
    what: 'one name twice',
    wrong: prompted([...ids, ...ids]),
    hint: /a name of its own/,
    follow: rewritten([...ids, { ...ids[0], name: 'b' }]),
  },
  {
    code: 'PROMPTS_MALFORMED',
    what: 'given twice',
    wrong: prompted([{ ...ids[0], text: 'x' }]),
    hint: /give "(\w+)" and no other/,
    follow: rewritten(([source]: readonly string[]) => [{ name: 'a', [source!]: 'x' }]),
  },
  {
    code: 'PROMPTS_MALFORMED',
    what: 'tools without messages',
    wrong: prompted([{ ...ids[0], tools: [{}] }]),
    hint: /take them out/,
    follow: AS_IDS,
  },
  {
    code: 'PROMPTS_MALFORMED',
    what: 'half a character',
    wrong: prompted('[{ "name": "a", "text": "\\ud800" }]'),
    hint: /take it out, or write it as a text with whole characters/,
    follow: rewritten(text),
  },
  {
    code: 'PROMPTS_MALFORMED',
    what: 'of the demo',
    wrong: (room) => [
      ...['demo', '--weights', 'general', '--max-new-tokens', '1', '--out', room.path('demo.json')],
      ...['--prompts', room.write('prompts.json', [{ prompt: 'The sea', name: 'a' }])],
    ],
    hint: /an entry has a prompt and nothing else/,
    follow: rewritten([{ prompt: 'The sea' }]),
  },
  {
    code: 'PROMPT_EMPTY',
    wrong: prompted([{ name: 'a', text: '' }]),
    hint: /write a text that is not empty/,
    follow: rewritten(text),
  },
  {
    code: 'PROMPT_EMPTY',
    what: 'no ids',
    wrong: prompted([{ name: 'a', ids: [] }]),
    hint: /put at least one into "(\w+)"/,
    follow: rewritten(([source]: readonly string[]) => [{ name: 'a', [source!]: [5] }]),
  },
  {
    code: 'PROMPT_VOCABULARY',
    wrong: prompted([{ name: 'a', ids: [2048] }]),
    hint: /take the ids from the tokenizer of this checkpoint/,
    follow: AS_IDS,
  },
  {
    code: 'PROMPT_TOO_LONG',
    wrong: prompted([{ name: 'a', ids: [5, 6, 7] }], '--max-seq-len', '2'),
    hint: /write --max-seq-len (\d+), or/,
    follow: (_room, [length], args) => swapped(args, '2', length!),
  },
  {
    code: 'CONTINUATION_TOO_LONG',
    wrong: prompted([{ name: 'a', ids: [5, 6], continuation: [7, 8] }], '--max-seq-len', '2'),
    hint: /write --max-seq-len (\d+), or/,
    follow: (_room, [length], args) => swapped(args, '2', length!),
  },
  {
    code: 'SEQ_LEN_TOO_LONG',
    wrong: prompted(ids, '--max-seq-len', '131073'),
    hint: /write --max-seq-len (\d+), or less/,
    follow: (_room, [length], args) => swapped(args, '131073', length!),
  },
  {
    code: 'PROMPT_UNKNOWN',
    wrong: prompted(
      [
        { name: 'sea', ids: [5] },
        { name: 'harbour', ids: [6] },
      ],
      '--prompt',
      'harbor',
    ),
    hint: /did you mean "(.+)"\?$/,
    follow: (_room, [name], args) => swapped(args, 'harbor', name!),
  },
  {
    code: 'PROMPT_TWICE',
    wrong: prompted(ids, '--prompt', 'a', 'a'),
    hint: /name each prompt once/,
    follow: (_room, _said, args) => [...without(args, '--prompt', 2), '--prompt', 'a'],
  },
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
