// Chat templates: the text that Transformers renders, and clear errors for what a template refuses.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { type ChatMessage, createChatTemplate } from './chat-template.ts';
import { loadTokenizer } from './tokenizer.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const instruct = join(FIXTURES, 'tiny-qwen2-instruct');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-chat-'));
afterAll(() => rmSync(scratch, { recursive: true }));

interface GoldenChat {
  readonly messages: ChatMessage[];
  readonly text: string;
  readonly ids: number[];
  readonly greedy: number[];
  readonly greedy_text: string;
}
const chats = JSON.parse(readFileSync(join(FIXTURES, 'golden-hf/chat.json'), 'utf8')) as GoldenChat[];
const context = { path: 'template', specialTokens: { bos_token: '<s>', eos_token: '</s>' } };
const question = [{ role: 'user', content: 'Why?' }];

describe('renderChat', () => {
  it.each(chats)(
    'writes $messages.length message(s) as Transformers does',
    ({ messages, text, ids, greedy, greedy_text }) => {
      const tokenizer = loadTokenizer(instruct);
      expect(tokenizer.renderChat(messages)).toBe(text);
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(greedy)).toBe(greedy_text);
    },
  );

  it('prefers chat_template.jinja to the entry of the config', () => {
    const folder = join(scratch, 'with-file');
    cpSync(instruct, folder, { recursive: true });
    writeFileSync(join(folder, 'chat_template.jinja'), '{{ messages[0].content }}{{ eos_token }}');
    expect(loadTokenizer(folder).renderChat(question)).toBe('Why?<|im_end|>');
  });

  it('refuses messages without a template', () => {
    const folder = join(scratch, 'without');
    cpSync(instruct, folder, { recursive: true });
    rmSync(join(folder, 'tokenizer_config.json'));
    expect(() => loadTokenizer(folder).renderChat(question)).toThrow(/no chat template/);
  });
});

describe('createChatTemplate', () => {
  it('removes the line break after a block and the indent before it, as Transformers does', () => {
    const template = createChatTemplate(
      '{% for m in messages %}\n  {% if true %}\n{{ m.role }}\n{% endif %}\n{% endfor %}',
      context,
    );
    expect(template.render(question)).toBe('user\n');
  });

  it('passes on what the template says when it raises', () => {
    const template = createChatTemplate("{{ raise_exception('roles must alternate') }}", context);
    expect(() => template.render(question)).toThrow(/roles must alternate/);
  });

  it.each([
    { how: 'joined, by one that adds content to text', source: "{{ 'x' + messages[0].content }}", text: 'xone\ntwo' },
    { how: 'joined, by one that prints content', source: '{{ messages[0].content }}', text: 'one\ntwo' },
    {
      how: 'joined, by one that reads texts only',
      source: '{% if messages[0].content is string %}{{ messages[0].content }}{% endif %}',
      text: 'one\ntwo',
    },
    {
      how: 'as they are, by one that goes through them',
      source: '{% for p in messages[0].content %}<{{ p.text }}>{% endfor %}',
      text: '<one><two>',
    },
  ])('is given parts $how', ({ source, text }) => {
    const content = ['one', 'two'].map((part) => ({ type: 'text' as const, text: part }));
    expect(createChatTemplate(source, context).render([{ role: 'user', content }])).toBe(text);
  });

  it('sees special tokens that are set, and no others', () => {
    const template = createChatTemplate('{{ bos_token }}{{ unk_token is defined }}{{ tools is none }}', context);
    expect(template.render(question)).toBe('<s>FalseTrue');
  });

  it('sees the date that is given, and is refused without one only if it asks', () => {
    const template = createChatTemplate("{% if messages | length > 1 %}{{ strftime_now('%Y') }}{% endif %}", context);
    expect(template.render(question)).toBe('');
    expect(template.render([...question, ...question], { templateDate: '2025-03-09' })).toBe('2025');
    expect(() => template.render([...question, ...question])).toThrow(/add --template-date YYYY-MM-DD/);
  });

  it('refuses a source that is no template', () => {
    expect(() => createChatTemplate('{% for %}', context)).toThrow(InputError);
  });
});
