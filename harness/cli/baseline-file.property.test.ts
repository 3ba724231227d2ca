// A baseline's file that somebody changed: it is refused by name, or it judges; nothing else comes of it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { baselineVerdict } from '../baseline/baseline-rule.ts';
import { judgeBaseline } from '../baseline/judge-baseline.ts';
import { madeUpBaseline, madeUpRun } from '../baseline/made-up-runs.fixture.ts';
import { BASELINE_VERSION, formatBaseline, heldAgainst } from '../record/baseline.ts';
import { readBaselineFile } from './baseline-file.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-baseline-file-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const PROMPTS = [{ kl: Array.from({ length: 70 }, (_, i) => i / 500) }, { kl: [0.1, 0.2, 0.3] }];
const { sha256: _of, ...held } = madeUpBaseline(PROMPTS);
const TEXT = formatBaseline({ schemaVersion: BASELINE_VERSION, ...held, earlier: [held.state] });
const RUN = madeUpRun(PROMPTS);

/** Every place of a JSON value: the containers with their keys. */
function placesOf(value: unknown): (readonly [container: Record<string, unknown>, key: string])[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    [value as Record<string, unknown>, key] as const,
    ...placesOf(inner),
  ]);
}

const values = fc.oneof(
  fc.constantFrom(null, -1, 1e308, 0.5, '', '\u0000', 'NaN', '../../etc/passwd', [], {}, true),
  fc.jsonValue({ maxDepth: 2 }),
);

describe('a baseline with a value changed, lost or doubled', () => {
  it('is refused as a file, or fits, or does not', () => {
    const file = path.join(scratch, 'baseline.json');
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(fc.nat(), fc.option(values, { nil: undefined }), (at, value) => {
        const json: unknown = JSON.parse(TEXT);
        const places = placesOf(json);
        const [container, key] = places[at % places.length]!;
        if (value !== undefined) container[key] = value;
        else if (Array.isArray(container)) container.push(container[0]);
        else delete container[key];
        writeFileSync(file, JSON.stringify(json));
        try {
          const reading = judgeBaseline(heldAgainst(readBaselineFile(file)), RUN, { resamples: 100, seed: 1 });
          outcomes.add(baselineVerdict(reading).result.status);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect(error).toMatchObject({ code: 'BASELINE_FILE' });
          outcomes.add('refused');
        }
      }),
      { numRuns: 300, seed: 12 },
    );
    // Each has happened: the changes reach all of the file.
    for (const outcome of ['refused', 'invalid', 'pass']) expect(outcomes).toContain(outcome);
  });

  it('put together from two states is refused', () => {
    const file = path.join(scratch, 'two.json');
    const { sha256: _other, ...other } = madeUpBaseline(
      PROMPTS.map(({ kl }) => ({ kl: kl.map((value) => value * 3) })),
    );
    const whole = { schemaVersion: BASELINE_VERSION, ...held, earlier: [] };
    const prompts = (from: typeof held) => from.cases[0]!.variants[0]!.prompts;
    const withPrompts = (changed: (typeof whole.cases)[0]['variants'][0]['prompts']) => ({
      ...whole,
      cases: [{ ...held.cases[0]!, variants: [{ ...held.cases[0]!.variants[0]!, prompts: changed }] }],
    });
    const mixed = {
      'prompts of the other': withPrompts([prompts(held)[0]!, prompts(other)[1]!]),
      'a prompt lost': withPrompts(prompts(held).slice(1)),
      'the state of the other': { ...whole, state: other.state },
      'the cases of the other': { ...whole, cases: other.cases },
      'a mark too many': { ...whole, state: { ...held.state, marks: [...held.state.marks, ...held.state.marks] } },
    };
    for (const [what, baseline] of Object.entries(mixed)) {
      writeFileSync(file, formatBaseline(baseline));
      expect(() => readBaselineFile(file), what).toThrow(expect.objectContaining({ code: 'BASELINE_FILE' }));
    }
    writeFileSync(file, formatBaseline(whole));
    expect(readBaselineFile(file).cases).toHaveLength(1);
  });

  it('cut anywhere is refused', () => {
    const file = path.join(scratch, 'cut.json');
    for (let length = 0; length < TEXT.length - 2; length += 97) {
      writeFileSync(file, TEXT.slice(0, length));
      expect(() => readBaselineFile(file)).toThrow(expect.objectContaining({ code: 'BASELINE_FILE' }));
    }
  });
});
