// A real failing run for tests in the browser: a layer that the device leaves out, the honest device beside it, two prompts.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isPassing } from '../gate/token-highlights.ts';
import { readLog } from '../record/read-log.ts';
import { parseRunRecord, type RunRecord } from '../record/run-record.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { runGate } from '../vitest/run-gate.ts';

export interface FailingRun {
  readonly folder: string;
  readonly run: RunRecord;
  readonly records: readonly TokenRecord[];
  /** Prompt by prompt, the variants of each one after the other. */
  readonly failing: readonly TokenRecord[];
}

export async function failingRun(out: string): Promise<FailingRun> {
  const written = await runGate({
    weights: 'fixtures/tiny-qwen2',
    only: ['senate-and-house', 'emoji-harbour'],
    device: ['n150:skipLayer=2', 'n150'],
    maxNewTokens: 8,
    out,
  });
  const folder = path.resolve(written.folder);
  const run = parseRunRecord(readFileSync(path.join(folder, 'run.json'), 'utf8'));
  const records = [...readLog(folder)].flatMap(({ event }) => (event.event === 'token' ? [event] : []));
  const [one] = run.cases;
  const rank = ({ prompt, variant }: TokenRecord): number =>
    one!.variants[0]!.prompts.findIndex(({ name }) => name === prompt) * 10 +
    one!.variants.findIndex(({ name }) => name === variant);
  const failing = records
    .filter((record) => !isPassing(record))
    .sort((a, b) => rank(a) - rank(b) || a.position - b.position);
  return { folder, run, records, failing };
}
