// The rows of one failing token as safetensors: what the judge saw, for other tools to look at.
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { RowPair } from '../sequence/sequence.ts';

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
