// Rows of a padded sequence keep their places, whatever the padding and whichever of them were kept.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { type TensorToWrite, writeSafetensors } from '../../checkpoint/safetensors.ts';
import { floats, idsOf, integers, rowsRead, rowsWanted, T, V, value } from './recorded-rows.fixture.ts';
import { openRecording } from './recording.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-padded-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let files = 0;

function record(...tensors: TensorToWrite[]): string {
  const path = join(scratch, `${files++}.safetensors`);
  writeSafetensors(path, tensors);
  return path;
}

it('rows of a padded sequence keep their places, whatever the padding', () => {
  const padding = fc.record({ left: fc.nat(5), right: fc.nat(5), kept: fc.subarray([0, 1, 2, 3, 4, 5]) });
  fc.assert(
    fc.property(padding, ({ left, right, kept }) => {
      const isWhole = kept.length === 0;
      const rows = isWhole
        ? Array.from({ length: left + T + right }, (_, p) => p - left)
        : kept.filter((position) => position !== 5).concat(5);
      const path = record(
        integers('input_ids', [left + T + right], [...Array(left).fill(39), ...idsOf(0), ...Array(right).fill(39)]),
        integers(
          'attention_mask',
          [left + T + right],
          [...Array(left).fill(0), ...Array(T).fill(1), ...Array(right).fill(0)],
        ),
        ...(isWhole
          ? []
          : [
              integers(
                'positions',
                [rows.length],
                rows.map((position) => position + left),
              ),
            ]),
        floats([rows.length, V], (r, c) => (rows[r]! < 0 || rows[r]! >= T ? 9 : value(0, rows[r]!, c))),
      );
      const recording = openRecording(path);
      expect(rowsRead(recording)).toEqual(rowsWanted(recording, [0]));
      expect([...recording.prompts[0]!.positions]).toEqual(rows.filter((position) => position >= 0 && position < T));
    }),
    { numRuns: 40 },
  );
});
