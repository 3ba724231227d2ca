// One layer of Qwen2-72B with its embeddings and lm_head: that it runs, and what it takes.
import type { BenchResult } from '../benchmark.ts';
import type { Workspace } from './workspace.ts';

export async function benchSeventyTwoB(workspace: Workspace): Promise<BenchResult[]> {
  const checkpoint = await workspace.checkpoint('72B', 1);
  const { child, run } = await workspace.validate(checkpoint, workspace.prompts(128, 16));
  workspace.dropCheckpoint(checkpoint);
  workspace.tell(run.verdict.headline);
  const { goldenMs, actualMs } = run.usage!;
  return [
    { name: '72B, one layer, 144 positions, validate', unit: 's', samples: [child.seconds] },
    { name: '72B, one layer, reference', unit: 's', samples: [goldenMs / 1000] },
    { name: '72B, one layer, device', unit: 's', samples: [actualMs / 1000] },
    ...(child.peakAnonymousGiB === undefined
      ? []
      : [{ name: '72B, one layer, anonymous memory', unit: 'GiB', samples: [child.peakAnonymousGiB] }]),
  ];
}
