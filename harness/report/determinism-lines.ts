// What came of feeding prompts to the device once more, in lines for people.
import type { DeterminismReading, VariantDeterminism } from '../record/determinism.ts';
import { countOf, formatValue } from './format.ts';

const WAYS = { again: 'again', cut: 'in feeds of other lengths', row: 'in another row of the batch' } as const;

/** A line a variant; none for a run that repeats nothing. */
export function determinismLines(reading: DeterminismReading | undefined): string[] {
  if (reading === undefined) return [];
  const head = `repeated (${countOf(reading.tokens, 'token')} drawn, seed ${reading.seed})`;
  if (reading.variants.length === 0) return [`${head}: none of its prompts was fed again here`];
  return reading.variants.map((one) => `${head} · ${placeOf(one)} · ${one.prompts.join(', ')}: ${rowWords(one)}`);
}

function placeOf({ case: name, variant }: VariantDeterminism): string {
  return variant === name ? name : `${name}, ${variant}`;
}

function rowWords({ ways, spread, unstableTokens }: VariantDeterminism): string {
  if (ways.every(({ rows, equal }) => rows === equal)) {
    return `${countOf(ways[0]?.rows ?? 0, 'row')} equal to the bit ${ways.map(({ way }) => WAYS[way]).join(', ')}`;
  }
  const differing = ways.map(({ way, rows, equal, maxAbs }) =>
    rows === equal
      ? `${WAYS[way]} all equal`
      : `${WAYS[way]} ${rows - equal} of ${rows} differ, a logit by ${formatValue(maxAbs)} at most`,
  );
  const { pcc, klNats, gainDeviation, goldenRankOnActual } = spread;
  const spreads = `PCC ${formatValue(pcc)}, KL ${formatValue(klNats)} nat, gain ${formatValue(gainDeviation)}, rank ${formatValue(goldenRankOnActual)}`;
  const measured = Math.max(...ways.map((way) => way.measured));
  return `${differing.join('; ')}; spread over ${countOf(measured, 'measured row')}: ${spreads}; ${countOf(unstableTokens, 'token')} unstable`;
}
