// Golden rows that wait for the device.
import type { LogitsRow } from '../../src/device/logits-source.ts';

/** Golden rows of the positions that the device has not seen yet, in a buffer [capacity, V] that others use before and after. */
export class GoldenChunk {
  readonly capacity: number;
  readonly rows: LogitsRow[] = [];
  readonly milliseconds: number[] = [];
  private readonly buffer: Float32Array;
  private readonly vocabSize: number;

  constructor(buffer: Float32Array, vocabSize: number) {
    this.capacity = buffer.length / vocabSize;
    this.vocabSize = vocabSize;
    this.buffer = buffer;
  }

  get length(): number {
    return this.rows.length;
  }

  get isFull(): boolean {
    return this.rows.length === this.capacity;
  }

  push(row: LogitsRow, milliseconds: number): void {
    const start = this.rows.length * this.vocabSize;
    const logits = this.buffer.subarray(start, start + this.vocabSize);
    logits.set(row.logits);
    const taps = new Map([...row.taps].map(([name, values]) => [name, values.slice()] as const));
    this.rows.push({ position: row.position, tokenId: row.tokenId, logits, taps });
    this.milliseconds.push(milliseconds);
  }

  last(): LogitsRow {
    return this.rows[this.rows.length - 1]!;
  }

  clear(): void {
    this.rows.length = 0;
    this.milliseconds.length = 0;
  }
}
