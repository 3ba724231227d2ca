// The library as docs/as-a-dependency.md shows it is code of the example project, which strict TypeScript compiles from outside.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const text = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

it('shows the code of fixtures/example-project/rows.ts', () => {
  const page = text('docs/as-a-dependency.md');
  const section = page.slice(page.indexOf('\n## The library\n'), page.indexOf('\n## What it takes\n'));
  const shown = /```ts\n([\s\S]+?)\n```/.exec(section)?.[1];
  expect(text('fixtures/example-project/rows.ts').split('\n').slice(1).join('\n')).toContain(shown);
});
