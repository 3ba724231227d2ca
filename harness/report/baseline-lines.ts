// A run beside its baseline, in lines for people.
import type { BaselineReading, BaselineVariantReading } from '../record/baseline-reading.ts';

/** What a baseline is, what it says of each variant, and what is not as it was. */
export function baselineLines(reading: BaselineReading): string[] {
  const { runId, runAt, reason, version, status, misfits, differences, variants, alpha } = reading;
  const head = `baseline ${runId} of ${runAt.slice(0, 10)} (qwen-pcc ${version}, "${reason}")`;
  const changed = differences.map(({ what, baseline, run }) => `  ${what}: ${baseline} then, ${run} now`);
  if (status === 'invalid') {
    return [
      `${head}: of another run`,
      ...misfits.map(({ what, baseline, run }) => `  ${what}: baseline ${baseline}; this run ${run}`),
      ...changed,
    ];
  }
  if (status === 'notJudgedHere') return [`${head}: not judged here, where prompts are missing`, ...changed];
  return [`${head}, paired, alpha ${alpha}:`, ...variants.map(variantLine), ...changed];
}

function variantLine({
  case: name,
  variant,
  text,
  tokens,
  klMean,
  top1,
  tokensNeeded,
}: BaselineVariantReading): string {
  const place = variant === name ? name : `${name}, ${variant}`;
  const needed = tokensNeeded === null ? '' : `; about ${tokensNeeded} tokens would decide`;
  const shares = `top-1 ${percent(top1.baseline)} → ${percent(top1.run)}`;
  return `  ${place}: ${text}; ${tokens} tokens, mean KL ${klMean.baseline.toFixed(5)} → ${klMean.run.toFixed(5)} nat, ${shares}${needed}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** What to type once a run is better than what stands; null while it is not. */
export function updateHint(reading: BaselineReading | undefined, folder: string): string | null {
  if (reading?.status !== 'judged') return null;
  const words = reading.variants.map(({ word }) => word);
  const isBetter = words.includes('better') && words.every((word) => word !== 'worse' && word !== 'undecided');
  return isBetter ? `better than the baseline; you may accept it: qwen-pcc baseline update ${folder}` : null;
}
