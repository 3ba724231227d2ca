// From two run folders to what changed between them, token by token and rule by rule.
import { EXIT_CODES } from '../../../src/errors.ts';
import type { CaseEvent, RunEvent } from '../../record/events.ts';
import { type LogLine, readRunEvent } from '../../record/read-log.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { type SequenceKey, sequenceId, type TokenKey } from '../../record/token-record.ts';
import { concludeRun } from '../../replay/conclude-run.ts';
import { watchRun } from '../../replay/read-run.ts';
import { caseId } from '../../replay/run-replay.ts';
import { inspectCommandOf } from '../../report/inspect-hint.ts';
import { classifyToken, DEFAULT_MARGINS, type TokenClass } from './classify-token.ts';
import { compareRules } from './compare-rules.ts';
import { PhasedTally } from './diff-tally.ts';
import { pairPlans, runsDiffer } from './pair-plans.ts';
import { type RowNumbers, rowNumbersOf } from './row-numbers.ts';
import { RunColumns } from './run-columns.ts';
import {
  DIFF_SCHEMA_VERSION,
  type DiffedRun,
  type DiffToken,
  type DriftMargins,
  type PromptDiff,
  type RunDiff,
  SHOWN_CHANGES,
  type Sides,
} from './run-diff.ts';
import { differencesOf, requireSameSources, toolOf } from './same-sources.ts';
import { type RankedToken, ShownTokens } from './shown-tokens.ts';
import { type PairedSequence, TokenPairs } from './token-pairs.ts';

export interface CompareRunsOptions {
  /** Finite and at least 0; 0: every change is a drift. Those that are left out are DEFAULT_MARGINS. */
  readonly margins?: Partial<DriftMargins>;
  /** Called for every token of both runs in the order of run B, for statistics over pairs. */
  readonly onPair?: (pair: PairedRow) => void;
}

export interface PairedRow extends Omit<RankedToken, 'a' | 'b' | 'drift'>, TokenClass {
  readonly a: RowNumbers;
  readonly b: RowNumbers;
}

/**
 * Compares two finished or stopped runs of the same inputs. Each log is read once, line by line, A first: of A some sixty bytes a token
 * stay in memory, of B nothing.
 *
 * @param folders - paths of the run folders as the reader can type them.
 * @throws InputError RUNS_DIFFER if the runs are no two answers to one question; LOG_BROKEN, LOG_INCONSISTENT, FILE_UNREADABLE as reading.
 */
export function compareRuns(folders: Sides<string>, options: CompareRunsOptions = {}): RunDiff {
  const margins = checkedMargins(options.margins);
  const runs = { a: readRunEvent(folders.a), b: readRunEvent(folders.b) };
  const plan = pairPlans(runs);
  const columns = new RunColumns();
  const paired = new Set(plan.pairs.map(({ a }) => sequenceId(a)));
  const a = readSide(folders.a, ({ event, text }) => {
    if (event.event === 'token' && paired.has(sequenceId(event))) columns.add(event, rowNumbersOf(event, text));
  });

  const pairs = new TokenPairs(runs, plan.pairs, columns);
  const tallies = new Map<string, PhasedTally>();
  const shown = new ShownTokens();
  const casesOfB = partnerCases(plan.pairs);
  const b = readSide(folders.b, ({ event, text }) => {
    if (event.event === 'case') {
      const other = a.cases.get(casesOfB.get(caseId(event)) ?? '');
      if (other !== undefined) requireSameSources(runs, { a: other, b: event });
    }
    if (event.event !== 'token') return;
    const pair = pairs.pairOf(event, text);
    if (pair === undefined) return;
    const { rows, sequence } = pair;
    const token = classifyToken(rows, margins);
    tallyOf(tallies, sequence.key.a).add(event.phase, rows, token);
    const { case: name, prompt, user, position, phase, step, text: ofToken } = event;
    const variant = { a: sequence.key.a.variant, b: event.variant };
    const place = { case: name, variant, prompt, user, position, phase, step, text: ofToken };
    const change = SHOWN_CHANGES.find((one) => one === token.change);
    if (change !== undefined) {
      shown.add(change, { ...place, a: shownNumbers(rows.a), b: shownNumbers(rows.b), drift: token.drift });
    }
    options.onPair?.({ ...place, ...token, ...rows });
  });

  const prompts = pairs.conclude().map((sequence) => promptDiff(sequence, tallyOf(tallies, sequence.key.a)));
  const total = totalOf(tallies);
  if (total.all.tokens === 0) {
    const judged = ({ coverage }: RunRecord): string => `${coverage.tokensJudged} tokens judged`;
    throw runsDiffer(runs, 'the tokens that they judged, of which they have none in common', {
      a: judged(a.record),
      b: judged(b.record),
    });
  }
  const rules = compareRules({ a: a.record.gate.rules, b: b.record.gate.rules });
  const isWorse =
    total.all.changes.newlyFails > 0 ||
    rules.some(({ change }) => change === 'newlyBroken') ||
    (a.record.verdict.status === 'pass' && b.record.verdict.status !== 'pass');
  return {
    schemaVersion: DIFF_SCHEMA_VERSION,
    exitCode: isWorse ? EXIT_CODES.accuracyFail : EXIT_CODES.pass,
    a: diffedRun(folders.a, a.record),
    b: diffedRun(folders.b, b.record),
    margins,
    differences: differencesOf(runs, { a: a.cases, b: b.cases }, plan),
    alone: plan.alone,
    total,
    tokensAlone: {
      a: prompts.reduce((sum, { tokensAlone }) => sum + tokensAlone.a, 0),
      b: prompts.reduce((sum, { tokensAlone }) => sum + tokensAlone.b, 0),
    },
    prompts,
    tokens: shown.conclude((token) => inspectCommands(token, folders, { a: a.record, b: b.record })),
    rules,
  };
}

interface ReadSide {
  readonly record: RunRecord;
  readonly cases: ReadonlyMap<string, CaseEvent>;
}

/** The gate's own columns, a hundred bytes a token and more, go when the run is concluded. */
function readSide(folder: string, onLine: (line: LogLine) => void): ReadSide {
  const replay = watchRun(folder, onLine);
  return { record: concludeRun(replay), cases: replay.cases };
}

function checkedMargins(given: Partial<DriftMargins> = {}): DriftMargins {
  const { klNats, pccLoss, regretNats } = { ...DEFAULT_MARGINS, ...given };
  for (const margin of [klNats, pccLoss, regretNats]) {
    if (!(margin >= 0 && Number.isFinite(margin))) throw new RangeError(`a margin is at least 0, not ${margin}`);
  }
  return { klNats, pccLoss, regretNats };
}

/** Case and variant of run B to those of run A, as ids. */
function partnerCases(pairs: readonly Sides<SequenceKey>[]): ReadonlyMap<string, string> {
  return new Map(pairs.map(({ a, b }) => [caseId(b), caseId(a)]));
}

function tallyOf(tallies: Map<string, PhasedTally>, key: SequenceKey): PhasedTally {
  const id = tallyId(key);
  const known = tallies.get(id);
  if (known !== undefined) return known;
  const fresh = new PhasedTally();
  tallies.set(id, fresh);
  return fresh;
}

/** Sorts as the tokens' names do, the variant last. */
function tallyId({ case: name, variant, prompt, user }: SequenceKey): string {
  return JSON.stringify([name, prompt, user, variant]);
}

/** Added up in the order of names: float sums depend on theirs. */
function totalOf(tallies: ReadonlyMap<string, PhasedTally>): RunDiff['total'] {
  const total = new PhasedTally();
  for (const id of [...tallies.keys()].sort()) total.join(tallies.get(id)!);
  return total.conclude();
}

function promptDiff({ key, tokensAlone }: PairedSequence, tally: PhasedTally): PromptDiff {
  const { case: name, prompt, user } = key.a;
  const variant = { a: key.a.variant, b: key.b.variant };
  return { case: name, variant, prompt, user, tokensAlone, ...tally.conclude() };
}

function shownNumbers({ status, failedRules, pcc, klNats, regretNats }: RowNumbers): DiffToken['a'] {
  return { status, failedRules, pcc, klNats, regretNats };
}

function inspectCommands(token: RankedToken, folders: Sides<string>, records: Sides<RunRecord>): Sides<string> {
  const of = (side: 'a' | 'b'): string => {
    const { case: name, prompt, user, position } = token;
    const key: TokenKey = { case: name, variant: token.variant[side], prompt, user, position };
    return inspectCommandOf(records[side], key, folders[side]);
  };
  return { a: of('a'), b: of('b') };
}

function diffedRun(folder: string, { runId, tool, command, verdict, coverage }: RunRecord): DiffedRun {
  return {
    folder,
    runId,
    tool: toolOf({ tool } satisfies Pick<RunEvent, 'tool'>),
    command,
    status: verdict.status,
    headline: verdict.headline,
    tokensJudged: coverage.tokensJudged,
    tokensPlanned: coverage.tokensPlanned,
  };
}
