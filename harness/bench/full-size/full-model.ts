// All 28 layers of Qwen2-7B over 248 positions: each side alone, then both compared.
import { rmSync } from 'node:fs';
import type { BenchmarkTarget, BenchResult } from '../benchmark.ts';
import type { Workspace } from './workspace.ts';

const LAYERS = 28;
/** The original demo's prompt of 128 tokens and its 120 iterations. */
export const PROMPT = 128;
export const CONTINUATION = 120;

const atMost = (value: number): BenchmarkTarget => ({ relation: 'at most', value });

export async function benchFullModel(workspace: Workspace): Promise<BenchResult[]> {
  const checkpoint = await workspace.checkpoint('7B', LAYERS);
  const prompts = workspace.prompts(PROMPT, CONTINUATION);
  rmSync(workspace.weightCache(), { recursive: true, force: true });
  const first = await workspace.validate(checkpoint, prompts);
  const reference = await workspace.record('reference', checkpoint, prompts);
  const device = await workspace.record('n150', checkpoint, prompts);
  const second = await workspace.validate(checkpoint, prompts);
  const { usage, verdict } = second.run;
  workspace.tell(verdict.headline);
  return [
    { name: 'validate, weight cache made', unit: 's', samples: [first.child.seconds], target: atMost(480) },
    { name: 'validate, weight cache there', unit: 's', samples: [second.child.seconds], target: atMost(480) },
    { name: 'validate, reference', unit: 's', samples: [usage!.goldenMs / 1000], target: atMost(60) },
    { name: 'validate, device', unit: 's', samples: [usage!.actualMs / 1000], target: atMost(240) },
    { name: 'validate, comparison', unit: 's', samples: [usage!.compareMs / 1000], target: atMost(2) },
    ...memory('validate', second.child.peakAnonymousGiB, 8),
    { name: 'reference alone, with opening', unit: 's', samples: [reference.seconds] },
    ...memory('reference alone', reference.peakAnonymousGiB, 4),
    { name: 'device alone, with opening', unit: 's', samples: [device.seconds] },
    ...memory('device alone', device.peakAnonymousGiB, 4),
  ];
}

/** Targets are in GB. */
function memory(name: string, gibibytes: number | undefined, gigabytes: number): BenchResult[] {
  if (gibibytes === undefined) return [];
  const samples = [(gibibytes * 2 ** 30) / 1e9];
  return [{ name: `${name}, anonymous memory`, unit: 'GB', samples, target: atMost(gigabytes) }];
}
