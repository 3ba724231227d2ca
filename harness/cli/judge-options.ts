// The options that say how tokens are judged, of commands that plan a judged run.
import type { Command } from 'commander';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { PCC_SEMANTICS, type PccSemantics } from '../record/row-metrics.ts';
import type { PlanSettings } from './case-options.ts';
import { correlation, oneOf } from './option-values.ts';

/** As commander hands them over. */
export interface JudgeOptions {
  readonly semantics: PccSemantics;
  readonly threshold: number;
  readonly mode: 'teacher' | 'free';
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
    );
}

export function settingsOf({ threshold, semantics, mode }: JudgeOptions): PlanSettings {
  return {
    mode: mode === 'free' ? 'freeRunning' : 'teacherForced',
    judge: { semantics, pccMinimum: threshold, rules: defaultRules({ pccMinimum: threshold }) },
  };
}
