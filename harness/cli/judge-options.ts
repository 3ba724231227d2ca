// The options that say how tokens are judged, of commands that plan a judged run.
import type { Command } from 'commander';
import { UsageError } from '../../src/errors.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { PCC_SEMANTICS, type PccSemantics } from '../record/row-metrics.ts';
import { parseDeviceSpec } from '../sources/device-spec.ts';
import type { PlanSettings } from './case-options.ts';
import { correlation, oneOf } from './option-values.ts';

/** As commander hands them over. */
export interface JudgeOptions {
  readonly semantics: PccSemantics;
  readonly threshold: number;
  readonly mode: 'teacher' | 'free';
  readonly ladder?: string | true;
}

export function addJudgeOptions(command: Command): Command {
  return command
    .option(
      '--semantics <name>',
      `meaning of PCC: ${PCC_SEMANTICS.join(', ')}`,
      oneOf('--semantics', PCC_SEMANTICS),
      'strict',
    )
    .option('--threshold <pcc>', 'PCC that every token must reach', correlation('--threshold'), DEFAULT_PCC_MINIMUM)
    .option(
      '--mode <mode>',
      'teacher: both get the same tokens; free: each follows its own choice',
      oneOf('--mode', ['teacher', 'free']),
      'teacher',
    )
    .option(
      '--ladder [device]',
      "measure beside each device what its formats alone would cost, and its arithmetic (docs/ladder.md); of a recording, those of this n150 model (default: n150). It judges nothing and takes three to four devices' time",
    );
}

export function settingsOf({ threshold, semantics, mode, ladder }: JudgeOptions): PlanSettings {
  return {
    ...(ladder === undefined ? {} : { ladder: ladderModel(ladder === true ? 'n150' : ladder) }),
    mode: mode === 'free' ? 'freeRunning' : 'teacherForced',
    judge: { semantics, pccMinimum: threshold, rules: defaultRules({ pccMinimum: threshold }) },
  };
}

/** @throws UsageError LADDER_DEVICE for a recording, which has no rungs. */
function ladderModel(text: string): NonNullable<PlanSettings['ladder']> {
  const choice = parseDeviceSpec(text, process.env);
  if (choice.kind === 'n150') return choice.config;
  throw new UsageError('a recording has no rungs of its own.', {
    code: 'LADDER_DEVICE',
    facts: { found: `--ladder ${text}`, wanted: 'n150, or n150:KNOB=VALUE,…' },
    hint: `write --device ${text} --ladder n150.`,
  });
}
