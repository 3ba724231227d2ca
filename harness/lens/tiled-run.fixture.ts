// A run of any size made of the tokens of a small one: its records over and over, as prompts of a given length.
import { TokenHighlights } from '../gate/token-highlights.ts';
import type { PromptRecord, RunRecord } from '../record/run-record.ts';
import { sequenceId, type TokenRecord } from '../record/token-record.ts';
import type { CollectedRun } from './collect-run.ts';
import { SequenceColumns } from './sequence-columns.ts';

export interface TiledRun {
  readonly run: RunRecord;
  readonly highlights: TokenHighlights;
  readonly collected: CollectedRun;
  /** Of what was tiled, in order of the report. */
  readonly failing: readonly { readonly prompt: string; readonly position: number; readonly pcc: number | null }[];
}

/**
 * @param records - of one case and variant; at least one.
 * @param prompts - how many.
 * @param length - tokens of each, the last eighth of them decoded.
 */
export function tiledRun(of: RunRecord, records: readonly TokenRecord[], prompts: number, length: number): TiledRun {
  const [one] = of.cases;
  const { case: name, variant } = records[0]!;
  const device = one!.variants.find((candidate) => candidate.name === variant)!;
  const promptLength = length - (length >> 3);
  const highlights = new TokenHighlights();
  const sequences = new Map<string, SequenceColumns>();
  const texts = new Map<number, string>();
  const failing: { prompt: string; position: number; pcc: number | null }[] = [];
  const promptRecords: PromptRecord[] = [];
  for (let p = 0; p < prompts; p++) {
    const prompt = `tiled-${p}`;
    const columns = new SequenceColumns({ pictureOf: () => undefined, tapsOf: () => undefined, tablesOf: () => [] });
    for (let position = 0; position < length; position++) {
      const record = records[(p * 997 + position) % records.length]!;
      columns.add({ ...record, prompt, position, evidence: null });
      highlights.add({ ...record, prompt, position });
      if (record.failedRules.length > 0) failing.push({ prompt, position, pcc: record.pcc });
      texts.set(record.inputToken.golden, record.text);
    }
    sequences.set(sequenceId({ case: name, variant, prompt, user: 0 }), columns);
    promptRecords.push({
      ...device.prompts[0]!,
      name: prompt,
      promptLength,
      outcome: columns.failing > 0 ? 'fail' : 'pass',
    });
  }
  return {
    run: { ...of, cases: [{ ...one!, variants: [{ ...device, prompts: promptRecords }] }] },
    highlights,
    collected: { runId: of.runId, sequences, texts: new Map([[name, texts]]) },
    failing,
  };
}
