// From a run's state to run.json: gate, summaries, coverage against the plan, exit code; a pure function.
import { EXIT_CODES } from '../../src/errors.ts';
import { baselineVerdict } from '../baseline/baseline-rule.ts';
import { describeTelling } from '../gate/controls.ts';
import { EXIT_CODE_OF_VERDICT } from '../gate/exit-code.ts';
import type { UnstableCount } from '../gate/gate.ts';
import { shareOf } from '../gate/headline.ts';
import type { PlannedSequence } from '../gate/judged-sequences.ts';
import { type Failure, SCHEMA_VERSION } from '../record/events.ts';
import type { CaseRecord, PromptRecord, RunRecord, SkippedTokens, VariantRecord } from '../record/run-record.ts';
import {
  type CaseSpec,
  isRung,
  judgedSequencesOf,
  type PromptSpec,
  sequencesOf,
  tokensPlannedMax,
  unitsOf,
  type VariantSpec,
} from '../record/run-spec.ts';
import { promptLabel, type SequenceKey, sequenceId } from '../record/token-record.ts';
import type { Verdict } from '../record/verdict.ts';
import { readBaseline } from './read-baseline.ts';
import { readDeterminism, spreadNotices, spreadsOf } from './read-determinism.ts';
import { caseId, lengthMax, type RunReplay } from './run-replay.ts';

/** The record of a run as far as it has come; its `exitCode` is the command's. */
export function concludeRun(replay: RunReplay, artifacts: RunRecord['artifacts'] = []): RunRecord {
  const { run, gate, end } = replay;
  const { judge, limits, mode } = run.spec;
  const { isPart } = replay;
  const baseline = readBaseline(replay);
  const ofBaseline = baseline === undefined ? undefined : baselineVerdict(baseline);
  const determinism = readDeterminism(replay);
  const verdict = gate.conclude(plannedSequences(replay), isPart, {
    result: ofBaseline?.result,
    notices: [...(ofBaseline?.notices ?? []), ...spreadNotices(determinism)],
    spreadOf: spreadsOf(replay),
  });
  const { coverage, rules, expected, ...answer } = verdict;
  const ending = endingOf(replay, verdict);
  const finishedAt = end?.finishedAt ?? null;
  const cases = run.spec.cases
    .filter((one) => !isPart || replay.units.some((unit) => unit.case === one))
    .map((one) => caseRecord(one, replay));
  const controls = gate.controls(judge.pccMinimum);
  return {
    schemaVersion: SCHEMA_VERSION,
    tool: run.tool,
    runId: run.runId,
    startedAt: run.startedAt,
    finishedAt,
    durationMs: durationBetween(run.startedAt, finishedAt),
    usage: end?.usage ?? null,
    command: run.command,
    exitCode: ending?.exitCode ?? EXIT_CODE_OF_VERDICT[verdict.status],
    verdict: {
      ...answer,
      status: ending?.status ?? answer.status,
      headline: [
        `${shareWords(replay)}${ending?.headline ?? answer.headline}`,
        ...warningsOf(run.notes, cases, describeTelling(controls, judge.pccMinimum)),
      ].join('; '),
    },
    failure: ending?.failure ?? null,
    notes: run.notes,
    coverage: { ...coverage, skipped: skippedTokens(replay) },
    config: {
      mode,
      pccSemantics: judge.semantics,
      accumulator: 'float64',
      pccMinimum: judge.pccMinimum,
      maxNewTokens: limits.maxNewTokens,
      maxSeqLen: limits.maxSeqLen,
      part: run.part,
      ...(run.shard === undefined ? {} : { shard: run.shard }),
      ...(judge.rulesFile === undefined ? {} : { rulesFile: judge.rulesFile }),
    },
    gate: { rules, ...(expected === undefined ? {} : { expected }) },
    summary: { all: gate.summarizeAll(), byPhase: gate.summarizePhases() },
    controls,
    ...(baseline === undefined ? {} : { baseline }),
    ...(determinism === undefined ? {} : { determinism }),
    cases,
    environment: run.machine,
    artifacts,
  };
}

/** In milliseconds; null of a run that did not end, or whose clock was set back meanwhile. */
function durationBetween(startedAt: string, finishedAt: string | null): number | null {
  if (finishedAt === null) return null;
  const duration = Date.parse(finishedAt) - Date.parse(startedAt);
  return duration >= 0 ? duration : null;
}

function plannedSequences(replay: RunReplay): PlannedSequence[] {
  const { limits } = replay.run.spec;
  return replay.units.flatMap((unit) =>
    judgedSequencesOf(unit).map((key) => {
      const done = replay.prompts.get(sequenceId(key));
      const isWhole = done !== undefined && done.stop !== 'failed';
      return {
        ...key,
        tokens: isWhole ? done.planned : tokensPlannedMax(unit.prompt, limits),
        end: isWhole ? done.length : lengthMax(unit.prompt, limits),
      };
    }),
  );
}

/** Before a verdict that is not on the whole plan. */
function shareWords({ run: { shard, spec }, units, isPart }: RunReplay): string {
  const empty = units.length === 0 ? ', which no prompt of the plan fell to' : '';
  if (shard !== undefined) return `shard ${shard.index} of ${shard.count}${empty}: `;
  return isPart ? `${units.length} of ${unitsOf(spec).length} prompts of the plan: ` : '';
}

/** What a reader of the verdict has to know with it. */
function warningsOf(notes: readonly string[], cases: readonly CaseRecord[], ofControls: string | null): string[] {
  const equal = cases.flatMap((one) =>
    one.variants.filter(isEqualThroughout).map(({ name }) => `${one.name}, ${name}`),
  );
  return [
    ...notes,
    ...(ofControls === null ? [] : [ofControls]),
    ...equal.map(
      (place) => `WARNING: every logit of ${place} equals the reference's to the bit: are these the device's own rows?`,
    ),
  ];
}

/** No device that rounds anywhere gives the bits of a float32 reference, token after token. */
function isEqualThroughout({ summary: { all } }: VariantRecord): boolean {
  return all.n > 0 && all.maxAbs === 0;
}

interface Ending {
  readonly status: RunRecord['verdict']['status'];
  readonly exitCode: number;
  readonly headline: string;
  readonly failure: Failure;
}

const KILLED: Failure = {
  code: 'RUN_UNFINISHED',
  message: 'the run did not come to its end: its process was killed, or is still at work',
  exitCode: EXIT_CODES.interrupted,
};

/** What keeps the gate from answering: the run's failure, else a prompt's; undefined if it may answer. */
function endingOf(replay: RunReplay, { coverage }: Verdict): Ending | undefined {
  const { end, isComplete } = replay;
  const failure = end === null ? (isComplete ? undefined : KILLED) : (end.failure ?? undefined);
  const judged = `(${shareOf(coverage.tokensJudged, coverage.tokensPlanned, 'token')} judged)`;
  const headlineOf = ({ message }: Failure): string => `${message.split('\n')[0]} ${judged}`;
  if (failure !== undefined) {
    const isInvalid = failure.exitCode === EXIT_CODES.comparisonInvalid;
    return {
      status: isInvalid ? 'invalid' : 'error',
      exitCode: failure.exitCode,
      headline: headlineOf(failure),
      failure,
    };
  }
  const failed = Array.from(replay.prompts.values()).filter(
    (prompt) => prompt.stop === 'failed' && !replay.isRung(prompt),
  );
  const first = failed[0]?.failure;
  if (first === undefined || first === null) return undefined;
  const more = failed.length > 1 ? `${failed.length} prompts could not be compared, first ` : '';
  return {
    status: 'invalid',
    exitCode: EXIT_CODES.comparisonInvalid,
    headline: `${more}${headlineOf(first)}`,
    failure: first,
  };
}

function skippedTokens(replay: RunReplay): SkippedTokens[] {
  let afterDivergence = 0;
  let notRecorded = 0;
  for (const prompt of replay.prompts.values()) {
    if (replay.isRung(prompt)) continue;
    const { divergence, stop, length, planned } = prompt;
    afterDivergence += divergence?.tokensAfter ?? 0;
    if (divergence === null && stop !== 'failed') notRecorded += length - planned;
  }
  const skipped = [
    { reason: 'after the texts part, the contexts differ and nothing is comparable', count: afterDivergence },
    { reason: 'the recording has no row of these positions', count: notRecorded },
  ];
  return skipped.filter(({ count }) => count > 0);
}

function caseRecord(one: CaseSpec, replay: RunReplay): CaseRecord {
  const opened = one.variants
    .map((variant) => replay.cases.get(caseId({ case: one.name, variant: variant.name })))
    .find((event) => event !== undefined);
  return {
    name: one.name,
    model: one.model,
    reference: opened?.golden ?? null,
    tokenizerSha256: one.tokenizerSha256,
    variants: one.variants.filter((variant) => !isRung(variant)).map((variant) => variantRecord(one, variant, replay)),
  };
}

function variantRecord(one: CaseSpec, variant: VariantSpec, replay: RunReplay): VariantRecord {
  const opened = replay.cases.get(caseId({ case: one.name, variant: variant.name }));
  const own = new Set(replay.units.filter((unit) => unit.case === one).map(({ prompt }) => prompt));
  const keyOf = (prompt: PromptSpec): SequenceKey => ({
    case: one.name,
    variant: variant.name,
    prompt: prompt.name,
    user: prompt.user,
  });
  const prompts = one.prompts.filter((prompt) => own.has(prompt));
  const ladder = replay.ladders.conclude(one, variant, prompts.map(keyOf));
  return {
    name: variant.name,
    device: variant.device,
    source: opened?.device ?? null,
    vocabSize: opened?.vocabSize ?? null,
    notes: opened?.notes ?? [],
    prompts: prompts.map((prompt) => promptRecord(prompt, keyOf(prompt), replay)),
    summary: replay.gate.summarizeVariant(one.name, variant.name),
    ...(ladder === undefined ? {} : { ladder }),
  };
}

function promptRecord(prompt: PromptSpec, key: SequenceKey, replay: RunReplay): PromptRecord {
  const done = replay.prompts.get(sequenceId(key));
  const { judged, failed: logged, invalid, expected, ms } = replay.highlights.ofSequence(key);
  const unstable = unstableOf(key, replay);
  const failed = logged - (unstable?.failed ?? 0);
  const isWhole = done !== undefined && done.stop !== 'failed';
  const tokensPlanned = isWhole ? done.planned : tokensPlannedMax(prompt, replay.run.spec.limits);
  const length = done?.length ?? judged;
  const newTokens = Math.max(0, length - prompt.promptIds.length);
  return {
    name: prompt.name,
    user: prompt.user,
    promptLength: prompt.promptIds.length,
    newTokens,
    forcedBy: newTokens === 0 ? 'none' : prompt.continuationIds === null ? 'reference' : 'continuation',
    stop: done?.stop ?? null,
    divergencePosition: done?.divergence?.position ?? null,
    tokensPlanned,
    tokensJudged: judged,
    tokensNotRecorded: isWhole && done.divergence === null ? done.length - done.planned : 0,
    tokensFailed: failed,
    ...(expected === 0 ? {} : { tokensExpected: expected }),
    ...(unstable === undefined ? {} : { tokensUnstable: unstable.tokens }),
    outcome: !isWhole
      ? done === undefined && judged === 0
        ? 'notRun'
        : 'invalid'
      : invalid > 0
        ? 'invalid'
        : failed > 0
          ? 'fail'
          : (unstable?.tokens ?? 0) > 0
            ? 'unstable'
            : 'pass',
    cause: isWhole ? null : causeOf(key, replay),
    ms,
    summary: judged === 0 ? null : replay.gate.summarizeSequence(key),
  };
}

function unstableOf(key: SequenceKey, replay: RunReplay): UnstableCount | undefined {
  const spreadOf = spreadsOf(replay);
  if (spreadOf === undefined) return undefined;
  const id = sequenceId(key);
  return replay.gate.countUnstable((one) => sequenceId(one) === id, spreadOf);
}

/** Why a prompt is not whole: its own failure, or what ended the run before it. */
function causeOf(key: SequenceKey, replay: RunReplay): string {
  const own = replay.prompts.get(sequenceId(key))?.failure;
  if (own !== undefined && own !== null) return own.message;
  const failure = replay.end?.failure ?? KILLED;
  const at = replay.units[replay.unitsDone];
  const isHere = at !== undefined && sequencesOf(at).some((one) => sequenceId(one) === sequenceId(key));
  if (isHere || at === undefined) return failure.message;
  return `the run ended at ${at.case.name} › ${promptLabel({ prompt: at.prompt.name, user: at.prompt.user })}: ${failure.message}`;
}
