// What the end of a sequence says of its rows: how many, and a digest of their lines without the timing.
import { createHash } from 'node:crypto';
import { withoutTiming } from '../record/token-line.ts';
import type { SequenceKey } from '../record/token-record.ts';

export class SequenceRows {
  readonly key: SequenceKey;
  readonly #digest = createHash('sha256');
  #count = 0;

  constructor(key: SequenceKey) {
    this.key = key;
  }

  /** @param line - a token's, as the log has it. */
  add(line: string): void {
    this.#digest.update(withoutTiming(line)).update('\n');
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** sha256 (hex) of all lines so far. */
  get sha256(): string {
    return this.#digest.copy().digest('hex');
  }
}
