// Qwen2-7B's shapes in GPTQ int4 beside the BF16 original: what reading, memory and a run of both sides cost.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readTensorRows, sidesOf } from '../../../src/checkpoint/checkpoint-tensor.ts';
import { type Checkpoint, openCheckpoint } from '../../../src/checkpoint/weights.ts';
import type { BenchmarkTarget, BenchResult } from '../benchmark.ts';
import { GPTQ_INT4 } from '../real-model/variants/integer-formats.ts';
import { writeVariant } from '../real-model/variants/write-variant.ts';
import { CONTINUATION, PROMPT } from './full-model.ts';
import type { Workspace } from './workspace.ts';

/** As many rows as both sides read at once, about. */
const ROWS_AT_ONCE = 592;
const READINGS = 3;

const atMost = (value: number): BenchmarkTarget => ({ relation: 'at most', value });

/** @param layers - of the model; neither memory nor the cost of a weight depends on them. */
export async function benchQuantised(workspace: Workspace, layers: number): Promise<BenchResult[]> {
  const plain = await workspace.checkpoint('7B', layers);
  const quantised = gptqOf(workspace, plain);
  const readings = Array.from({ length: READINGS }, () => {
    const seconds = [plain, quantised].map((folder) => secondsToRead(openCheckpoint(folder)));
    return seconds[1]! / seconds[0]!;
  });
  const prompts = workspace.prompts(PROMPT, CONTINUATION);
  const results: BenchResult[] = [
    { name: 'reading every matrix, GPTQ int4 over BF16', unit: 'x', samples: readings, target: atMost(1.25) },
  ];
  const peaks: number[] = [];
  for (const [name, folder] of [
    ['BF16', plain],
    ['GPTQ int4', quantised],
  ] as const) {
    const { child, run } = await workspace.validate(folder, prompts);
    workspace.tell(run.verdict.headline);
    results.push(
      { name: `validate ${name}, ${layers} layers`, unit: 's', samples: [child.seconds] },
      { name: `validate ${name}, reference`, unit: 's', samples: [run.usage!.goldenMs / 1000] },
    );
    if (child.peakAnonymousGiB === undefined) continue;
    peaks.push(child.peakAnonymousGiB);
    results.push({ name: `validate ${name}, anonymous memory`, unit: 'GiB', samples: [child.peakAnonymousGiB] });
  }
  if (peaks.length === 2) {
    results.push({
      name: 'anonymous memory, GPTQ int4 over BF16',
      unit: 'x',
      samples: [peaks[1]! / peaks[0]!],
      target: atMost(1),
    });
  }
  return results;
}

function gptqOf(workspace: Workspace, plain: string): string {
  const parent = `${plain}-variants`;
  const folder = join(parent, GPTQ_INT4.name);
  if (existsSync(join(folder, 'config.json'))) return folder;
  workspace.tell(`making ${folder}`);
  return writeVariant(openCheckpoint(plain), GPTQ_INT4, parent);
}

/** Linear layers, by rows as float32; the files are in the page cache if they fit. */
function secondsToRead(checkpoint: Checkpoint): number {
  const start = performance.now();
  for (const [name, tensor] of checkpoint.tensors) {
    if (!/layers\..*_proj\.weight$/.test(name)) continue;
    const [rows] = sidesOf(tensor);
    for (let row = 0; row < rows; row += ROWS_AT_ONCE) readTensorRows(tensor, row, Math.min(ROWS_AT_ONCE, rows - row));
  }
  return (performance.now() - start) / 1000;
}
