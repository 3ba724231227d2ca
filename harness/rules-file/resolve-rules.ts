// From the rules of a file to those of a plan: default rules changed where the file says so, its own behind them, all as data.
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import type { VariantPlace } from '../record/allowances.ts';
import type { GateRule } from '../record/rules.ts';
import { isRung, type JudgeSettings } from '../record/run-spec.ts';
import { type CheckedEntry, checkEntry, requireOwnIds } from './check-entry.ts';
import { changedRule, ownRule } from './made-rules.ts';
import { isSame, type PlannedCases, placesOf, select } from './places.ts';
import { refuse } from './refusals.ts';
import { resolveExpected } from './resolve-expected.ts';
import type { ReadRulesFile } from './rules-file.ts';

export interface ResolveOptions {
  readonly semantics: JudgeSettings['semantics'];
  /** Of --threshold, which stands in the place of what the file says; undefined: it was not given. */
  readonly threshold: number | undefined;
  readonly cases: PlannedCases;
  /** YYYY-MM-DD, UTC: what expired before is over. */
  readonly today: string;
}

export interface ResolvedRules {
  readonly judge: JudgeSettings;
  /** What of the file says nothing here, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Later runs of the log judge the same without the file: places are those of the plan's cases, and whether a day is over is decided here.
 *
 * @throws InputError CONFIG_RULE, CONFIG_HARD, CONFIG_LOOSENED, CONFIG_EXPIRES.
 */
export function resolveRules({ path: file, sha256, content }: ReadRulesFile, options: ResolveOptions): ResolvedRules {
  const { today, threshold, semantics } = options;
  // Nobody judges a rung, so that rules are for the same variants beside a ladder and without one.
  const cases = options.cases.map(({ name, variants }) => ({ name, variants: variants.filter((one) => !isRung(one)) }));
  const notes: string[] = [];
  const defaults = defaultRules({ pccMinimum: threshold ?? DEFAULT_PCC_MINIMUM });
  const all = placesOf(cases);
  const entries = (content.rules ?? []).map((entry, i) => checkEntry(entry, { file, place: `rules[${i}]`, defaults }));
  requireOwnIds(entries, file);

  const standing = entries.filter(({ id, instead }) => {
    if (instead !== 'pcc-minimum' || threshold === undefined) return true;
    notes.push(`--threshold ${threshold} stands in the place of ${id} of ${file}`);
    return false;
  });
  const { changes, taken } = placeEntries(standing, { file, cases, notes });

  const placed = (places: readonly VariantPlace[]): Pick<GateRule, 'places'> =>
    places.length === all.length ? {} : { places };
  const rules = defaults.flatMap((rule): GateRule[] => {
    const gone = taken.get(rule.id) ?? [];
    const left = all.filter((place) => !gone.some((other) => isSame(place, other)));
    const replacing = changes.filter(({ entry }) => entry.instead === rule.id);
    return [
      ...(left.length === 0 ? [] : [{ ...rule, ...placed(left) }]),
      ...replacing.map(({ entry, places }) => ({
        ...changedRule(rule, entry, { file, today, notes }),
        ...placed(places),
      })),
    ];
  });
  const own = changes
    .filter(({ entry }) => entry.instead === undefined)
    .map(({ entry, places }) => ({ ...ownRule(entry, file), ...placed(places) }));
  const judged = [...rules, ...own];
  const unused = entries.filter(({ id }) => !judged.some((rule) => rule.id === id));
  const expected = resolveExpected(content.expected ?? [], { file, cases, rules: judged, unused, today, notes });
  return {
    judge: {
      semantics,
      pccMinimum: minimumOf(judged, threshold ?? DEFAULT_PCC_MINIMUM),
      rules: judged,
      rulesFile: { name: file.replace(/^.*[\\/]/, ''), sha256 },
      ...(expected.length === 0 ? {} : { expected }),
    },
    notes,
  };
}

interface PlacedEntry {
  readonly entry: CheckedEntry;
  readonly places: readonly VariantPlace[];
}

interface PlacedEntries {
  /** In the order of the file; those that apply to nothing are left out. */
  readonly changes: readonly PlacedEntry[];
  /** By default rule: where another stands in its place. */
  readonly taken: ReadonlyMap<string, readonly VariantPlace[]>;
}

/** One that says where it applies goes before one that does not, which has what is left. */
function placeEntries(
  entries: readonly CheckedEntry[],
  { file, cases, notes }: { readonly file: string; readonly cases: PlannedCases; readonly notes: string[] },
): PlacedEntries {
  const found = new Map<CheckedEntry, readonly VariantPlace[]>();
  const taken = new Map<string, VariantPlace[]>();
  const byReach = [...entries].sort((a, b) => Number(a.applies === undefined) - Number(b.applies === undefined));
  for (const entry of byReach) {
    const { instead, applies } = entry;
    const before = instead === undefined ? [] : (taken.get(instead) ?? []);
    const isTaken = (place: VariantPlace): boolean => before.some((other) => isSame(place, other));
    const chosen = select(cases, applies);
    const twice = applies === undefined ? undefined : chosen.find(isTaken);
    const places = chosen.filter((place) => !isTaken(place));
    if (twice !== undefined || (applies === undefined && hasSecond(entries, entry))) {
      throw refuse('CONFIG_RULE', `${file}: two rules stand in the place of ${instead}.`, {
        facts: { at: twice === undefined ? 'everywhere' : `${twice.case}, ${twice.variant}`, second: entry.place },
        hint: 'let one of them apply elsewhere.',
      });
    }
    if (places.length === 0) notes.push(`${entry.id} of ${file} applies to nothing here`);
    else found.set(entry, places);
    if (instead !== undefined) taken.set(instead, [...before, ...places]);
  }
  const changes = entries.flatMap((entry) => {
    const places = found.get(entry);
    return places === undefined ? [] : [{ entry, places }];
  });
  return { changes, taken };
}

/** Whether another that is for everything left stands in the same place. */
function hasSecond(entries: readonly CheckedEntry[], one: CheckedEntry): boolean {
  return (
    one.instead !== undefined &&
    entries.some((other) => other !== one && other.applies === undefined && other.instead === one.instead)
  );
}

/** What the correlation of a row is held against, and the controls: of the rule that is for all variants. */
function minimumOf(rules: readonly GateRule[], otherwise: number): number {
  const floor = rules.find(
    ({ metric, scope, places }) => metric === 'pcc' && scope === 'token' && places === undefined,
  );
  return floor === undefined || !Number.isFinite(floor.threshold) ? otherwise : floor.threshold;
}
