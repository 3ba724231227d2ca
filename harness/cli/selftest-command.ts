// qwen-pcc selftest: tries the rules with faults on a case of the user's own, before anybody trusts them.
import { Command } from 'commander';
import { nearestName, UsageError } from '../../src/errors.ts';
import { ALL_FAULTS } from '../faults/all-faults.ts';
import type { Fault } from '../faults/fault.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { PCC_SEMANTICS, type PccSemantics } from '../record/row-metrics.ts';
import type { RunSpec } from '../record/run-spec.ts';
import { formatSelfTest, type SelfTestRecord } from '../record/selftest-record.ts';
import { createChalk } from '../report/plain-table.ts';
import { selfTestText } from '../report/selftest-text.ts';
import type { ReadRulesFile } from '../rules-file/rules-file.ts';
import { damageOf } from '../selftest/rule-damage.ts';
import { runSelfTest } from '../selftest/run-selftest.ts';
import { Models } from '../sources/models.ts';
import {
  addCaseOptions,
  addGoldenCacheOption,
  addStepTimeoutOption,
  type CaseCommandOptions,
  localPaths,
} from './case-options.ts';
import { addConfigOption, type ConfigOptions, planJudged, takeRulesFile } from './config-option.ts';
import { onInterrupt } from './interrupt.ts';
import { runHeader } from './judged-run.ts';
import { correlation, oneOf, wholeNumber } from './option-values.ts';

interface SelfTestCommandOptions extends CaseCommandOptions, Pick<ConfigOptions, 'config'> {
  readonly semantics: PccSemantics;
  readonly threshold: number;
  readonly fault?: string[];
  readonly seed: number;
  readonly withDamage?: boolean;
  readonly json?: boolean;
}

/** Without --prompt or --prompts: enough tokens for every rule but those for long runs, and no more. */
const DEFAULT_PROMPTS = 3;
const DEFAULT_NEW_TOKENS = 32;

export function selftestCommand(): Command {
  const cases = addCaseOptions(
    new Command('selftest').description(
      'put faults into rows of a case of yours and see which the rules catch, and which a threshold alone would let pass',
    ),
  );
  return addStepTimeoutOption(addGoldenCacheOption(addConfigOption(cases)))
    .option(
      '--semantics <name>',
      `meaning of PCC: ${PCC_SEMANTICS.join(', ')}`,
      oneOf('--semantics', PCC_SEMANTICS),
      'strict',
    )
    .option('--threshold <pcc>', 'PCC that every token must reach', correlation('--threshold'), DEFAULT_PCC_MINIMUM)
    .option('--fault <id...>', 'try only these faults')
    .option('--seed <n>', 'of the random faults', wholeNumber('--seed', 0), 1)
    .option('--with-damage', 'print the rules file, with the faults that pass each of its rules alone, as JSON')
    .option('--json', 'print the result as JSON (docs/schema/selftest.schema.json)')
    .addHelpText(
      'after',
      () =>
        `\nWithout --prompt the first ${DEFAULT_PROMPTS} prompts of each case are taken, without --max-new-tokens ${DEFAULT_NEW_TOKENS}; of several devices the first.\nFaults: ${ALL_FAULTS.map(({ id }) => id).join(', ')}`,
    )
    .action(selftest);
}

async function selftest(options: SelfTestCommandOptions, command: Command): Promise<void> {
  const faults = chooseFaults(options.fault);
  const interrupt = onInterrupt('stopping after this token');
  const tell = createTeller(process.stderr);
  try {
    const models = new Models();
    const args = process.argv.slice(2);
    const file = await takeRulesFile(command);
    if (options.withDamage === true && file === undefined) throw noRulesFile();
    const { semantics, threshold, seed } = options;
    const judge = { semantics, pccMinimum: threshold, rules: defaultRules({ pccMinimum: threshold }) };
    const short = { ...options, maxNewTokens: options.maxNewTokens ?? DEFAULT_NEW_TOKENS };
    const settings = { mode: 'teacherForced' as const, judge };
    const { spec, paths, notes } = await planJudged(command, file, { options: short, settings }, models);
    const isChosen = options.prompt !== undefined || options.prompts !== undefined;
    const record = await runSelfTest({
      header: { ...runHeader(args), notes },
      spec: isChosen ? spec : firstPrompts(spec),
      local: localPaths(options, paths, args),
      models,
      faults,
      seed,
      signal: interrupt.signal,
      onFault: (caseName, fault) => tell.say(`${caseName} · ${fault}`),
    });
    tell.clear();
    const asked = options.withDamage === true ? file : undefined;
    process.stdout.write(
      asked !== undefined
        ? withDamage(asked, record)
        : options.json === true
          ? formatSelfTest(record)
          : selfTestText(record, createChalk(process.env)),
    );
    process.exitCode = record.exitCode;
  } finally {
    tell.clear();
    interrupt.release();
  }
}

function noRulesFile(): UsageError {
  return new UsageError('--with-damage completes a rules file, and there is none.', {
    code: 'CONFIG_NOT_FOUND',
    hint: 'name it with --config.',
  });
}

/** The file's content with the damage of the rules that were tried; of the others, what it said. */
function withDamage({ content }: ReadRulesFile, { damage, cases }: SelfTestRecord): string {
  const date = new Date().toISOString().slice(0, 10);
  const rules = (content.rules ?? []).map((entry) => {
    const found = damage.find(({ rule }) => rule === entry.id);
    return found === undefined ? entry : { ...entry, damage: damageOf(found, cases, date) };
  });
  return `${JSON.stringify({ ...content, rules }, null, 2)}\n`;
}

/** @throws UsageError FAULT_UNKNOWN. */
function chooseFaults(ids: readonly string[] | undefined): readonly Fault[] {
  if (ids === undefined) return ALL_FAULTS;
  const known = ALL_FAULTS.map(({ id }) => id);
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown === undefined) return ALL_FAULTS.filter(({ id }) => ids.includes(id));
  const nearest = nearestName(unknown, known);
  throw new UsageError(`--fault: there is no fault "${unknown}".`, {
    code: 'FAULT_UNKNOWN',
    hint: nearest === undefined ? 'see them all in qwen-pcc selftest --help.' : `did you mean ${nearest}?`,
  });
}

function firstPrompts(spec: RunSpec): RunSpec {
  const cases = spec.cases.map((one) => ({ ...one, prompts: one.prompts.slice(0, DEFAULT_PROMPTS) }));
  return { ...spec, cases };
}

interface Teller {
  say(text: string): void;
  clear(): void;
}

/** One line that changes, in a terminal only. */
function createTeller(stream: NodeJS.WriteStream): Teller {
  if (!stream.isTTY) return { say: () => undefined, clear: () => undefined };
  const clear = (): void => void stream.write('\r\u001b[K');
  return {
    clear,
    say: (text) => {
      clear();
      stream.write(text.slice(0, stream.columns - 1));
    },
  };
}
