// Chat templates in pieces, as Transformers' Jinja2 renders them: the same text, or refused by name; never another text.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createChatTemplate } from './chat-template.ts';
import { parseJinja } from './jinja-runtime.ts';
import { runTemplate } from './template-interpreter.ts';

const GOLDEN = join(import.meta.dirname, '../../fixtures/golden-tokenizers/jinja.json');
const { variables, snippets } = JSON.parse(readFileSync(GOLDEN, 'utf8')) as {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly snippets: readonly { readonly source: string; readonly text?: string; readonly error?: string }[];
};
/** What Jinja2 renders and this project refuses; no template of a Qwen2 model is known to need it. */
const REFUSED: readonly RegExp[] = [
  /\(1,\)/,
  /schema\.items\.type/,
  /\{\{ m\.role \}\}\{% continue %\}/,
  /'%s' % 3/,
  /'ab' \* 2/,
  /10000000000000000000000/,
  /dict\(a=1\)/,
  /cycler/,
  /'é' < 'z'/,
  /\{%\+/,
];

function render(source: string): string {
  const raise = (message: string): never => {
    throw new Error(message);
  };
  return runTemplate(parseJinja(source), { ...variables, raise_exception: raise });
}

describe('a template', () => {
  it.each(snippets)('$source', ({ source, text }) => {
    if (text === undefined || REFUSED.some((pattern) => pattern.test(source)))
      expect(() => render(source)).toThrow(Error);
    else expect(render(source)).toBe(text);
  });

  it.each([
    {
      what: 'a loop without end',
      source: '{% for i in range(1000000000) %}{% endfor %}',
      says: /range of 1000000000 elements/,
    },
    {
      what: 'loops in loops',
      source:
        '{% for i in range(100000) %}{% for j in range(100000) %}{% for k in range(9) %}{% endfor %}{% endfor %}{% endfor %}',
      says: /more than 1000000 steps/,
    },
    {
      what: 'a text that doubles',
      source: "{% set ns = namespace(t='ab') %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
      says: /a text or list of \d+ elements, at most 16000000/,
    },
    {
      what: 'a list that doubles',
      source: '{% set ns = namespace(t=[1]) %}{% for i in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}',
      says: /a text or list of \d+ elements/,
    },
    {
      what: 'a macro that calls itself',
      source: '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}',
      says: /nested deeper than 500/,
    },
    { what: 'a range without a step', source: '{{ range(0, 5, 0) }}', says: /range of/ },
    {
      what: 'output that grows in a loop',
      source:
        "{% set t %}{{ 'ab' | tojson }}{% endset %}{% for i in range(100000) %}{{ messages }}{{ messages }}{% endfor %}",
      says: /a text of \d+ characters|more than/,
    },
  ])('that is $what is refused, and says why', ({ source, says }) => {
    const template = createChatTemplate(source, { path: 'chat_template.jinja', specialTokens: {} });
    const messages = [{ role: 'user', content: 'x'.repeat(200) }];
    expect(() => template.render(messages)).toThrow(
      expect.objectContaining({ code: 'CHAT_TEMPLATE_REFUSED', message: expect.stringMatching(says) }),
    );
  });
});
