// Makes the rule that an entry of a file means; what is looser than the default needs somebody who answers for it.
import { DEFAULT_PCC_MINIMUM } from '../gate/thresholds.ts';
import type { Loosening } from '../record/allowances.ts';
import type { AggregateMetric, GateRule, TokenMetric } from '../record/rules.ts';
import type { CheckedEntry } from './check-entry.ts';
import { allowanceOf } from './places.ts';
import { refuse } from './refusals.ts';
import { limitOf } from './rule-metrics.ts';

export interface Ways {
  readonly file: string;
  readonly today: string;
  readonly notes: string[];
}

/**
 * The default rule as the entry has it; the default itself if nothing of it differs.
 *
 * @throws InputError CONFIG_RULE, CONFIG_LOOSENED, CONFIG_EXPIRES.
 */
export function changedRule(rule: GateRule, entry: CheckedEntry, { file, today, notes }: Ways): GateRule {
  const threshold = entry.off === true ? offOf(rule) : (entry.threshold ?? rule.threshold);
  const sample = rule.scope === 'token' ? undefined : (entry.sampleMinimum ?? rule.sampleMinimum);
  if (rule.scope === 'token' && entry.sampleMinimum !== undefined) {
    throw refuse('CONFIG_RULE', `${file}: ${rule.id} judges each token by itself.`, {
      facts: { at: `${entry.place}.sampleMinimum` },
      hint: 'take it out.',
    });
  }
  const base = rule.id === 'pcc-minimum' ? { ...rule, threshold: DEFAULT_PCC_MINIMUM } : rule;
  const loosening = looseningOf(base, { threshold, sample }, entry, file, today);
  if (loosening === undefined && entry.loosened !== undefined) {
    notes.push(`${entry.id} of ${file} is no looser than ${rule.id}: take "loosened" out`);
  }
  const isSame = threshold === rule.threshold && (rule.scope === 'token' || sample === rule.sampleMinimum);
  const { calibration: measured, damage, ...rest } = rule;
  const kept = isSame && entry.id === rule.id;
  const calibration = entry.calibration ?? (isSame ? measured : undefined);
  const found = entry.damage ?? (isSame ? damage : undefined);
  return {
    ...rest,
    id: entry.id,
    threshold,
    ...(sample === undefined ? {} : { sampleMinimum: sample }),
    origin: kept ? rule.origin : entry.calibration === undefined ? 'manual' : 'calibrated',
    reason: entry.reason ?? (kept ? rule.reason : `given in ${file.replace(/^.*[\\/]/, '')}`),
    ...(calibration === undefined ? {} : { calibration }),
    ...(found === undefined ? {} : { damage: found }),
    ...(loosening === undefined ? {} : { loosening }),
  } as GateRule;
}

/** A limit that every value keeps; a correlation that does not exist is still broken. */
function offOf({ op }: GateRule): number {
  return op === '>=' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/**
 * Undefined if the change is not looser.
 *
 * @throws InputError CONFIG_LOOSENED if nobody answers for it, CONFIG_EXPIRES if for too long.
 */
function looseningOf(
  rule: GateRule,
  { threshold, sample }: { readonly threshold: number; readonly sample: number | undefined },
  { id, loosened, place }: CheckedEntry,
  file: string,
  today: string,
): Loosening | undefined {
  const isLimitLooser = rule.op === '>=' ? threshold < rule.threshold : threshold > rule.threshold;
  const isSampleLooser = rule.scope !== 'token' && sample !== undefined && sample > rule.sampleMinimum;
  if (!isLimitLooser && !isSampleLooser) return undefined;
  if (loosened === undefined) {
    const found = isLimitLooser
      ? Number.isFinite(threshold)
        ? `${rule.op} ${threshold}`
        : 'switched off'
      : `from ${sample} tokens on`;
    const wanted = isLimitLooser ? `${rule.op} ${rule.threshold}` : 'from fewer tokens on';
    throw refuse('CONFIG_LOOSENED', `${file}: ${id} is looser than the default, and nobody answers for it.`, {
      facts: { at: place, found, 'the default': wanted },
      hint: 'add "loosened": { "reason": "…", "owner": "…", "expires": "YYYY-MM-DD" }; it is shown in every report, and fails after that day.',
    });
  }
  return {
    of: rule.id,
    threshold: rule.threshold,
    ...(isSampleLooser ? { sampleMinimum: rule.sampleMinimum } : {}),
    ...allowanceOf(loosened, { file, place: `${place}.loosened`, today }),
  };
}

export function ownRule(entry: CheckedEntry, file: string): GateRule {
  const { id, scope, metric, threshold, reason, phase = 'all', calibration, damage, sampleMinimum } = entry;
  const common = {
    id,
    phase,
    threshold: threshold!,
    ...limitOf(metric!),
    origin: calibration === undefined ? ('manual' as const) : ('calibrated' as const),
    reason: reason ?? `given in ${file}`,
    onBreak: 'fail' as const,
    ...(calibration === undefined ? {} : { calibration }),
    ...(damage === undefined ? {} : { damage }),
  };
  return scope === 'token'
    ? { ...common, scope, metric: metric as TokenMetric }
    : { ...common, scope: scope!, metric: metric as AggregateMetric, sampleMinimum: sampleMinimum! };
}
