// Laws of safetensors files: what is written is read back, and no damaged file does worse than a clear error.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { readSafetensorsHeader, readTensor, writeSafetensors } from './safetensors.ts';

const SEED = 20_240_613;
const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-safetensors-law-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const path = join(scratch, 'file.safetensors');

const tensor = fc
  .record({
    name: fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((name) => name !== '__metadata__'),
    dtype: fc.constantFrom('U8' as const, 'BF16' as const, 'F32' as const),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
  })
  .chain(({ name, dtype, shape }) => {
    const bytes = shape.reduce((count, side) => count * side, 1) * { U8: 1, BF16: 2, F32: 4 }[dtype];
    return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((data) => ({ name, dtype, shape, data }));
  });
const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 5 });

describe('safetensors files', () => {
  it('read back what was written: names, shapes, bytes', () => {
    fc.assert(
      fc.property(tensors, (written) => {
        writeSafetensors(path, written);
        const header = readSafetensorsHeader(path);
        expect(header.tensors.size).toBe(written.length);
        for (const { name, dtype, shape, data } of written) {
          const { entry, bytes } = readTensor(header, name);
          expect(entry).toMatchObject({ dtype, shape });
          expect([...bytes]).toEqual([...data]);
        }
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('with any byte changed, dropped or inserted are read or refused with an InputError', () => {
    writeSafetensors(path, [
      { name: 'a', dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
      { name: 'b', dtype: 'BF16', shape: [3], data: Uint16Array.of(1, 2, 3) },
    ]);
    const good = readFileSync(path);
    const damage = fc.record({
      at: fc.nat(good.length - 1),
      drop: fc.nat(3),
      insert: fc.uint8Array({ maxLength: 3 }),
    });
    let refused = 0;
    fc.assert(
      fc.property(damage, ({ at, drop, insert }) => {
        writeFileSync(path, Buffer.concat([good.subarray(0, at), insert, good.subarray(at + drop)]));
        try {
          const header = readSafetensorsHeader(path);
          for (const { offsetBytes, lengthBytes } of header.tensors.values()) {
            expect(offsetBytes + lengthBytes).toBeLessThanOrEqual(header.fileBytes);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          refused += 1;
        }
      }),
      { seed: SEED, numRuns: 1000 },
    );
    expect(refused).toBeGreaterThan(500);
  });
});
