// Rows of decoded matrices as the N150's host gets them: rounded to bfloat16, as a program that loads such a checkpoint holds them.
import { readTensorRows, sidesOf } from '../../../checkpoint/checkpoint-tensor.ts';
import type { RowReader } from '../../../checkpoint/row-reader.ts';
import { bf16FromFloat32Bits } from '../../../numerics/bf16.ts';
import { bitsOf } from '../../../numerics/float-bits.ts';
import type { WeightPart } from './weight-units.ts';

/** The rows of several matrices, one after the other, as if they were one of BF16 rows. */
export function decodedRows(parts: readonly WeightPart[]): RowReader {
  return {
    async read(firstRow, target) {
      const patterns = new Uint16Array(target.buffer, target.byteOffset, target.byteLength / 2);
      let done = 0;
      let partStart = 0;
      for (const { tensor, firstRow: firstOfPart, rows } of parts) {
        const [, columns] = sidesOf(tensor);
        const skipped = firstRow + done / columns - partStart;
        partStart += rows;
        if (skipped >= rows || done === patterns.length) continue;
        const count = Math.min((patterns.length - done) / columns, rows - skipped);
        const bits = bitsOf(readTensorRows(tensor, firstOfPart + skipped, count));
        for (let i = 0; i < bits.length; i++) patterns[done + i] = bf16FromFloat32Bits(bits[i]!);
        done += bits.length;
      }
    },
    close: async () => {},
  };
}
