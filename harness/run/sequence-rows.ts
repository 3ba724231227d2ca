// What the end of a sequence says of its rows: how many, a digest of their lines without the timing, and the texts of tokens that a side preferred.
import { createHash } from 'node:crypto';
import { withoutTiming } from '../record/token-line.ts';
import type { SequenceKey, TokenRecord } from '../record/token-record.ts';

export class SequenceRows {
  readonly key: SequenceKey;
  readonly #digest = createHash('sha256');
  readonly #preferred: Set<number> = new Set();
  readonly #textOf: (tokenId: number) => string;
  #count = 0;

  constructor(key: SequenceKey, textOf: (tokenId: number) => string) {
    this.key = key;
    this.#textOf = textOf;
  }

  /** @param line - a token's, as the log has it. */
  add(line: string, { choice }: Pick<TokenRecord, 'choice'>): void {
    for (const { id } of choice?.top ?? []) this.#preferred.add(id);
    this.#digest.update(`${withoutTiming(line)}\n`);
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** sha256 (hex) of all lines so far. */
  get sha256(): string {
    return this.#digest.copy().digest('hex');
  }

  /** Of all tokens among the ten best of a side so far, by rising id. */
  get texts(): [id: number, text: string][] {
    return [...this.#preferred].sort((a, b) => a - b).map((id) => [id, this.#textOf(id)]);
  }
}
