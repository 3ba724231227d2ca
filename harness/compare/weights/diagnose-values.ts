// Faults that the sums of a tensor show by themselves: lost, constant, scaled, shifted, or wrong in a part.
import { TILE_SIDE, tilesAcross } from '../../../src/tensor/tile-layout.ts';
import { gainsByUnit, residualAfterGains, residualOf, type TensorFigures, type Totals } from './tensor-figures.ts';
import { isMatrix, type TensorPair } from './tensor-pair.ts';
import type { TensorSums, UnitSums } from './tensor-sums.ts';
import type { OwnerOf } from './tile-owner.ts';
import type { Diagnosis } from './weight-comparison.ts';
import { unitList, type WrongUnits, wrongUnits } from './wrong-units.ts';

/** A gain nearer to 1 may be how a format rounds (bfloat16 cut instead of rounded shrinks by 0.3 %); 127/128 is none. */
const GAIN_MIN = 0.005;
/** Of the error's energy, what a gain may leave: it takes 4 dB away, which no rounding to 2 bits or more gives. */
const GAIN_RESIDUAL_MAX = 0.4;
/** The same for a gain in each row or column: training changes those too. */
const UNIT_RESIDUAL_MAX = 0.25;
/** Of the energy, what a gain may leave, for it to be a gain of the same values: a cosine of 0.7. */
const GAIN_UNRELATED_MAX = 0.5;
const VECTOR_UNRELATED_MAX = 1e-4;
/** Gains by row or column say more than one gain if they leave this part of what that leaves. */
const UNITS_BETTER_MAX = 0.25;
/** Of the errors' energy that is constant along 32 neighbours; rounding to nearest leaves 1/32, cutting 3/4. */
const SHIFT_SHARE_MIN = 0.6;
/** Wrong units are named if they hold this much of the error. */
const PART_ERROR_MIN = 0.5;
/** Of the rows or columns, those with a wrong gain, to be called wrong together. */
const MOST = 0.5;
/** Rows and columns of fewer elements have gains by chance. */
const UNIT_LENGTH_MIN = 16;

export interface Measured {
  readonly pair: TensorPair;
  readonly sums: TensorSums;
  readonly figures: TensorFigures;
}

/** Diagnoses, the gravest first; none for what a quantisation may do. */
export function diagnoseValues(measured: Measured, ownerOf: OwnerOf): Diagnosis[] {
  const { sums, figures } = measured;
  const found: Diagnosis[] = [];
  const { notFinite, beyondFloat16 } = sums;
  if (notFinite.variant > notFinite.base) {
    const { row = 0, column = 0 } = notFinite.first ?? {};
    found.push({
      kind: 'notFinite',
      sentence: `${notFinite.variant} of its values are NaN or infinite, the first at row ${row}, column ${column}`,
    });
  }
  if (beyondFloat16 > 0) {
    found.push({
      kind: 'beyondFloat16',
      sentence: `${beyondFloat16} of its values are beyond float16's range, which those of the base are not: a scale is out of range`,
    });
  }
  if (figures.error === 0) return found;
  const one = wholeTensor(measured) ?? perUnitGains(measured) ?? part(measured, ownerOf) ?? constantShift(measured);
  return one === undefined ? found : [...found, one];
}

function wholeTensor({ pair, sums, figures }: Measured): Diagnosis | undefined {
  const { base, variant, product, gain } = figures;
  const isBias = pair.name.endsWith('.bias');
  if (variant === 0) {
    return isBias
      ? { kind: 'lostBias', sentence: 'the bias is lost: all zero, which the base is not' }
      : { kind: 'zeroed', sentence: 'all of its values are zero: the tensor is missing, or was never filled' };
  }
  if (base === 0) return { kind: 'appeared', sentence: 'the base is all zero here, the variant is not' };
  if (sums.constantTiles === sums.tiles.base.length) {
    return { kind: 'constant', sentence: 'its values are constant, which those of the base are not' };
  }
  const residual = residualOf(base, variant, product);
  if (gain === null || Math.abs(gain - 1) < GAIN_MIN || !isGain(residual, figures)) return undefined;
  // Norms are positive numbers of a size: any two of them are nearly proportional.
  if (!isMatrix(pair) && residual > VECTOR_UNRELATED_MAX * Math.max(base, variant)) return undefined;
  const unitResidual = Math.min(residualAfterGains(sums.rows), residualAfterGains(sums.columns));
  if (isMatrix(pair) && unitResidual < UNITS_BETTER_MAX * residual) return undefined;
  const cosine = (figures.cosine ?? 0).toFixed(5);
  return gain < 0
    ? { kind: 'wrongScale', sentence: `negated: it is ${factor(gain)} times the base, with a cosine of ${cosine}` }
    : { kind: 'wrongScale', sentence: `wrong scale: it is ${factor(gain)} times the base, with a cosine of ${cosine}` };
}

function isGain(residual: number, { base, variant, error }: Totals): boolean {
  return residual <= GAIN_RESIDUAL_MAX * error && residual <= GAIN_UNRELATED_MAX * Math.max(base, variant);
}

/** Rows, columns or tiles, whichever names the fault with the fewest elements. */
function part({ pair, sums }: Measured, ownerOf: OwnerOf): Diagnosis | undefined {
  if (!isMatrix(pair)) return undefined;
  const { rows, columns } = pair;
  const candidates = (
    [
      ['row', sums.rows, columns],
      ['column', sums.columns, rows],
      ['tile', sums.tiles, TILE_SIDE * TILE_SIDE],
    ] as const
  ).flatMap(([unit, unitSums, elements]) => {
    const wrong = elements < UNIT_LENGTH_MIN ? undefined : wrongUnits(unitSums);
    if (wrong === undefined || wrong.errorShare < PART_ERROR_MIN) return [];
    return [{ unit, wrong, size: wrong.units.length * elements }];
  });
  // What covers more of the error is the better name; between equals, the smaller one, then rows.
  const best = candidates.sort(
    (a, b) => Math.round(10 * (b.wrong.errorShare - a.wrong.errorShare)) || a.size - b.size,
  )[0];
  if (best === undefined) return undefined;
  return partDiagnosis(best.wrong, placeOf(best.unit, best.wrong.units, pair, ownerOf));
}

function partDiagnosis({ fault, gain, units }: WrongUnits, place: string): Diagnosis {
  const [is, holds] = units.length === 1 ? ['is', 'holds'] : ['are', 'hold'];
  if (fault === 'zero') return { kind: 'zeroedPart', sentence: `${place} ${is} all zero, which the base is not` };
  if (fault === 'scaled') {
    return { kind: 'wrongScales', sentence: `wrong scale in a part: ${place} ${is} ${factor(gain)} times the base` };
  }
  return {
    kind: 'wrongPart',
    sentence: `corrupted in a part: ${place} ${holds} other values, while the rest fits`,
  };
}

type Unit = 'row' | 'column' | 'tile';

function placeOf(unit: Unit, units: readonly number[], { name, rows }: TensorPair, ownerOf: OwnerOf): string {
  if (unit !== 'tile') {
    const place = `${unit}${units.length === 1 ? '' : 's'} ${unitList(units)}`;
    return unit === 'row' ? `${place}${coresOf(name, units, ownerOf)}` : place;
  }
  const across = tilesAcross(rows);
  const columns = [...new Set(units.map((tile) => tile % across))].sort((a, b) => a - b);
  const depths = [...new Set(units.map((tile) => Math.floor(tile / across)))].sort((a, b) => a - b);
  const rowsOfTiles = columns.map((column) => column * TILE_SIDE);
  const head = units.length === 1 ? 'the tile' : `${units.length} tiles`;
  return `${head} at K tile ${unitList(depths)}, N tile ${unitList(columns)}${coresOf(name, rowsOfTiles, ownerOf)}`;
}

function coresOf(name: string, rows: readonly number[], ownerOf: OwnerOf): string {
  const cores = new Set(rows.map((row) => ownerOf(name, row)?.core));
  const owner = ownerOf(name, rows[0]!);
  return cores.size === 1 && owner !== undefined ? ` (core ${owner.core} of ${owner.cores})` : '';
}

/** Rows or columns that have gains of their own, most of them: fewer are a part. */
function perUnitGains({ pair, sums, figures }: Measured): Diagnosis | undefined {
  if (!isMatrix(pair)) return undefined;
  const { rows, columns } = pair;
  const found = (
    [
      ['rows', sums.rows, columns],
      ['columns', sums.columns, rows],
    ] as const
  ).find(([, units, length]) => {
    const residual = residualAfterGains(units);
    if (length < UNIT_LENGTH_MIN || !isGain(residual, figures)) return false;
    if (residual > UNIT_RESIDUAL_MAX * figures.error) return false;
    const gains = gainsOf(units);
    return gains.filter((gain) => Math.abs(gain - 1) > GAIN_MIN).length > MOST * gains.length;
  });
  if (found === undefined) return undefined;
  const gains = gainsOf(found[1]).sort((a, b) => a - b);
  const range = `${factor(gains[0]!)} to ${factor(gains.at(-1)!)}`;
  return { kind: 'wrongScales', sentence: `wrong scales: each of its ${found[0]} is the base's times ${range}` };
}

function gainsOf(sums: UnitSums): number[] {
  return [...gainsByUnit(sums)].filter((_, unit) => sums.base[unit]! > 0);
}

function constantShift({ pair, sums, figures }: Measured): Diagnosis | undefined {
  const share = sums.shiftEnergy / figures.error;
  if (!isMatrix(pair) || pair.columns < UNIT_LENGTH_MIN || share < SHIFT_SHARE_MIN) return undefined;
  return {
    kind: 'constantShift',
    sentence: `shifted: ${Math.round(100 * share)} % of the error is constant along groups of a row, as with a zero point that is off by one`,
  };
}

function factor(value: number): string {
  return Number(value.toPrecision(4)).toString();
}
