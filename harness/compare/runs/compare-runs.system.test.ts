// What comparing two runs finds: planted changes, each in its class; prompts, variants and tokens that one run has alone.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logLines, toyCase, toySpec, writeLog } from '../../run/toy-run.fixture.ts';
import type { OpenableCase } from '../../sources/openable-case.ts';
import { compareRuns, type PairedRow } from './compare-runs.ts';
import { changedCase, placesOf, plantedCase, plantedDevice, plantedDiff, plantedRun } from './planted-runs.fixture.ts';
import type { RunDiff } from './run-diff.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-compare-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Three prompts of 5, 6 and 7 tokens with 6 new ones each. */
const TOKENS = 36;

describe('a run compared with itself', () => {
  it('has no change but the tokens that still fail, and passes', async () => {
    const folder = await plantedRun(scratch, plantedCase({ 'second:3': 'fail' }));
    const diff = compareRuns({ a: folder, b: folder });
    expect(diff.exitCode).toBe(0);
    expect(diff.total.all).toMatchObject({
      tokens: TOKENS,
      unchanged: TOKENS,
      changes: { newlyFails: 0, newlyHeals: 0, stillFails: 1, drifted: 0, near: 0, same: TOKENS - 1 },
    });
    expect(placesOf(diff.tokens.stillFails)).toEqual(['second:3']);
    expect(diff.tokens).toMatchObject({ newlyFails: [], newlyHeals: [], drifted: [] });
    expect(diff).toMatchObject({ differences: [], alone: [], tokensAlone: { a: 0, b: 0 } });
    expect(new Set(diff.rules.map(({ change }) => change))).toEqual(new Set(['none', 'stillBroken']));
  });
});

describe('planted changes', () => {
  const before = plantedCase({ 'first:1': 'fail', 'second:3': 'fail' });
  const after = plantedCase({ 'second:3': 'fail', 'third:2': 'fail', 'first:3': 'drift', 'first:4': 'near' });

  let diff: RunDiff;
  const pairs: PairedRow[] = [];
  beforeAll(async () => {
    diff = await plantedDiff(scratch, before, after, { onPair: (pair) => pairs.push(pair) });
  });

  it('are each of their class', () => {
    expect(diff.total.all.changes).toEqual({
      newlyFails: 1,
      newlyHeals: 1,
      stillFails: 1,
      drifted: 1,
      near: 1,
      same: TOKENS - 5,
    });
    expect(placesOf(diff.tokens.newlyFails)).toEqual(['third:2']);
    expect(placesOf(diff.tokens.newlyHeals)).toEqual(['first:1']);
    expect(placesOf(diff.tokens.stillFails)).toEqual(['second:3']);
    expect(placesOf(diff.tokens.drifted)).toEqual(['first:3']);
    expect(diff.total.all.unchanged).toBe(TOKENS - 4);
    expect(diff.exitCode).toBe(1);
  });

  it('come with both numbers, text, broken rules and a command for either run', () => {
    const [token] = diff.tokens.newlyFails;
    expect(token).toMatchObject({
      case: 'a',
      variant: { a: 'toy', b: 'toy' },
      position: 2,
      phase: 'prefill',
      step: null,
      text: 't9',
      a: { status: 'pass', failedRules: [], pcc: 1, klNats: 0, regretNats: 0 },
      b: { status: 'failPcc' },
      inspect: {
        a: `qwen-pcc inspect ${diff.a.folder} --prompt third --token 2`,
        b: `qwen-pcc inspect ${diff.b.folder} --prompt third --token 2`,
      },
    });
    expect(token!.b.failedRules).toContain('pcc-minimum');
    expect(token!.b.pcc).toBeLessThan(0.79);
    expect(token!.b.regretNats).toBeGreaterThan(0);
  });

  it('are counted by prompt and by phase', () => {
    expect(diff.prompts.map(({ prompt, all }) => [prompt, all.tokens, all.changes.newlyFails])).toEqual([
      ['first', 11, 0],
      ['second', 12, 0],
      ['third', 13, 1],
    ]);
    const { prefill, firstDecode, decode } = diff.total.byPhase;
    expect([prefill!.tokens, firstDecode!.tokens, decode!.tokens]).toEqual([18, 3, 15]);
    expect([prefill!.unchanged, firstDecode!.unchanged, decode!.unchanged]).toEqual([14, 3, 15]);
    expect(diff.prompts[0]!.all.pccLowest.b).toBeGreaterThan(diff.prompts[0]!.all.pccLowest.a!);
    expect(diff.prompts[2]!.all.klMean.b).toBeGreaterThan(0);
  });

  it('make a rule newly broken, and exchanged newly kept', async () => {
    const [clean, broken] = [plantedCase({}), plantedCase({ 'third:2': 'fail' })];
    const worse = await plantedDiff(scratch, clean, broken);
    const better = await plantedDiff(scratch, broken, clean);
    const rule = { id: 'pcc-minimum', scope: 'token', limit: { a: '>= 0.79', b: '>= 0.79' } };
    expect(worse.rules).toContainEqual(
      expect.objectContaining({
        ...rule,
        change: 'newlyBroken',
        status: { a: 'pass', b: 'fail' },
        failures: { a: 0, b: 1 },
      }),
    );
    expect(better.rules).toContainEqual(
      expect.objectContaining({
        ...rule,
        change: 'newlyKept',
        status: { a: 'fail', b: 'pass' },
        failures: { a: 1, b: 0 },
      }),
    );
    expect([worse.exitCode, better.exitCode]).toEqual([1, 0]);
    expect([worse.a.status, worse.b.status]).toEqual(['pass', 'fail']);
  });

  it('drift or not by the margins that are given', async () => {
    const margins = { klNats: 0, pccLoss: 0, regretNats: 0 };
    const strict = await plantedDiff(scratch, plantedCase({}), plantedCase({ 'first:4': 'near' }), { margins });
    expect(strict.total.all.changes).toMatchObject({ drifted: 1, near: 0 });
    const wide = { klNats: 100, pccLoss: 2, regretNats: 100 };
    const lax = await plantedDiff(scratch, before, after, { margins: wide });
    expect(lax.total.all.changes).toMatchObject({ drifted: 0, near: 2, newlyFails: 1 });
    expect(() => compareRuns({ a: '', b: '' }, { margins: { klNats: -1 } })).toThrow(RangeError);
  });

  it('are handed out pair by pair to whoever has statistics of them', () => {
    expect(pairs).toHaveLength(TOKENS);
    expect(pairs.filter(({ change }) => change === 'newlyFails')).toMatchObject([
      { prompt: 'third', a: { isTop1: true } },
    ]);
  });
});

describe('plans that differ', () => {
  const without = (prompt: string): OpenableCase =>
    changedCase((spec) => ({ ...spec, prompts: spec.prompts.filter(({ name }) => name !== prompt) }));

  it('in a prompt: it is said, and the others are compared', async () => {
    const diff = await plantedDiff(scratch, plantedCase({}), without('second'));
    expect(diff.alone).toEqual([{ side: 'a', case: 'a', variant: 'toy', prompt: 'second', user: 0 }]);
    expect(diff.prompts.map(({ prompt }) => prompt)).toEqual(['first', 'third']);
    expect((await plantedDiff(scratch, without('second'), plantedCase({}))).alone).toMatchObject([{ side: 'b' }]);
  });

  it('in the order of prompts: the same is found', async () => {
    const swapped = changedCase((spec) => ({ ...spec, prompts: spec.prompts.toReversed() }), { 'third:2': 'fail' });
    const diff = await plantedDiff(scratch, plantedCase({}), swapped);
    const straight = await plantedDiff(scratch, plantedCase({}), plantedCase({ 'third:2': 'fail' }));
    expect(diff.total).toEqual(straight.total);
    expect(diff.prompts).toEqual(straight.prompts);
    expect(placesOf(diff.tokens.newlyFails)).toEqual(['third:2']);
  });

  it('in the name of the only variant: it is said', async () => {
    const diff = await plantedDiff(scratch, plantedCase({}, 'old'), plantedCase({}, 'new'));
    expect(diff.total.all.changes.same).toBe(TOKENS);
    expect(diff.differences).toContainEqual({ what: 'a: device', a: 'old', b: 'new' });
    expect(diff.prompts[0]!.variant).toEqual({ a: 'old', b: 'new' });
  });

  it('in one of several variants: the others are compared by name', async () => {
    const [kept, other] = [plantedDevice({}), plantedDevice({ 'first:1': 'fail' })];
    const diff = await plantedDiff(scratch, toyCase('a', { kept, x: other }), toyCase('a', { y: other, kept }));
    expect(diff.total.all.tokens).toBe(TOKENS);
    expect(new Set(diff.alone.map(({ side, variant }) => `${side} ${variant}`))).toEqual(new Set(['a x', 'b y']));
  });

  it('in length: what one run has alone is counted', async () => {
    const [a, b] = [plantedCase({}), plantedCase({})];
    const long = await plantedRun(scratch, a);
    const spec = toySpec([b]);
    const short = await plantedRun(scratch, b, { spec: { ...spec, limits: { ...spec.limits, maxNewTokens: 2 } } });
    const diff = compareRuns({ a: long, b: short });
    expect(diff.tokensAlone).toEqual({ a: 12, b: 0 });
    expect(diff.total.all.tokens).toBe(TOKENS - 12);
    expect(diff.differences).toEqual([{ what: 'most new tokens', a: '6', b: '2' }]);
  });

  it('in a limit: it is said, and the verdicts are those of each run', async () => {
    const [a, b] = [plantedCase({ 'first:3': 'drift' }), plantedCase({ 'first:3': 'drift' })];
    const spec = toySpec([b]);
    const rules = spec.judge.rules.map((rule) => (rule.id === 'pcc-minimum' ? { ...rule, threshold: 0.999 } : rule));
    const strict = await plantedRun(scratch, b, { spec: { ...spec, judge: { ...spec.judge, rules } } });
    const diff = compareRuns({ a: await plantedRun(scratch, a), b: strict });
    expect(diff.differences).toEqual([{ what: 'rule pcc-minimum', a: 'pcc >= 0.79', b: 'pcc >= 0.999' }]);
    expect(placesOf(diff.tokens.newlyFails)).toEqual(['first:3']);
    expect(diff.total.all.unchanged).toBe(TOKENS);
    expect(diff.exitCode).toBe(1);
  });
});

describe('a run that was killed', () => {
  it('is compared as far as it went; what it lacks breaks its coverage', async () => {
    const whole = await plantedRun(scratch, plantedCase({}));
    const killed = await plantedRun(scratch, plantedCase({}));
    writeLog(killed, logLines(killed).slice(0, 2 + 11 + 1 + 4));
    const diff = compareRuns({ a: whole, b: killed });
    expect(diff.total.all.tokens).toBe(15);
    expect(diff.tokensAlone).toEqual({ a: 21, b: 0 });
    expect(diff.b).toMatchObject({ status: 'error', tokensJudged: 15, tokensPlanned: TOKENS });
    expect(diff.rules.find(({ id }) => id === 'coverage')).toMatchObject({ change: 'newlyBroken' });
    expect(diff.exitCode).toBe(1);
    expect(compareRuns({ a: killed, b: whole })).toMatchObject({ exitCode: 0, tokensAlone: { a: 0, b: 21 } });
  });

  it('before the first common token: it is refused', async () => {
    const whole = await plantedRun(scratch, plantedCase({}));
    const killed = await plantedRun(scratch, plantedCase({}));
    writeLog(killed, logLines(killed).slice(0, 2));
    expect(() => compareRuns({ a: whole, b: killed })).toThrow(
      expect.objectContaining({
        code: 'RUNS_DIFFER',
        facts: { 'run A': '36 tokens judged', 'run B': '0 tokens judged' },
      }),
    );
  });
});
