// A run's state as a baseline looks at it.
import type { BaselineTokens } from '../baseline/baseline-tokens.ts';
import { judgeBaseline, type RunBesideBaseline } from '../baseline/judge-baseline.ts';
import type { BaselineReading } from '../record/baseline-reading.ts';
import { sequenceId } from '../record/token-record.ts';
import { caseId, type RunReplay } from './run-replay.ts';

/** Undefined for a run that has no baseline. */
export function readBaseline(replay: RunReplay): BaselineReading | undefined {
  const { baseline } = replay.run.spec;
  return baseline === undefined ? undefined : judgeBaseline(baseline, besideBaseline(replay));
}

/** @param tokens - of all its tokens; a run without a baseline of its own has collected none. */
export function besideBaseline(replay: RunReplay, tokens: BaselineTokens = replay.baselineTokens): RunBesideBaseline {
  const isFailed = Array.from(replay.prompts.values()).some(
    (prompt) => prompt.stop === 'failed' && !replay.isRung(prompt),
  );
  return {
    spec: replay.run.spec,
    isWhole: !replay.isPart && replay.isComplete && !isFailed,
    caseOf: (name, variant) => replay.cases.get(caseId({ case: name, variant })),
    promptOf: (key) => replay.prompts.get(sequenceId(key)),
    tokens,
  };
}
