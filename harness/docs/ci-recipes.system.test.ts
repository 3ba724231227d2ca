// The recipes of docs/ci.md run from job to verdict: their shell lines by bash with each engine's variables, where npm, srun and agents are
// stand-ins that only write down what they were asked, and our commands as bash made them out.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callCommand } from '../cli/in-process.fixture.ts';
import type { Finished } from '../cli/spawned-command.fixture.ts';
import { packageFile } from '../sources/package-root.ts';
import { type Recipe, recipes } from './ci-recipes.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-recipes-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const bin = path.join(scratch, 'bin');
const record = path.join(scratch, 'asked');

const WEIGHTS = packageFile('fixtures/tiny-qwen2');
const PROMPTS = JSON.stringify([0, 1].map((i) => ({ name: `p${i}`, ids: [40 + i, 41], continuation: [42] })));
const TOKENS = 6;

beforeAll(() => {
  mkdirSync(bin);
  const programs = {
    npx: `printf '%s\\0' "$@" >> "${record}"; printf '\\n' >> "${record}"`,
    npm: '[ "$1" = ci ]',
    srun: 'exec "$@"',
    'buildkite-agent': '[ "$1 $2" = "artifact download" ]',
  };
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(path.join(bin, name), `#!/bin/bash\n${body}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
});

type Variables = Readonly<Record<string, string>>;

/** A script in a folder, then the commands of ours that it asked for. @returns what became of each. */
async function runScript(script: string, cwd: string, environment: Variables): Promise<Finished[]> {
  writeFileSync(record, '');
  const env = { PATH: `${bin}:${process.env['PATH']}`, HOME: cwd, ...environment };
  execFileSync('bash', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const asked = readFileSync(record, 'utf8').split('\n').slice(0, -1);
  const ended: Finished[] = [];
  for (const [program, ...words] of asked.map((line) => line.split('\0').slice(0, -1))) {
    expect(program).toBe('qwen-pcc');
    // A volume of a pod is a folder here.
    const here = words.map((word) => word.replace(/^\/data(?=\/)/, path.join(cwd, 'data')));
    ended.push(await callCommand(here, { environment, cwd }));
  }
  return ended;
}

/** As few jobs as can share the work out; what becomes of all numbers of the recipes is in ci-recipes.test.ts. */
interface Engine {
  readonly name: string;
  /** Of the recipe. */
  readonly marks: readonly string[];
  readonly jobs: readonly Variables[];
  readonly verdict?: Variables;
  /** Of all jobs. */
  readonly variables?: Variables;
  /** What is there after the verdict. */
  readonly leaves: string;
}

const jobs = (count: number, of: (index: number) => Variables): Variables[] =>
  Array.from({ length: count }, (_, i) => of(i));
const github = { OPTIONS: '--prompts prompts.json', GITHUB_ACTIONS: 'true' };

const ENGINES: readonly Engine[] = [
  {
    name: 'GitHub',
    marks: ['workflow_call'],
    jobs: jobs(2, (i) => ({ ...github, SHARD: `${i + 1}/2` })),
    verdict: { ...github, GITHUB_STEP_SUMMARY: 'job-summary.md' },
    leaves: 'job-summary.md',
  },
  {
    name: 'GitLab',
    marks: ['parallel: 4'],
    jobs: jobs(2, (i) => ({ CI_NODE_INDEX: `${i + 1}`, CI_NODE_TOTAL: '2' })),
    leaves: 'junit.xml',
  },
  {
    name: 'Buildkite',
    marks: ['parallelism: 4\n    command'],
    jobs: jobs(2, (i) => ({ BUILDKITE_PARALLEL_JOB: `${i}`, BUILDKITE_PARALLEL_JOB_COUNT: '2' })),
    leaves: 'merged/last/junit.xml',
  },
  {
    name: 'Slurm',
    marks: ['--array=0-15', 'accuracy-verdict\n#SBATCH'],
    jobs: jobs(2, (i) => ({
      ...{ SLURM_ARRAY_JOB_ID: '77', SLURM_ARRAY_TASK_ID: `${i}`, SLURM_ARRAY_TASK_COUNT: '2' },
      ...{ SLURM_ARRAY_TASK_MIN: '0', SLURM_ARRAY_TASK_MAX: '1', SLURM_ARRAY_TASK_STEP: '1' },
    })),
    verdict: { ARRAY_JOB: '77' },
    leaves: 'merged/last/junit.xml',
  },
  {
    name: 'Kubernetes',
    marks: ['completionMode'],
    jobs: jobs(4, (i) => ({ JOB_COMPLETION_INDEX: `${i}` })),
    leaves: 'data/merged/last/junit.xml',
  },
];

/** What upload-artifact and download-artifact do between the jobs. */
function handOn(project: string, shard: string): void {
  const artifact = path.join(project, 'shards', `qwen-pcc-shard-${shard[0]}`);
  cpSync(path.join(project, 'shard'), artifact, {
    recursive: true,
    filter: (file) => !/\/(last|local\.json)$/.test(file),
  });
  rmSync(path.join(project, 'shard'), { recursive: true });
}

describe.each(ENGINES)('the recipe for $name', ({ name, marks, jobs: each, verdict = {}, leaves }) => {
  it('runs all shards by the variables of its engine, and ends with one verdict on all tokens', async () => {
    const project = path.join(scratch, name);
    mkdirSync(path.join(project, 'data'), { recursive: true });
    for (const folder of [project, path.join(project, 'data')])
      writeFileSync(path.join(folder, 'prompts.json'), PROMPTS);
    const all = recipes();
    const scripts = marks.flatMap((mark) => all.find(({ text }: Recipe) => text.includes(mark))!.scripts);
    // As Buildkite hands it to the shell; and the folder of a pod's weights is the claim's.
    const seen = scripts.map((script) => script.replaceAll('$$', '$').replaceAll('/data/qwen2', WEIGHTS));
    const ofShard = seen.findIndex((script) => script.includes('qwen-pcc validate'));
    const common = { WEIGHTS, ONNXRUNTIME_NODE_INSTALL: 'skip' };
    for (const variables of each) {
      const ended = await runScript(seen[ofShard]!, project, { ...common, ...variables });
      expect(ended.map(({ code, stderr }) => ({ code, stderr }))).toEqual([{ code: 0, stderr: expect.any(String) }]);
      if (name === 'GitHub') handOn(project, variables['SHARD']!);
    }
    const ended: Finished[] = [];
    for (const script of seen.slice(ofShard + 1))
      ended.push(...(await runScript(script, project, { ...common, ...verdict })));
    expect(ended).toHaveLength(1);
    expect(ended[0]!.stdout).toMatch(new RegExp(`PASS {2}${TOKENS} of ${TOKENS} tokens judged`));
    expect(ended[0]!.code).toBe(0);
    expect(readFileSync(path.join(project, leaves), 'utf8')).toMatch(/qwen-pcc/);
  });
});
