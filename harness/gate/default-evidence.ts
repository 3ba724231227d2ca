// What stands with the default rules: how their metrics were spread over honest tokens, and which faults pass each of them alone.
import type { Distribution, GateRule } from '../record/rules.ts';

/** Of all 4,877 tokens of both tiny checkpoints, as in `measuredOn`. */
const DISTRIBUTIONS: Readonly<Record<string, Distribution>> = {
  pcc: { n: 4877, p1: 0.989378, p50: 0.999694, p99: 0.999917 },
  klNats: { n: 4877, p1: 0.0000106832, p50: 0.00244416, p99: 0.074559 },
  goldenRank: { n: 4877, p1: 1, p50: 1, p99: 3 },
  gainDeviation: { n: 4877, p1: 0.000181564, p50: 0.00904215, p99: 0.0568052 },
};

/** The single values that a metric is made of; shares have none that say more than the share. */
const SPREAD_OF: Readonly<Record<string, keyof typeof DISTRIBUTIONS>> = {
  goldenRankOnActual: 'goldenRank',
  pccMedian: 'pcc',
  klMean: 'klNats',
  klP99: 'klNats',
  gainDeviation: 'gainDeviation',
};

/** `qwen-pcc selftest --weights general --json`, `damage`; `selftest-command.system.test.ts` holds it against another. */
const TRIED = {
  on: 'general_weights-1_batch (tiny-qwen2), 3 prompts, 563 tokens',
  date: '2026-11-27',
  faults: 58,
} as const;

/** A rule that needs more tokens than those: with `--prompt senate-and-house treasury-digits call-me-ishmael question-to-congress`. */
const TRIED_LONGER = { ...TRIED, on: 'general_weights-1_batch (tiny-qwen2), 4 prompts, 753 tokens' } as const;
const NEEDS_LONGER: ReadonlySet<string> = new Set(['top1-long']);

/** Ids of faults by rule. */
const PASSES: Readonly<Record<string, string>> = {
  'same-context': `
    constant-row one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask
    filtered uniform-logits gain-0.5 gain-0.94 gain-1.5 negated top-two-swapped ten-best-zeroed clipped relu
    noise-0.25 noise-0.776 outlier halves-swapped shards-swapped dead-block stale-block core-zero
    one-column-late stale-row stale-row-once early-row first-row-forever frozen last-prefill-row-only
    prompt-reversed wrong-user users-mixed stale-token own-token first-token-twice first-token-lost
    cache-kept cache-lost padding-seen ids-off-by-one previous-run wrong-checkpoint bias-lost key-bias-lost
    query-key-permuted head-tied head-shuffled layer-skipped layers-swapped gate-up-swapped key-heads-swapped
    rotary-base bits-as-numbers
  `,
  finite: `
    constant-row one-constant-row uniform-logits gain-0.5 gain-0.94 gain-1.5 negated top-two-swapped
    ten-best-zeroed clipped relu noise-0.25 noise-0.776 outlier halves-swapped shards-swapped dead-block
    stale-block core-zero one-column-late stale-row stale-row-once early-row first-row-forever frozen
    last-prefill-row-only prompt-reversed wrong-user users-mixed stale-token own-token first-token-twice
    first-token-lost cache-kept cache-lost padding-seen ids-off-by-one previous-run wrong-checkpoint
    bias-lost key-bias-lost query-key-permuted head-tied head-shuffled layer-skipped layers-swapped
    gate-up-swapped key-heads-swapped rotary-base bits-as-numbers
  `,
  coverage: `
    constant-row one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask
    filtered uniform-logits gain-0.5 gain-0.94 gain-1.5 negated top-two-swapped ten-best-zeroed clipped relu
    noise-0.25 noise-0.776 outlier halves-swapped shards-swapped dead-block stale-block core-zero
    one-column-late stale-row stale-row-once early-row first-row-forever frozen last-prefill-row-only
    prompt-reversed wrong-user users-mixed stale-token own-token first-token-twice first-token-lost
    cache-kept cache-lost padding-seen ids-off-by-one previous-run wrong-checkpoint bias-lost key-bias-lost
    query-key-permuted head-tied head-shuffled layer-skipped layers-swapped gate-up-swapped key-heads-swapped
    rotary-base bits-as-numbers
  `,
  'not-constant': `
    all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered uniform-logits gain-0.5
    gain-0.94 gain-1.5 negated top-two-swapped ten-best-zeroed clipped relu noise-0.25 noise-0.776 outlier
    halves-swapped shards-swapped stale-block core-zero one-column-late stale-row stale-row-once early-row
    first-row-forever frozen prompt-reversed wrong-user users-mixed stale-token own-token first-token-twice
    first-token-lost cache-kept cache-lost padding-seen ids-off-by-one previous-run wrong-checkpoint
    bias-lost key-bias-lost query-key-permuted head-tied head-shuffled layer-skipped layers-swapped
    gate-up-swapped key-heads-swapped rotary-base bits-as-numbers
  `,
  'pcc-minimum': `
    all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered uniform-logits gain-0.5
    gain-0.94 gain-1.5 top-two-swapped ten-best-zeroed clipped noise-0.25 core-zero users-mixed
    first-token-twice cache-lost wrong-checkpoint layers-swapped
  `,
  'golden-rank': `
    all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered uniform-logits gain-0.5
    gain-0.94 gain-1.5 top-two-swapped relu outlier users-mixed first-token-twice layers-swapped
  `,
  'pcc-median': `
    constant-row one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask
    filtered uniform-logits gain-0.5 gain-0.94 gain-1.5 top-two-swapped ten-best-zeroed clipped
    stale-row-once frozen last-prefill-row-only users-mixed stale-token own-token first-token-twice
    first-token-lost cache-kept cache-lost padding-seen previous-run key-bias-lost layers-swapped
  `,
  'pcc-median-short': `
    constant-row one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask
    filtered uniform-logits gain-0.5 gain-0.94 gain-1.5 top-two-swapped ten-best-zeroed clipped core-zero
    stale-row-once frozen last-prefill-row-only users-mixed stale-token own-token first-token-twice
    first-token-lost cache-kept cache-lost padding-seen previous-run wrong-checkpoint bias-lost key-bias-lost
    layer-skipped layers-swapped rotary-base
  `,
  'kl-mean': `
    one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered gain-0.94
    stale-row-once users-mixed first-token-twice first-token-lost cache-lost
  `,
  'kl-mean-short': `
    one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered gain-0.94
    core-zero stale-row-once users-mixed first-token-twice first-token-lost cache-lost layers-swapped
  `,
  'kl-p99': `
    one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered gain-0.94
    stale-row-once users-mixed first-token-twice first-token-lost layers-swapped
  `,
  top1: `
    one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered
    uniform-logits gain-0.5 gain-0.94 gain-1.5 relu dead-block core-zero stale-row-once users-mixed
    stale-token own-token first-token-twice first-token-lost cache-lost padding-seen previous-run
    key-bias-lost layers-swapped
  `,
  'top1-long': `
    one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered
    uniform-logits gain-0.5 gain-0.94 gain-1.5 relu dead-block core-zero stale-row-once users-mixed
    first-token-twice first-token-lost cache-lost previous-run
  `,
  'real-flips': `
    constant-row one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask
    filtered uniform-logits gain-0.5 gain-0.94 gain-1.5 clipped relu outlier dead-block core-zero
    stale-row-once last-prefill-row-only users-mixed stale-token own-token first-token-twice first-token-lost
    cache-lost padding-seen previous-run
  `,
  'real-flips-long': `
    constant-row one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask
    filtered uniform-logits gain-0.5 gain-0.94 gain-1.5 clipped relu outlier dead-block core-zero
    stale-row-once last-prefill-row-only users-mixed first-token-twice first-token-lost cache-lost
    previous-run
  `,
  gain: `
    one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered
    top-two-swapped clipped noise-0.25 noise-0.776 core-zero stale-row-once frozen stale-token own-token
    first-token-twice first-token-lost cache-lost padding-seen previous-run key-bias-lost
  `,
  'gain-short': `
    one-constant-row all-infinite infinite-best nan-1 nan-10 nan-30 one-nan one-sided-mask filtered gain-0.94
    top-two-swapped ten-best-zeroed clipped noise-0.25 noise-0.776 core-zero stale-row-once frozen
    users-mixed stale-token own-token first-token-twice first-token-lost cache-lost padding-seen previous-run
    bias-lost key-bias-lost layers-swapped key-heads-swapped rotary-base
  `,
};

/** @param rule - with the limit that it was tried at. */
export function withEvidence(rule: GateRule): GateRule {
  const { calibration } = rule;
  const spread = SPREAD_OF[rule.metric];
  const passes = PASSES[rule.id]?.trim().split(/\s+/);
  return {
    ...rule,
    ...(calibration === undefined
      ? {}
      : {
          calibration: {
            ...calibration,
            ...(spread === undefined ? {} : { distribution: DISTRIBUTIONS[spread]! }),
            headroom: headroomLeft(rule, calibration.measured),
          },
        }),
    ...(passes === undefined ? {} : { damage: { ...(NEEDS_LONGER.has(rule.id) ? TRIED_LONGER : TRIED), passes } }),
  };
}

/** By the worst of the measured runs, three digits. */
function headroomLeft({ ideal, threshold, op }: GateRule, measured: readonly number[]): number {
  const worst = op === '>=' ? Math.min(...measured) : Math.max(...measured);
  return Number((1 - (worst - ideal) / (threshold - ideal)).toPrecision(3));
}
