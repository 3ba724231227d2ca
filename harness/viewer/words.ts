// What numbers of a token mean, in words that a person can act on.
import { formatShare, formatSmall } from '../report/format.ts';

/** Nearer than this to 1 a gain changes no sampling that anybody would see. */
const GAIN_EVEN = 0.005;

/** Gain g: softmax(g · logits) is sampling at temperature 1 / g. */
export function gainWords(gain: number): string {
  if (Number.isNaN(gain)) return 'no gain: one side is constant or not finite';
  if (gain <= 0) return 'the device ranks the other way round: its row is not a scaled form of golden';
  if (Math.abs(gain - 1) < GAIN_EVEN) return 'the device is as sharp as golden';
  const temperature = (1 / gain).toPrecision(3);
  return `${gain < 1 ? 'flatter' : 'sharper'} than golden: sampled as at temperature ${temperature}`;
}

export function offsetWords(offset: number): string {
  return Number.isNaN(offset) ? '' : 'a shift of all logits alike changes no probability';
}

/** @param sd - of golden's row. */
export function residualWords(residual: number, sd: number): string {
  if (Number.isNaN(residual) || !(sd > 0)) return '';
  return `noise of ${formatShare(residual / sd)} of golden's spread, beside gain and offset`;
}

export function klWords(kl: number): string {
  if (Number.isNaN(kl)) return '';
  return `on average golden's tokens get ${formatShare(Math.exp(-kl))} of the probability that they should`;
}

export function regretWords(regret: number): string {
  if (Number.isNaN(regret)) return "golden's logit of the device's choice is not in the top lists";
  if (regret === 0) return 'the same choice';
  const times = Math.exp(regret);
  return `golden finds the device's choice ${times < 1000 ? times.toPrecision(3) : times.toExponential(1)} times less probable than its own`;
}

const FLIP_WORDS = {
  none: 'Both sides choose the same token.',
  tie: "Tie: the device gives golden's token the very same logit, and the lower id won.",
  nearTie: "Near tie: golden's own margin is within rounding of the device's format.",
  real: "Real flip: rounding to the device's format does not explain it.",
} as const;

/** @param marginUlps - golden's margin between the two candidates. */
export function flipWords(flip: keyof typeof FLIP_WORDS, marginUlps: number, format: string): string {
  const margin = Number.isNaN(marginUlps)
    ? ''
    : ` Golden's margin is ${formatSmall(marginUlps)} ULP${format === '' ? '' : ` of ${format}`}.`;
  return `${FLIP_WORDS[flip]}${margin}`;
}
