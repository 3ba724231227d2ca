// The rows of one failing token as safetensors: what the judge saw, for other tools to look at.
import { createHash } from 'node:crypto';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { TokenKey } from '../record/token-record.ts';
import type { RowPair } from '../sequence/sequence.ts';

/** Rows kept as evidence: each is two rows of V float32, 1.2 MB at Qwen2-7B's vocabulary. */
export const EVIDENCE_ROWS_MAX = 20;

/**
 * Rows that a prompt on one variant may keep: a fair share of the run's, by its place in the plan, so that no prompt's share
 * depends on what came before it.
 *
 * @param index - of the sequence among all of the plan.
 */
export function evidenceShare(index: number, sequences: number): number {
  const share = Math.floor(EVIDENCE_ROWS_MAX / sequences);
  return share + (index < EVIDENCE_ROWS_MAX - share * sequences ? 1 : 0);
}

/** Path in the run folder; names that a file cannot have are told apart by a digest. */
export function evidenceName({ case: name, variant, prompt, user, position }: TokenKey): string {
  const key = [name, variant, prompt, String(user)].join('.');
  const safe = key.replaceAll(/[^\w.-]+/g, '_').slice(0, 120);
  const digest = safe === key ? '' : `.${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
  return `evidence/${safe}${digest}.${position}.safetensors`;
}

/** Writes `golden` and `actual`, [V] F32 each, with position and token in the metadata. */
export function writeEvidence(path: string, pair: RowPair): void {
  const row = (name: string, logits: Float32Array) => ({
    name,
    dtype: 'F32' as const,
    shape: [logits.length],
    data: logits,
  });
  writeSafetensors(path, [row('golden', pair.golden.logits), row('actual', pair.actual.logits)], {
    position: String(pair.position),
    token_id: String(pair.tokenId),
  });
}
