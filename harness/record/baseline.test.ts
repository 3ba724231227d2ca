// A baseline's file: read back as it was written, refused where it was changed by hand into something that cannot be.
import { describe, expect, it } from 'vitest';
import { madeUpBaseline } from '../baseline/made-up-runs.fixture.ts';
import { BASELINE_VERSION, type Baseline, formatBaseline, heldAgainst, parseBaseline } from './baseline.ts';

const { sha256, ...held } = madeUpBaseline([{ kl: [0.1, null, 0.2], top1: [1, 0, 1] }, { kl: [3] }]);
const baseline: Baseline = { schemaVersion: BASELINE_VERSION, ...held, earlier: [] };
type Json = Record<string, unknown>;
const json = (): Json => JSON.parse(formatBaseline(baseline)) as Json;
const first = (value: unknown): Json => (value as Json[])[0]!;
const variantOf = (file: Json): Json => first(first(file['cases'])['variants']);

describe('a baseline', () => {
  it('is what was written, with the digest that a run has of it', () => {
    const read = parseBaseline(formatBaseline(baseline));
    expect(read).toEqual(baseline);
    expect(heldAgainst(read).sha256).toBe(sha256);
  });

  it('has the digest of what it holds a run against, whatever came before', () => {
    expect(heldAgainst({ ...baseline, earlier: [baseline.state] } as Baseline).sha256).toBe(sha256);
    expect(heldAgainst({ ...baseline, mode: 'freeRunning' }).sha256).not.toBe(sha256);
  });

  const changes: readonly { readonly what: string; readonly change: (file: Json) => void }[] = [
    { what: 'fewer numbers than tokens', change: (file) => (first(variantOf(file)['prompts'])['kl'] = 'AAAA') },
    {
      what: 'a prompt twice',
      change: (file) => (variantOf(file)['prompts'] as Json[]).push(first(variantOf(file)['prompts'])),
    },
    { what: 'a device twice', change: (file) => (first(file['cases'])['variants'] as Json[]).push(variantOf(file)) },
    { what: 'a case twice', change: (file) => (file['cases'] as Json[]).push(first(file['cases'])) },
    { what: 'another version', change: (file) => (file['schemaVersion'] = '2.0.0') },
    { what: 'a field that nobody knows', change: (file) => (file['more'] = 1) },
    { what: 'a reason that moves the cursor', change: (file) => ((file['state'] as Json)['reason'] = '\u001b[2Jgone') },
  ];
  it.each(changes)('with $what is none', ({ change }) => {
    const file = json();
    change(file);
    expect(() => parseBaseline(JSON.stringify(file))).toThrow();
  });
});
