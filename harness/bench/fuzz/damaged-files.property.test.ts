// Ten thousand damaged files, small ones of every kind: read or refused by name, no hang, no read outside of the folder, bounded memory.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Script } from 'node:vm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runToy, toyCase } from '../../run/toy-run.fixture.ts';
import { packageFile } from '../../sources/package-root.ts';
import { CHEAP_KINDS } from './all-kinds.ts';
import { Draws } from './damage.ts';
import type { Kind } from './kinds.ts';
import { readDamaged } from './read-damaged.ts';
import { WatchedReads } from './watched-reads.ts';

const INPUTS = 10_000;
/** Of an input of some KB; the process has several hundred already. */
const MORE_BYTES_MAX = 512 * 2 ** 20;
/** For what takes milliseconds: a reader that is still at it never ends. */
const ENDLESS_MS = 20_000;

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-damaged-'));
const reads = new WatchedReads();
afterAll(() => {
  reads.stop();
  rmSync(scratch, { recursive: true });
});
beforeAll(async () => {
  await runToy(path.join(scratch, 'runs'), [toyCase('a')]);
  copyFileSync(packageFile('fixtures/recordings/decode-only.safetensors'), path.join(scratch, 'recorded.safetensors'));
});

const shares = CHEAP_KINDS.reduce((sum, { share }) => sum + share, 0);
/** Fewer and smaller numbers make simpler damage, so what fast-check shrinks to is the least that does it. */
/** Whole numbers: those of fc.double lie near 0 for the most part. */
const STEPS = 2 ** 20;
const choices = fc.array(fc.nat(STEPS - 1), { minLength: 6, maxLength: 24, size: 'max' });

const target = globalThis as { fuzzed?: () => unknown };
const ended = new Script('fuzzed()');
/** Ends synchronous code, which no timer of this thread could. */
function within<T>(milliseconds: number, work: () => T): T {
  target.fuzzed = work;
  return ended.runInThisContext({ timeout: milliseconds }) as T;
}

/** A recursive rmSync takes longer than what is tried. */
function emptyFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) rmSync(file, { recursive: true });
    else unlinkSync(file);
  }
}

let hasHung = false;
async function requireLaw(kind: Kind, values: readonly number[]): Promise<string> {
  const folder = path.join(scratch, 'input');
  emptyFolder(folder);
  kind.make(folder, new Draws(values.map((value) => value / STEPS)), scratch);
  // One input that never ends is enough: smaller ones are not looked for, since each would take as long.
  if (hasHung) return 'not tried';
  hasHung = true;
  const { outcome, crash } = await within(ENDLESS_MS, () => readDamaged(kind, folder, reads));
  hasHung = false;
  if (crash !== undefined) throw new Error(`${kind.name}: ${crash}`);
  return outcome;
}

describe('damaged files', () => {
  it.each(CHEAP_KINDS)('$name are read or refused', async (kind) => {
    const outcomes = new Map<string, number>();
    const before = process.resourceUsage().maxRSS;
    await fc.assert(
      fc.asyncProperty(choices, async (values) => {
        const outcome = await requireLaw(kind, values);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }),
      { numRuns: Math.ceil((INPUTS * kind.share) / shares), seed: 12 },
    );
    expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(MORE_BYTES_MAX);
    // Else the damage is such that nothing behind the first check is ever reached, or that nothing is damaged.
    expect(outcomes.get('read') ?? 0).toBeGreaterThan(0);
    expect(outcomes.size).toBeGreaterThan(kind.hasOneCode === true ? 1 : 2);
  });

  it('would be found to crash, to read elsewhere and to hang', async () => {
    const reading = (read: Kind['read']) => requireLaw({ ...CHEAP_KINDS[0]!, read }, [STEPS / 2]);
    await expect(reading(() => undefined)).resolves.toBe('read');
    await expect(reading(() => (undefined as unknown as Kind).read(''))).rejects.toThrow(/TypeError/);
    const elsewhere = path.join(scratch, 'recorded.safetensors');
    const straying = reading((folder) => void readFileSync(path.join(folder, '..', path.basename(elsewhere))));
    await expect(straying).rejects.toThrow(`${elsewhere} was opened, outside of the folder`);
    const endless = (): never => {
      for (;;) target.fuzzed = endless;
    };
    expect(() => within(20, endless)).toThrow(expect.objectContaining({ code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' }));
  });
});
