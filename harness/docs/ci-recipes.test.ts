// The recipes of docs/ci.md as far as they can be tried without their engines: schemas, scripts, our commands, the numbers of all jobs.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chooseShard, parseShard } from '../cli/shard-choice.ts';
import { asShellSeesIt, ourCommands, parsedOnly, type Recipe, recipes, WORKFLOW } from './ci-recipes.fixture.ts';

const all = recipes();
const find = (part: string): Recipe => all.find(({ text }) => text.includes(part))!;
const [workflow, gitlab, buildkite, slurm, verdictOfSlurm, kubernetes] = [
  find('workflow_call'),
  find('parallel: 4'),
  find('parallelism: 4\n    command'),
  find('--array='),
  find('accuracy-verdict\n#SBATCH'),
  find('completionMode'),
] as const;

const text = z.string().min(1);
const texts = z.array(text).min(1);
const minutes = z.int().min(1).optional();
/** The least that each engine asks, and nothing besides what the recipes use. */
const GithubJob = z.strictObject({
  needs: text.optional(),
  if: text.optional(),
  strategy: z.strictObject({ 'fail-fast': z.literal(false), matrix: z.strictObject({ shard: text }) }).optional(),
  'runs-on': text,
  'timeout-minutes': minutes,
  steps: z
    .array(
      z
        .strictObject({
          name: text.optional(),
          if: text.optional(),
          env: z.record(z.string(), text).optional(),
          uses: z
            .string()
            .regex(/^actions\/[\w-]+@v\d+$/)
            .optional(),
          with: z.record(z.string(), z.union([text, z.number()])).optional(),
          run: text.optional(),
        })
        .refine(({ uses, run }) => (uses === undefined) !== (run === undefined), { error: 'uses or run, one of them' }),
    )
    .min(1),
});
const Inputs = z.strictObject({
  inputs: z.record(z.string(), z.strictObject({ description: text, type: z.literal('string'), default: z.string() })),
});
const GithubWorkflow = z.strictObject({
  name: text,
  on: z.strictObject({ workflow_dispatch: Inputs, workflow_call: Inputs }),
  permissions: z.strictObject({ contents: z.literal('read') }),
  env: z.record(z.string(), text),
  jobs: z.record(z.string(), GithubJob),
});
const GithubCaller = z.strictObject({
  name: text,
  on: texts,
  jobs: z.record(z.string(), z.strictObject({ uses: text, with: z.record(z.string(), text) })),
});
const GitlabFile = z.record(
  z.string(),
  z.strictObject({
    image: text,
    parallel: z.int().min(2).max(200).optional(),
    variables: z.record(z.string(), text).optional(),
    needs: texts.optional(),
    when: z.literal('always').optional(),
    script: texts,
    after_script: texts.optional(),
    artifacts: z.strictObject({
      when: z.literal('always'),
      paths: texts,
      exclude: texts.optional(),
      reports: z.strictObject({ junit: text }).optional(),
    }),
  }),
);
const BuildkitePipeline = z.strictObject({
  env: z.record(z.string(), text),
  steps: z.array(
    z.strictObject({
      label: text,
      key: text.optional(),
      parallelism: z.int().min(2).optional(),
      depends_on: text.optional(),
      allow_dependency_failure: z.literal(true).optional(),
      command: text,
      artifact_paths: text,
    }),
  ),
});
const DnsName = z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
const KubernetesJob = z.strictObject({
  apiVersion: z.literal('batch/v1'),
  kind: z.literal('Job'),
  metadata: z.strictObject({ name: DnsName }),
  spec: z
    .strictObject({
      completionMode: z.literal('Indexed').optional(),
      completions: z.int().min(1).optional(),
      parallelism: z.int().min(1).optional(),
      backoffLimit: z.int().min(0).optional(),
      backoffLimitPerIndex: z.int().min(0).optional(),
      podFailurePolicy: z
        .strictObject({
          rules: z.array(
            z.strictObject({
              action: z.enum(['FailJob', 'FailIndex', 'Ignore', 'Count']),
              onExitCodes: z.strictObject({
                operator: z.enum(['In', 'NotIn']),
                values: z.array(z.int().min(1).max(255)),
              }),
            }),
          ),
        })
        .optional(),
      template: z.strictObject({
        spec: z.strictObject({
          restartPolicy: z.literal('Never'),
          containers: z.array(
            z.strictObject({
              name: DnsName,
              image: text,
              command: texts,
              args: texts.optional(),
              resources: z.strictObject({ requests: z.record(z.enum(['cpu', 'memory']), text) }).optional(),
              volumeMounts: z.array(z.strictObject({ name: DnsName, mountPath: z.string().startsWith('/') })),
            }),
          ),
          volumes: z.array(
            z.strictObject({ name: DnsName, persistentVolumeClaim: z.strictObject({ claimName: DnsName }) }),
          ),
        }),
      }),
    })
    // As the API server says: limits per index and FailIndex need an Indexed Job.
    .refine((spec) => spec.backoffLimitPerIndex === undefined || spec.completionMode === 'Indexed'),
});

describe('every recipe', () => {
  it('is found: the workflow and one of each engine', () => {
    expect(all.map(({ name }) => name)).toContain(WORKFLOW);
    expect([workflow, gitlab, buildkite, slurm, verdictOfSlurm, kubernetes].map((one) => one?.scripts.length)).toEqual([
      ...[5, 3, 2, 1, 1, 3],
    ]);
  });

  it.each(all.flatMap(({ name, scripts }) => scripts.map((script, i) => ({ name, i, script }))))(
    '$name, script $i, is one for bash',
    ({ script }) => {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: asShellSeesIt(script), encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    },
  );

  it.each(
    all.flatMap(({ name, scripts }) =>
      scripts.flatMap(ourCommands).map((words) => ({ name, line: words.join(' '), words })),
    ),
  )('$name: qwen-pcc $line is a command line of ours', async ({ words }) => {
    expect(await parsedOnly(words)).toMatchObject({ out: expect.any(String) });
  });

  it.each([workflow, gitlab, buildkite, slurm, kubernetes])(
    'of an engine shares out and merges: $name',
    async ({ scripts, text: whole }) => {
      const parsed = await Promise.all(
        [...scripts, ...(whole === slurm.text ? verdictOfSlurm.scripts : [])].flatMap(ourCommands).map(parsedOnly),
      );
      expect(parsed.map(({ command }) => command)).toEqual(['validate', 'merge']);
      expect(parsed[0]).toHaveProperty('shard');
      expect(parsed[0]).toHaveProperty('threads');
    },
  );

  it('with a slip in it is refused', async () => {
    await expect(parsedOnly(['validate', '--shards', 'auto'])).rejects.toThrow(/unknown option/);
    await expect(parsedOnly(['report', 'merge'])).rejects.toThrow(/missing required argument/);
  });
});

describe('the workflow of this repository', () => {
  it('has the shape that GitHub asks', () => {
    expect(z.prettifyError(GithubWorkflow.safeParse(workflow.documents[0]).error ?? new z.ZodError([]))).toBe('');
  });

  it('starts only when it is called, by name or by hand', () => {
    const { on } = GithubWorkflow.parse(workflow.documents[0]);
    expect(Object.keys(on)).toEqual(['workflow_dispatch', 'workflow_call']);
    expect(on.workflow_call).toEqual(on.workflow_dispatch);
  });

  it('puts nothing of its caller into a script, but for variables', () => {
    for (const script of workflow.scripts) expect(script).not.toContain('${{');
  });

  it('is called with inputs that it has', () => {
    const caller = GithubCaller.parse(find('uses: ./.github').documents[0]);
    const inputs = Object.keys(GithubWorkflow.parse(workflow.documents[0]).on.workflow_call.inputs);
    const [job] = Object.values(caller.jobs);
    expect(job!.uses).toBe(`./${WORKFLOW}`);
    expect(Object.keys(job!.with).filter((name) => !inputs.includes(name))).toEqual([]);
    expect(JSON.parse(job!.with['shards']!)).toEqual([1, 2, 3]);
  });
});

describe('the jobs of an engine', () => {
  /** What --shard of the recipe makes of the variables of every job. */
  async function shardsOf(recipe: Recipe, jobs: readonly Readonly<Record<string, string>>[]): Promise<string[]> {
    const [words] = recipe.scripts.flatMap(ourCommands);
    const given = words![words!.indexOf('--shard') + 1]!;
    return jobs.map((environment) => {
      const { index, count } = chooseShard(parseShard(given), environment);
      return `${index}/${count}`;
    });
  }
  const wanted = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i + 1}/${count}`);
  const times = (count: number, variables: (i: number) => Record<string, string>): Record<string, string>[] =>
    Array.from({ length: count }, (_, i) => variables(i));

  it('of GitLab are all shards', async () => {
    const { accuracy } = GitlabFile.parse(gitlab.documents[0]);
    const count = accuracy!.parallel!;
    const jobs = times(count, (i) => ({ CI_NODE_INDEX: `${i + 1}`, CI_NODE_TOTAL: `${count}` }));
    expect(await shardsOf(gitlab, jobs)).toEqual(wanted(count));
  });

  it('of Buildkite are all shards', async () => {
    const count = BuildkitePipeline.parse(buildkite.documents[0]).steps[0]!.parallelism!;
    const jobs = times(count, (i) => ({ BUILDKITE_PARALLEL_JOB: `${i}`, BUILDKITE_PARALLEL_JOB_COUNT: `${count}` }));
    expect(await shardsOf(buildkite, jobs)).toEqual(wanted(count));
  });

  it('of Kubernetes are all shards, and its claim is mounted in both Jobs', async () => {
    const [job, verdict] = kubernetes.documents.map((one) => KubernetesJob.parse(one).spec);
    const count = job!.completions!;
    expect(
      await shardsOf(
        kubernetes,
        times(count, (i) => ({ JOB_COMPLETION_INDEX: `${i}` })),
      ),
    ).toEqual(wanted(count));
    expect(verdict!.template.spec.volumes).toEqual(job!.template.spec.volumes);
    for (const { template } of [job!, verdict!]) {
      const volumes = template.spec.volumes.map(({ name }) => name);
      expect(template.spec.containers.flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name))).toEqual(
        volumes,
      );
    }
  });

  it('of a Slurm array are all shards, and its directives are those of sbatch', async () => {
    const directives = (recipe: Recipe): Map<string, string> =>
      new Map([...recipe.text.matchAll(/^#SBATCH --([a-z-]+)=(\S+)$/gm)].map(([, name, value]) => [name!, value!]));
    for (const recipe of [slurm, verdictOfSlurm]) {
      expect(recipe.text.startsWith('#!/bin/bash\n#SBATCH')).toBe(true);
      expect(recipe.text.match(/^#SBATCH/gm)?.length).toBe(directives(recipe).size);
    }
    expect([...directives(slurm).keys()]).toEqual(['job-name', 'array', 'cpus-per-task', 'mem', 'time']);
    expect(directives(slurm).get('time')).toMatch(/^\d\d:\d\d:\d\d$/);
    const [, min, max] = /^(\d+)-(\d+)$/.exec(directives(slurm).get('array')!)!.map(Number);
    const count = max! - min! + 1;
    const jobs = times(count, (i) => ({
      SLURM_ARRAY_TASK_ID: `${min! + i}`,
      SLURM_ARRAY_TASK_MIN: `${min}`,
      SLURM_ARRAY_TASK_MAX: `${max}`,
      SLURM_ARRAY_TASK_STEP: '1',
      SLURM_ARRAY_TASK_COUNT: `${count}`,
    }));
    expect(await shardsOf(slurm, jobs)).toEqual(wanted(count));
  });
});
