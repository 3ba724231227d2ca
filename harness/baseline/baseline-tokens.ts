// What of a run's tokens a baseline keeps and is compared with: code of KL and whether the choice is golden's, by sequence.
import { type SequenceKey, sequenceId, type TokenRecord } from '../record/token-record.ts';
import { encodeKl } from './token-codes.ts';

/** [tokens] each, in the order of positions. */
export interface SequenceTokens {
  readonly kl: readonly number[];
  /** 1 where both sides chose the same. */
  readonly top1: readonly number[];
}

const NOTHING: SequenceTokens = { kl: [], top1: [] };

export class BaselineTokens {
  readonly #sequences: Map<string, { readonly kl: number[]; readonly top1: number[] }> = new Map();

  add(record: Pick<TokenRecord, keyof SequenceKey | 'distribution' | 'choice'>): void {
    const id = sequenceId(record);
    const known = this.#sequences.get(id);
    const { kl, top1 } = known ?? { kl: [], top1: [] };
    if (known === undefined) this.#sequences.set(id, { kl, top1 });
    kl.push(encodeKl(record.distribution?.klNats ?? null));
    top1.push(record.choice !== null && record.choice.top1.golden === record.choice.top1.actual ? 1 : 0);
  }

  of(key: SequenceKey): SequenceTokens {
    return this.#sequences.get(sequenceId(key)) ?? NOTHING;
  }
}
