// The noise ladder of a device in words and numbers, for the terminal, the summary and the lens.
import type { LadderRecord, LadderStep, LadderWord } from '../record/ladder.ts';
import { countOf, formatSmall } from './format.ts';

export const STEP_TITLES: Readonly<Record<LadderStep, string>> = {
  checkpoint: "the checkpoint's own weights",
  weights: "weights' formats",
  formats: '+ caches, activations, logits',
  arithmetic: '+ arithmetic',
  device: '+ beyond the model',
};

/** What a word says of a run, and of a token. */
export const LADDER_WORDS: Readonly<Record<LadderWord, string>> = {
  checkpoint: "expected from the checkpoint's own weights",
  weights: 'expected from the formats, those of the weights alone',
  formats: 'expected from the formats',
  arithmetic: 'more than the formats cost, expected from the arithmetic',
  excess: 'excess: neither formats nor arithmetic account for it',
};

export const LADDER_HEADER: readonly string[] = [
  'noise ladder',
  'KL typical',
  'KL mean/nat',
  'share',
  '1-PCC mean',
  'share',
];

/** Rows of a table: a step each, then the yardstick. */
export function ladderRows({ steps, bf16 }: LadderRecord): string[][] {
  const whole = steps.at(-1)?.mean;
  return [
    ...steps.map(({ step, typicalKlNats, mean, share }) => [
      STEP_TITLES[step],
      formatSmall(typicalKlNats),
      formatSmall(mean.klNats),
      shareText(share.klNats, whole!.klNats),
      formatSmall(mean.pccGap),
      shareText(share.pccGap, whole!.pccGap),
    ]),
    ...(bf16 === null
      ? []
      : [['bf16 reference, beside', '', formatSmall(bf16.klNats), '', formatSmall(bf16.pccGap), '']]),
  ];
}

/** What the ladder says, a sentence a line. */
export function ladderWords({ tokens, missing, word, words, rule }: LadderRecord): string[] {
  const unmeasured = missing > 0 ? [`${countOf(missing, 'token')} not on the ladder: a rung has no row there`] : [];
  if (word === null) return ['no token is on the noise ladder', ...unmeasured];
  const { excess = 0, ...rungs } = words;
  const counts = Object.entries(rungs).map(([rung, count]) => `${count} by ${rung}`);
  return [
    `the typical token of ${tokens}: ${LADDER_WORDS[word]}`,
    `tokens accounted for: ${counts.join(', ') || 'none'}${excess === 0 ? '' : `; by no rung ${excess}`}`,
    ...unmeasured,
    `rule: ${rule}; rungs judge nothing`,
  ];
}

/** Of the device's whole; a share below nothing cancels what is below it. */
export function shareText(share: number, whole: number): string {
  return whole > 0 ? `${((100 * share) / whole).toFixed(0)} %`.replace(/^-0 %$/, '0 %') : '';
}
