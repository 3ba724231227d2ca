// Damaged recordings of every form: they are read, or refused by an error of ours with exit code 2; nothing else happens.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT_CODES, InputError } from '../../errors.ts';
import { openRecording } from './recording.ts';

const FIXTURES = join(import.meta.dirname, '../../../fixtures/recordings');
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-damaged-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Reads all there is. */
function readAll(path: string): void {
  for (const prompt of openRecording(path).prompts) {
    for (const row of prompt.positions.keys()) {
      expect(prompt.readLogits(row)).toHaveLength(prompt.vocabSize);
      for (const tap of prompt.taps) prompt.readTap(tap, row);
    }
  }
}

interface Damage {
  readonly at: number;
  readonly bytes: readonly number[];
  readonly kept: number;
}

function damaged(bytes: Buffer, { at, bytes: written, kept }: Damage): Buffer {
  const changed = Buffer.from(bytes.subarray(0, Math.ceil(kept * bytes.length)));
  if (changed.length > 0) Buffer.from(written).copy(changed, Math.floor(at * changed.length));
  return changed;
}

const damage = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  bytes: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 4 }),
  kept: fc.oneof({ arbitrary: fc.constant(1), weight: 3 }, fc.double({ min: 0, max: 1, noNaN: true })),
});

describe('a damaged recording', () => {
  it.each([
    { form: 'safetensors', folder: undefined, file: 'decode-only.safetensors' },
    { form: 'npz, stored', folder: undefined, file: 'types.npz' },
    { form: 'npz, deflated', folder: undefined, file: 'left-padded-batch.npz' },
    { form: 'npy of a folder with an index', folder: 'bfloat16-bits', file: 'logits.npy' },
    { form: 'index of a folder', folder: 'bfloat16-bits', file: 'recording.json' },
    { form: 'step of a folder', folder: 'tiles-a-step', file: 'logits_0003.npy' },
    { form: 'torch file', folder: undefined, file: 'logits.pt' },
  ])('is read or refused, never a crash: $form', ({ folder, file }) => {
    const original = readFileSync(join(FIXTURES, folder ?? '', file));
    const opened = folder === undefined ? join(scratch, file) : join(scratch, folder);
    if (folder !== undefined) cpSync(join(FIXTURES, folder), opened, { recursive: true });
    const path = folder === undefined ? opened : join(opened, file);
    fc.assert(
      fc.property(damage, (one) => {
        writeFileSync(path, damaged(original, one));
        try {
          readAll(opened);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect(error).toMatchObject({ exitCode: EXIT_CODES.usage });
        }
      }),
      { numRuns: 150 },
    );
  });
});
