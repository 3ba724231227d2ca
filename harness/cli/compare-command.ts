// qwen-pcc compare: weight variants, recipes and recordings in a league; two finished runs; weights alone.
import { Command, Option } from 'commander';
import { describeKnobs } from '../../src/device/n150/device-options.ts';
import { UsageError } from '../../src/errors.ts';
import { DEFAULT_RESAMPLING } from '../paired/bootstrap.ts';
import { KL, TOP1 } from '../paired/paired-metrics.ts';
import { isRunFolder } from '../record/read-log.ts';
import { packagedOr } from '../sources/package-root.ts';
import { MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT } from '../sources/plan.ts';
import { addGoldenCacheOption, addWeightOptions } from './case-options.ts';
import type { LeagueCommandOptions } from './compare-league.ts';
import { RECIPE_HELP, recipeList } from './device-recipes.ts';
import { duration, oneOf, positiveNumber, threadCount, wholeNumber } from './option-values.ts';

export function compareCommand(): Command {
  const command = new Command('compare')
    .description(
      'compare BASE with VARIANTs: checkpoints of any format, recipes, knobs, recordings; or two finished runs, or one with several devices',
    )
    .argument(
      '[base]',
      "checkpoint (folder, .gguf, BASE+ADAPTER; `general` and `instruct` are the package's tiny ones), or a finished run",
    )
    .argument('[variant...]', 'checkpoints, n150:KNOB=VALUE,…, named recipes, capture:FILE; or the other run')
    .option('--recipes <names>', 'named recipes as further variants, comma-separated', recipeList)
    .option(
      '--device <spec>',
      'what runs every checkpoint: n150, n150:KNOB=VALUE,…, or none (references alone)',
      'n150',
    )
    .option('--prompts <file>', 'as for validate')
    .option('--prompt <name...>', 'run only these prompts')
    .option('--template-date <date>', 'YYYY-MM-DD that chat templates take for today')
    .option(
      '--max-new-tokens <n>',
      `most greedy tokens of the base after a prompt (default: ${MAX_NEW_TOKENS_DEFAULT})`,
      wholeNumber('--max-new-tokens', 0),
    )
    .option(
      '--max-seq-len <n>',
      `most positions of a sequence (default: ${MAX_SEQ_LEN_DEFAULT}, or what the checkpoints allow)`,
      wholeNumber('--max-seq-len', 1),
    )
    .addOption(
      new Option('--precision <p>', 'of the references: fp32, or bf16 as PyTorch computes')
        .argParser(oneOf('--precision', ['fp32', 'bf16']))
        .default('fp32'),
    )
    .option('--margin-kl <nat>', 'mean KL below which two are equivalent', positiveNumber('--margin-kl'), KL.margin)
    .option(
      '--margin-top1 <share>',
      'share of top-1 below which two are equivalent',
      positiveNumber('--margin-top1'),
      TOP1.margin,
    )
    .option('--resamples <n>', 'of the bootstrap', wholeNumber('--resamples', 100), DEFAULT_RESAMPLING.resamples)
    .option('--seed <n>', 'of the bootstrap', wholeNumber('--seed', 0), DEFAULT_RESAMPLING.seed)
    .addOption(
      new Option(
        '--fail-on <word>',
        'exit code 1 if a variant is worse; or if it is not shown to be equivalent or better',
      ).argParser(oneOf('--fail-on', ['worse', 'undecided'])),
    )
    .option('--weights-only', 'compare the weights tensor by tensor, without running anything')
    .option(
      '--budget <time>',
      'stop before the prompt that begins after this time, e.g. 90s, 30m, 2h; --resume goes on',
      duration('--budget'),
    )
    .option('--out <dir>', 'where run folders go', 'reports')
    .option('--resume [run]', 'go on with a comparison that was stopped (default: the last run)')
    .option('--json', 'print compare.json (or diff.json) instead of the table')
    .option('--threads <n>', 'threads of each side (default: all)', threadCount('--threads'));
  return addGoldenCacheOption(addWeightOptions(command))
    .addHelpText(
      'after',
      () => `\nNamed recipes:\n${recipeHelp()}\n\nKnobs of the N150 model, defaults in brackets:\n${describeKnobs()}`,
    )
    .action(compare);
}

function recipeHelp(): string {
  return Object.entries(RECIPE_HELP)
    .map(([name, doc]) => `  ${name.padEnd(10)} ${doc}`)
    .join('\n');
}

interface CompareOptions extends LeagueCommandOptions {
  readonly weightsOnly?: boolean;
}

async function compare(givenBase: string | undefined, givenVariants: string[], options: CompareOptions): Promise<void> {
  const base = givenBase === undefined ? undefined : packagedOr(givenBase);
  const variants = givenVariants.map(packagedOr);
  // Loaded when it is called: statistics cost every other command half a second.
  const { compareLeague } = await import('./compare-league.ts');
  const isRun = [base ?? '', ...variants].map((text) => text !== '' && isRunFolder(text));
  if (isRun.includes(true)) {
    if (isRun.length === 2 && !isRun.includes(false))
      return (await import('./compare-two-runs.ts')).compareTwoRuns(base!, variants[0]!, options);
    if (isRun.length === 1) return compareLeague({ run: base! }, options);
    throw new UsageError('a finished run is compared with one other run, or read alone.', {
      code: 'COMPARE_RUNS',
      facts: { found: `${isRun.filter(Boolean).length} runs among ${isRun.length} arguments` },
      hint: 'write `qwen-pcc compare RUN_A RUN_B`.',
    });
  }
  if (base === undefined && (options.resume === undefined || options.weightsOnly === true)) {
    throw new UsageError('compare what with what?', {
      code: 'COMPARE_ARGUMENT',
      facts: { wanted: 'a base, and at least one variant' },
      hint: 'write `qwen-pcc compare BASE VARIANT`, or `qwen-pcc compare --help`.',
    });
  }
  if (options.weightsOnly === true && base !== undefined) {
    const { compareWeightsOnly } = await import('./compare-weights-only.ts');
    return compareWeightsOnly(base, variants, options);
  }
  return compareLeague(base === undefined ? {} : { base, variants }, options);
}
