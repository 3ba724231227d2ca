// A run beside its baseline: the same is never worse, a planted worsening always; what does not fit is named.
import { describe, expect, it } from 'vitest';
import type { BaselineReading } from '../record/baseline-reading.ts';
import { baselineVerdict } from './baseline-rule.ts';
import { drawn, RESAMPLING } from './drawn-tokens.fixture.ts';
import { judgeBaseline } from './judge-baseline.ts';
import {
  MADE_UP_CASE,
  MADE_UP_OPENED,
  type MadeUpChanges,
  type MadeUpTokens,
  madeUpBaseline,
  madeUpRun,
} from './made-up-runs.fixture.ts';

const judge = (
  before: readonly MadeUpTokens[],
  now: readonly MadeUpTokens[],
  changes: MadeUpChanges = {},
): BaselineReading => judgeBaseline(madeUpBaseline(before), madeUpRun(now, changes), RESAMPLING);
const statusOf = (reading: BaselineReading): string => baselineVerdict(reading).result.status;

describe('a run', () => {
  it('with the numbers of its baseline is the same, however few tokens there are', () => {
    for (const tokens of [drawn(1), [{ kl: [0.01] }]]) {
      const reading = judge(tokens, tokens);
      expect(reading.variants.map(({ word }) => word)).toEqual(['same']);
      expect(statusOf(reading)).toBe('pass');
    }
  });

  it.each([
    { what: 'twice the KL', now: drawn(1, 2), word: 'worse', status: 'fail' },
    { what: 'half the KL', now: drawn(1, 0.5), word: 'better', status: 'pass' },
  ])('with $what is $word', ({ now, word, status }) => {
    const reading = judge(drawn(0), now);
    expect(reading.variants[0]!.word).toBe(word);
    expect(statusOf(reading)).toBe(status);
  });

  it('that loses choices at the same KL is worse', () => {
    const before = drawn(0);
    const now = before.map(({ kl, top1 }) => ({ kl, top1: top1!.map((hit, i) => (i % 12 === 3 ? 0 : hit)) }));
    expect(judge(before, now).variants[0]!.text).toMatch(/^worse .*top-1 worse \(-\d+\.\d\d points\)/);
  });

  it('with too few tokens for a word says how many it has, and passes nothing silently', () => {
    const reading = judge(drawn(0, 1, [40]), drawn(1, 1.3, [40]));
    const { result, notices } = baselineVerdict(reading);
    expect(reading.variants[0]!.word).toBe('undecided');
    expect(result).toMatchObject({ status: 'tooFewTokens', largestTooFew: 40, tooFew: 1, judged: 0 });
    expect(result.scope === 'run' && result.sampleMinimum).toBeGreaterThanOrEqual(256);
    expect(notices[0]).toMatch(/^undecided \(mean KL.* against the baseline before$/);
  });

  it('whose prompts are not all there is not judged', () => {
    expect(statusOf(judge(drawn(0), drawn(1, 3), { isWhole: false }))).toBe('notJudgedHere');
  });

  it('that lost the numbers of a token does not fit', () => {
    const [first, ...rest] = drawn(0);
    const reading = judge([first!, ...rest], [{ ...first!, kl: [null, ...first!.kl.slice(1)] }, ...rest]);
    expect(reading).toMatchObject({ status: 'invalid', misfits: [{ what: 'tokens with numbers of c › p0' }] });
  });
});

describe('a run that is no other answer to the same question', () => {
  const tokens = drawn(0, 1, [8, 8]);
  const { golden, device } = MADE_UP_OPENED;
  const prompts = madeUpRun(tokens).spec.cases[0]!.prompts;
  const other = prompts.map((prompt, i) => (i === 1 ? { ...prompt, promptIds: [9, 9, 9, 9, 9, 9, 9, 9] } : prompt));
  const changes: readonly { readonly what: string; readonly of: MadeUpChanges }[] = [
    { what: 'decoding mode', of: { spec: { mode: 'freeRunning' } } },
    { what: 'cases', of: { case: { name: 'd' } } },
    { what: 'devices of c', of: { case: { prompts, variants: [{ ...MADE_UP_CASE.variants[0]!, name: 'w' }] } } },
    { what: 'tokenizer of c', of: { case: { prompts, tokenizerSha256: 'ba' } } },
    { what: 'prompts of c', of: { case: { prompts: prompts.slice(0, 1) } } },
    { what: 'tokens of c › p1', of: { case: { prompts: other } } },
    { what: 'weights of the reference of c', of: { opened: { golden: { ...golden, weightsSha256: 'other' } } } },
    { what: 'config of the reference of c', of: { opened: { golden: { ...golden, configSha256: 'other' } } } },
    { what: 'precision of the reference of c', of: { opened: { golden: { ...golden, logitsFormat: 'BF16' } } } },
    { what: 'kind of reference of c', of: { opened: { golden: { ...golden, kind: 'golden-file' } } } },
    { what: 'weights of the device of c', of: { opened: { device: { ...device, weightsSha256: 'other' } } } },
    { what: 'vocabulary of c', of: { opened: { vocabSize: 99 } } },
    { what: 'text of c › p0', of: { prompt: { contextHash: 'cafe' } } },
  ];
  it.each(changes)('by its $what is invalid, and says so', ({ what, of }) => {
    const reading = judge(tokens, tokens, of);
    expect(reading).toMatchObject({ status: 'invalid', variants: [] });
    expect(reading.misfits.map((one) => one.what)).toContain(what);
    const { result, notices } = baselineVerdict(reading);
    expect(result.status).toBe('invalid');
    expect(notices[0]).toContain(reading.misfits[0]!.what);
  });

  it('but for a setting of the device is judged, and the setting is said', () => {
    const settings = { tier: 'exact', threads: 8 };
    const reading = judge(tokens, tokens, { opened: { device: { ...device, settings } } });
    expect(reading.status).toBe('judged');
    expect(reading.differences).toEqual([{ what: 'c, v: tier', baseline: 'fast', run: 'exact' }]);
  });

  it('by the length of its greedy texts is invalid', () => {
    const greedy = { case: { prompts: prompts.map((prompt) => ({ ...prompt, continuationIds: null })) } };
    const longer = { ...greedy, spec: { limits: { maxNewTokens: 3, maxSeqLen: 4096 } } };
    const reading = judgeBaseline(madeUpBaseline(tokens, greedy), madeUpRun(tokens, longer), RESAMPLING);
    const [misfit] = reading.misfits;
    expect(misfit).toEqual({ what: 'length of c › p0', baseline: '8 tokens at most', run: '11 tokens at most' });
  });

  it('but for the name of the one recording is judged', () => {
    const recorded = (name: string): MadeUpChanges => ({
      case: {
        prompts,
        variants: [{ name, model: 'toy', device: { kind: 'capture', recording: name, logitsFormat: null } }],
      },
      opened: { device: { ...device, kind: 'capture', weightsSha256: name } },
    });
    const before = madeUpBaseline(tokens, recorded('monday'));
    const reading = judgeBaseline(before, madeUpRun(tokens, recorded('tuesday')), RESAMPLING);
    expect(reading.variants.map(({ variant, word }) => `${variant}: ${word}`)).toEqual(['tuesday: same']);
  });
});
