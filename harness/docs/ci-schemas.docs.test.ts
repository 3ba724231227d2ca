// The recipes of docs/ci.md against the engines' own schemas (fixtures/ci-schemas): each is one of its engine, and a slip in it is seen.
import { readFileSync } from 'node:fs';
import { Ajv, type AnySchemaObject, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../sources/package-root.ts';
import { recipes, WORKFLOW } from './ci-recipes.fixture.ts';

// The schemas use words of their own and formats that only editors look at.
const OPTIONS = { strict: false, validateFormats: false, allErrors: true } as const;

function compiled(name: string): ValidateFunction {
  const schema = JSON.parse(readFileSync(packageFile(`fixtures/ci-schemas/${name}.json`), 'utf8')) as AnySchemaObject;
  const isNew = String(schema.$schema).includes('2020-12');
  return isNew ? new Ajv2020(OPTIONS).compile(schema) : new Ajv(OPTIONS).compile(schema);
}

type Slip = readonly [what: string, from: RegExp, to: string];
interface Engine {
  readonly schema: string;
  /** A piece of text that its recipes have and others have not. */
  readonly recipes: readonly string[];
  readonly slips: readonly Slip[];
}

const ENGINES: readonly Engine[] = [
  {
    schema: 'github-workflow',
    recipes: ['workflow_call:', 'uses: ./.github'],
    slips: [
      ['a job without a machine', /"runs-on":"[^"]*",?/, ''],
      ['a step that is misspelt', /"uses":"actions/, '"use":"actions'],
      ['an input of a type that is none', /"type":"string"/, '"type":"text"'],
      ['minutes that are no number', /"timeout-minutes":\d+/, '"timeout-minutes":[]'],
    ],
  },
  {
    schema: 'gitlab-ci',
    recipes: ['parallel: 4'],
    slips: [
      ['more jobs than GitLab has', /"parallel":4/, '"parallel":500'],
      ['a condition that is none', /"when":"always"/, '"when":"allways"'],
      ['a script that is none', /"script":\[/, '"script":[{},'],
    ],
  },
  {
    schema: 'buildkite',
    recipes: ['parallelism: 4\n    command'],
    slips: [
      ['a number as text', /"parallelism":4/, '"parallelism":"four"'],
      ['a dependency that is none', /"depends_on":"accuracy"/, '"depends_on":7'],
    ],
  },
  {
    schema: 'kubernetes-job',
    recipes: ['completionMode'],
    slips: [
      ['a field that there is not', /"backoffLimitPerIndex"/, '"backoffLimitPerShard"'],
      ['a number as text', /"completions":4/, '"completions":"4"'],
      ['another kind', /"kind":"Job"/, '"kind":"Deployment"'],
      ['a container without a name', /"name":"shard",/, ''],
    ],
  },
];

const all = recipes();

describe.each(ENGINES)("a recipe beside its engine's schema, $schema", ({ schema, recipes: pieces, slips }) => {
  const accepts = compiled(schema);
  const found = pieces.map((piece) => all.find(({ text }) => text.includes(piece))!);
  const problemsOf = (document: unknown): string[] =>
    accepts(document) ? [] : accepts.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);

  it.each(found.map(({ name, documents }) => ({ name, documents })))('is one of it: $name', ({ documents }) => {
    expect(documents.length).toBeGreaterThan(0);
    expect(documents.flatMap(problemsOf)).toEqual([]);
  });

  it.each(slips)('is refused with %s', (_what, from, to) => {
    const texts = found.flatMap(({ documents }) => documents.map((one) => JSON.stringify(one)));
    const text = texts.find((one) => from.test(one))!;
    expect(problemsOf(JSON.parse(text.replace(from, to)))).not.toEqual([]);
  });
});

it('every recipe of an engine that has a schema is held against it', () => {
  const held = ENGINES.flatMap(({ recipes: pieces }) => pieces);
  const left = all.filter(({ text, documents }) => documents.length > 0 && !held.some((one) => text.includes(one)));
  // The steps of a vitest job alone are no file of any engine.
  expect(left.map(({ text }) => text.split('\n')[0])).toEqual(['# .github/workflows/gates.yml, the steps that matter']);
  expect(all[0]!.name).toBe(WORKFLOW);
});
