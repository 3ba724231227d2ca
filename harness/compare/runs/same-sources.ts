// What two runs opened: the same reference and vocabulary, or they are refused; what differs of device, rules and tools is said.
import type { SourceInfo } from '../../../src/device/logits-source.ts';
import type { CaseEvent, RunEvent } from '../../record/events.ts';
import type { GateRule } from '../../record/rules.ts';
import { withoutThreads } from '../../record/source-info.ts';
import type { PlanPairing } from './pair-plans.ts';
import { runsDiffer } from './pair-plans.ts';
import type { RunDiff, Sides } from './run-diff.ts';

type Difference = RunDiff['differences'][number];

/**
 * Holds what both runs opened for a case against each other.
 *
 * @throws InputError RUNS_DIFFER: other reference weights, config, dtypes or kind, or another vocabulary.
 */
export function requireSameSources(runs: Sides<RunEvent>, { a, b }: Sides<CaseEvent>): void {
  const require = (what: string, of: (event: CaseEvent) => string | number): void => {
    const values = { a: `${of(a)}`, b: `${of(b)}` };
    if (values.a !== values.b) throw runsDiffer(runs, `${what} of ${a.case}`, values);
  };
  require('the kind of reference', ({ golden }) => golden.kind);
  require('the weights of the reference', ({ golden }) => `sha256 ${golden.weightsSha256}`);
  require('the config of the reference', ({ golden }) => `sha256 ${golden.configSha256 ?? 'none'}`);
  require('the precision of the reference', precisionOf);
  require('the vocabulary', ({ vocabSize }) => `${vocabSize} entries`);
}

function precisionOf({ golden }: CaseEvent): string {
  const dtypes = Object.entries(golden.dtypes).sort(([a], [b]) => (a < b ? -1 : 1));
  return [...dtypes.map(([role, dtype]) => `${role} ${dtype}`), `logits ${golden.logitsFormat}`].join(', ');
}

/** What a reader of the comparison has to know: all that is not the same, but for times and machines' names. */
export function differencesOf(
  runs: Sides<RunEvent>,
  cases: Sides<ReadonlyMap<string, CaseEvent>>,
  { pairs, renamed }: PlanPairing,
): Difference[] {
  return [
    ...renamed.map(({ case: name, a, b }) => ({ what: `${name}: device`, a, b })),
    ...sourceDifferences(cases, pairs),
    ...planDifferences(runs),
  ];
}

/** Several cases of one device say a difference once. */
function sourceDifferences(cases: Sides<ReadonlyMap<string, CaseEvent>>, pairs: PlanPairing['pairs']): Difference[] {
  const said = new Map<string, Difference>();
  const done = new Set<string>();
  for (const pair of pairs) {
    const id = { a: caseIdOf(pair.a), b: caseIdOf(pair.b) };
    const [a, b] = [cases.a.get(id.a), cases.b.get(id.b)];
    if (a === undefined || b === undefined || done.has(`${id.a}${id.b}`)) continue;
    done.add(`${id.a}${id.b}`);
    for (const side of ['golden', 'device'] as const) {
      const word = side === 'golden' ? 'reference' : 'device';
      for (const one of factsThatDiffer({ a: a[side], b: b[side] })) {
        const what = `${word}, ${one.what}`;
        said.set(JSON.stringify([what, one.a, one.b]), { ...one, what });
      }
    }
  }
  return [...said.values()];
}

function caseIdOf({ case: name, variant }: { readonly case: string; readonly variant: string }): string {
  return JSON.stringify([name, variant]);
}

function factsThatDiffer(sides: Sides<SourceInfo>): Difference[] {
  const a = factsOf(sides.a);
  const b = factsOf(sides.b);
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((what) => a.get(what) !== b.get(what))
    .map((what) => ({ what, a: a.get(what) ?? 'none', b: b.get(what) ?? 'none' }));
}

function factsOf(info: SourceInfo): ReadonlyMap<string, string> {
  const { model, weightsSha256, configSha256, dtypes, logitsFormat, settings } = withoutThreads(info);
  return new Map([
    ['model', model],
    ['weights', `sha256 ${weightsSha256}`],
    ['config', `sha256 ${configSha256 ?? 'none'}`],
    ['format of logits', logitsFormat],
    ...Object.entries(dtypes).map(([role, dtype]): [string, string] => [`dtype of ${role}`, dtype]),
    ...Object.entries(settings).map(([name, value]): [string, string] => [name, `${value}`]),
  ]);
}

function planDifferences(runs: Sides<RunEvent>): Difference[] {
  const of = (what: string, value: (run: RunEvent) => string): Difference[] => {
    const [a, b] = [value(runs.a), value(runs.b)];
    return a === b ? [] : [{ what, a, b }];
  };
  const rules = (['a', 'b'] as const).flatMap((side) => runs[side].spec.judge.rules.map(({ id }) => id));
  return [
    ...of('meaning of PCC', ({ spec }) => spec.judge.semantics),
    ...[...new Set(rules)].flatMap((id) => of(`rule ${id}`, (run) => limitsOf(run, id))),
    ...of('most new tokens', ({ spec }) => `${spec.limits.maxNewTokens}`),
    ...of('longest sequence', ({ spec }) => `${spec.limits.maxSeqLen}`),
    ...of('version', toolOf),
  ];
}

function limitsOf({ spec }: RunEvent, id: string): string {
  const rules = spec.judge.rules.filter((rule) => rule.id === id);
  return rules.length === 0 ? 'absent' : rules.map((rule) => `${rule.metric} ${limitOf(rule)}`).join(', ');
}

export function limitOf({ op, threshold }: Pick<GateRule, 'op' | 'threshold'>): string {
  return `${op} ${threshold}`;
}

export function toolOf({ tool }: Pick<RunEvent, 'tool'>): string {
  return `${tool.name} ${tool.version}${tool.gitSha === null ? '' : ` (${tool.gitSha})`}`;
}
