// Whether a baseline says one thing throughout: tokens of prompts, their codes, the summary and the mark of the state; pure.
// A file that git has put together from two states, or that somebody has changed, does not; no run is held against it.
import type { Baseline, BaselineMark, BaselineVariant } from '../record/baseline.ts';
import { decodeKl, LARGEST_KL, NO_KL, unpackCodes } from './token-codes.ts';

/** Codes have ten bits of mantissa: each is off by half of that at most, and so is their mean. */
const CODED_TOLERANCE = 2 ** -10;
/** Below it a code is 0. */
const CODED_LEAST = 2 ** -39;

/** @returns what does not fit, the first of it; undefined if all does. */
export function inconsistencyOf({ state, cases }: Pick<Baseline, 'state' | 'cases'>): string | undefined {
  const all = cases.flatMap(({ name, variants }) => variants.map((variant) => ({ name, variant })));
  for (const { name, variant } of all) {
    const place = `${name}, ${variant.name}`;
    const mark = state.marks.find((one) => one.case === name && one.variant === variant.name);
    const found = mark === undefined ? 'no mark in its state' : (markOther(mark, variant) ?? codesOther(variant));
    if (found !== undefined) return `${place}: ${found}`;
  }
  return state.marks.length === all.length ? undefined : `${state.marks.length} marks of ${all.length} variants`;
}

function markOther({ tokens, klMean, pccMedian, top1 }: BaselineMark, { all }: BaselineVariant): string | undefined {
  const said = { tokens, klMean, pccMedian, top1 };
  const known = {
    tokens: all.tokens,
    klMean: all.klNats?.mean ?? null,
    pccMedian: all.pcc?.p50 ?? null,
    top1: all.top1,
  };
  const keys = Object.keys(said) as (keyof typeof said)[];
  const other = keys.find((key) => !Object.is(said[key], known[key]));
  return other === undefined ? undefined : `${other} ${said[other]} in its state, ${known[other]} in its case`;
}

function codesOther({ all, prompts }: BaselineVariant): string | undefined {
  const tokens = prompts.reduce((sum, prompt) => sum + prompt.tokens, 0);
  if (tokens !== all.tokens) return `${tokens} tokens in its prompts, ${all.tokens} in all`;
  const codes = prompts.flatMap(({ kl }) => [...unpackCodes(kl)]).filter((code) => code !== NO_KL);
  const mean = all.klNats?.mean ?? null;
  if ((mean === null) !== (codes.length === 0)) return `mean KL ${mean} of ${codes.length} tokens`;
  // What is above the largest code, or infinite, is not known from codes.
  if (mean === null || !Number.isFinite(mean) || codes.includes(LARGEST_KL)) return undefined;
  const coded = codes.reduce((sum, code) => sum + decodeKl(code), 0) / codes.length;
  const isNear = Math.abs(coded - Math.max(0, mean)) <= CODED_TOLERANCE * coded + CODED_LEAST;
  return isNear ? undefined : `mean KL ${mean} in all, ${coded.toPrecision(6)} by its tokens`;
}
