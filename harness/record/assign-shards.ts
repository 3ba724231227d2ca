// Which machine does which units of a plan: the longest first, units of a case together while that costs little; a pure function.
import type { PlanUnit } from './plan-record.ts';

/**
 * How much longer than with units dealt out one by one the busiest shard may take, so that cases are opened fewer times. Packing the
 * weights of Qwen2-7B takes 40 s, as long as some 70 positions: a tenth of a share of 700.
 */
export const TOGETHER_WITHIN = 0.1;

/** Sizes of a share that are tried between the least thinkable and the most allowed. */
const SIZES_TRIED = 32;

/**
 * Indices of the units of each shard, rising. Every unit is in exactly one; a shard may have none. Ties go to what comes first in the
 * plan and to the first shard, so that machines which know nothing of each other agree.
 */
export function assignShards(units: readonly PlanUnit[], count: number): number[][] {
  const longestFirst = [...units].sort((a, b) => b.cost - a.cost || a.index - b.index);
  const single = dealOut(longestFirst, count);
  const least = Math.max(loadOf(units) / count, longestFirst[0]?.cost ?? 0);
  const most = (1 + TOGETHER_WITHIN) * Math.max(...single.map(({ load }) => load));
  const cases = byCase(longestFirst);
  for (let i = 0; i <= SIZES_TRIED; i++) {
    const together = fill(cases, count, least + (i / SIZES_TRIED) * (most - least));
    if (together !== undefined && timesOpened(together) <= timesOpened(single)) return together.map(indicesOf);
  }
  return single.map(indicesOf);
}

interface Shard {
  readonly units: PlanUnit[];
  readonly cases: Set<string>;
  load: number;
}

/** Longest processing time first: each unit to the shard that has least to do. */
function dealOut(longestFirst: readonly PlanUnit[], count: number): Shard[] {
  const shards = emptyShards(count);
  for (const unit of longestFirst) give(leastOf(shards), unit);
  return shards;
}

/** Case by case, each in as few shards as have room for it; undefined where there is none for a unit. */
function fill(cases: readonly (readonly PlanUnit[])[], count: number, size: number): Shard[] | undefined {
  const shards = emptyShards(count);
  for (const unit of cases.flat()) {
    const roomy = shards.filter(({ load }) => load + unit.cost <= size);
    if (roomy.length === 0) return undefined;
    give(roomy.find((shard) => shard.cases.has(unit.case)) ?? leastOf(roomy), unit);
  }
  return shards;
}

/** Cases by falling cost, equal ones as the plan has them; units stay in their order. */
function byCase(longestFirst: readonly PlanUnit[]): PlanUnit[][] {
  const cases = new Map<string, PlanUnit[]>();
  for (const unit of longestFirst) {
    const known = cases.get(unit.case);
    if (known === undefined) cases.set(unit.case, [unit]);
    else known.push(unit);
  }
  const first = (units: readonly PlanUnit[]): number =>
    units.reduce((least, { index }) => Math.min(least, index), Infinity);
  return Array.from(cases.values()).sort((a, b) => loadOf(b) - loadOf(a) || first(a) - first(b));
}

function emptyShards(count: number): Shard[] {
  return Array.from({ length: count }, () => ({ units: [], cases: new Set<string>(), load: 0 }));
}

function give(shard: Shard, unit: PlanUnit): void {
  shard.units.push(unit);
  shard.cases.add(unit.case);
  shard.load += unit.cost;
}

function leastOf(shards: readonly Shard[]): Shard {
  return shards.reduce((least, shard) => (shard.load < least.load ? shard : least));
}

function loadOf(units: readonly PlanUnit[]): number {
  return units.reduce((sum, { cost }) => sum + cost, 0);
}

/** How often a case is opened in all. */
function timesOpened(shards: readonly Shard[]): number {
  return shards.reduce((sum, { cases }) => sum + cases.size, 0);
}

function indicesOf({ units }: Shard): number[] {
  return units.map(({ index }) => index).sort((a, b) => a - b);
}
