// The default job at the size of Qwen2-7B: greedy texts of one prompt, and of 16 that run together.
import type { BenchmarkTarget, BenchResult } from '../benchmark.ts';
import { PROMPT } from './full-model.ts';
import type { Validated, Workspace } from './workspace.ts';

const LAYERS = 28;
const PROMPTS = 16;
/** Holds keys and values of all that run together, 1.9 GB, beside weights that are streamed. */
const MEMORY = '2GiB';

const atMost = (value: number): BenchmarkTarget => ({ relation: 'at most', value });

export async function benchDefaultJob(workspace: Workspace): Promise<BenchResult[]> {
  const checkpoint = await workspace.checkpoint('7B', LAYERS);
  // The first run packs the weights.
  await workspace.record('n150', checkpoint, workspace.prompts(1, 1));
  const one = await workspace.validate(checkpoint, workspace.greedyPrompts(1, PROMPT), {}, MEMORY);
  workspace.tell(one.run.verdict.headline);
  const all = await workspace.validate(checkpoint, workspace.greedyPrompts(PROMPTS, PROMPT), {}, MEMORY);
  workspace.tell(all.run.verdict.headline);
  return [
    ...results('one greedy prompt', one, { total: 300 }),
    ...results(`${PROMPTS} greedy prompts`, all, { total: 45 * 60, reference: 15 * 60, gigabytes: 6 }),
  ];
}

interface Targets {
  /** Seconds. */
  readonly total: number;
  readonly reference?: number;
  readonly gigabytes?: number;
}

function results(name: string, { child, run }: Validated, { total, reference, gigabytes }: Targets): BenchResult[] {
  const { goldenMs, actualMs, compareMs } = run.usage!;
  const target = (value: number | undefined): Pick<BenchResult, 'target'> | Record<string, never> =>
    value === undefined ? {} : { target: atMost(value) };
  const memory = child.peakAnonymousGiB;
  return [
    { name, unit: 's', samples: [child.seconds], ...target(total) },
    { name: `${name}, reference`, unit: 's', samples: [goldenMs / 1000], ...target(reference) },
    { name: `${name}, device`, unit: 's', samples: [actualMs / 1000] },
    { name: `${name}, comparison`, unit: 's', samples: [compareMs / 1000] },
    ...(memory === undefined
      ? []
      : [
          {
            name: `${name}, anonymous memory`,
            unit: 'GB',
            samples: [(memory * 2 ** 30) / 1e9],
            ...target(gigabytes),
          },
        ]),
  ];
}
