// qwen-pcc inspect: one token of a run in the terminal, run again with taps.
import path from 'node:path';
import { Command } from 'commander';
import { deviceEnvironmentHelp } from '../../src/device/n150/device-environment.ts';
import { requireTapName, type TapName, tapsHelp } from '../../src/device/taps.ts';
import { InputError, nearestName, UsageError } from '../../src/errors.ts';
import { validateRunFolder } from '../record/json-schema.ts';
import { findRunFolder } from '../record/read-run-folder.ts';
import type { RunRecord } from '../record/run-record.ts';
import { formatTokenLine, type TokenRecord } from '../record/token-record.ts';
import { createChalk } from '../report/plain-table.ts';
import { tokenDetail } from '../report/token-detail.ts';
import { worstTokens } from '../report/worst-tokens.ts';
import { inspectToken } from '../run/inspect-token.ts';
import { commandWords, repeatableCommand } from '../run/repeatable-command.ts';
import type { RunCase } from '../run/run-validate.ts';
import { tapsOf } from '../sources/open-cases.ts';
import type { PlannedPrompt } from '../sources/plan.ts';
import { addCaseOptions, type CaseCommandOptions, casesOf } from './case-options.ts';
import { wholeNumber } from './option-values.ts';

interface InspectOptions {
  readonly token?: number;
  readonly prompt?: string;
  readonly variant?: string;
  readonly out: string;
  readonly weights?: string;
  readonly device?: string;
  readonly stored?: boolean;
  readonly taps?: string[];
  readonly json?: boolean;
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .description(
      'one token of a run: context, both top-10 lists, worst vocabulary entries, metrics, and the taps of every layer',
    )
    .argument('[run]', 'run folder, its run.json, or a run id (default: the last run)')
    .option(
      '--token <position>',
      'position of the token (default: the worst of the run, or of --prompt)',
      wholeNumber('--token', 0),
    )
    .option('--prompt <name>', 'the prompt')
    .option('--variant <name>', 'the case, e.g. general_weights-1_batch, if several have that prompt')
    .option('--weights <dir>', 'checkpoint of that case, if it lies elsewhere than when the run was made')
    .option(
      '--device <spec>',
      'another device than the run had, e.g. with one knob changed, or a recording that was moved',
    )
    .option(
      '--taps <name...>',
      'taps to compare, or "all" (default: embedding, attention, MLP and output of each layer, final norm)',
    )
    .option('--stored', 'show what the run has stored, run nothing again')
    .option('--out <dir>', 'where run folders are', 'reports')
    .option('--json', 'print the token record and the taps as JSON')
    .addHelpText(
      'after',
      () => `\n${deviceEnvironmentHelp()}\n  Without --device, the grid is the one that the run had.\n\n${tapsHelp()}`,
    )
    .action(inspect);
}

async function inspect(given: string | undefined, options: InspectOptions): Promise<void> {
  const folder = findRunFolder(given, options.out);
  const { run, tokens } = validateRunFolder(folder);
  const record = findToken(tokens, options);
  const prompt = run.variants
    .find(({ name }) => name === record.variant)
    ?.prompts.find(({ name }) => name === record.prompt);
  const tokenIds = Int32Array.from(prompt?.tokenIds ?? []).subarray(0, record.position + 1);
  if (tokenIds.length !== record.position + 1) {
    throw new InputError(`${folder}: run.json does not have the tokens of prompt "${record.prompt}".`, {
      code: 'RUN_INCOMPLETE',
      facts: { found: `${tokenIds.length} tokens`, wanted: `${record.position + 1} tokens` },
      hint: 'finish the run with `qwen-pcc validate --resume`.',
    });
  }
  const runCase = options.stored === true ? undefined : openCase(run, record, options);
  const again =
    runCase === undefined
      ? undefined
      : await inspectToken(
          runCase,
          record.prompt,
          tokenIds,
          record.step === null ? tokenIds.length : record.position - record.step,
          isLive(run, options.device) ? tapsOf(runCase.layers, tapsAsked(options)) : [],
        );
  if (options.json === true) {
    const { taps = [] } = again ?? {};
    process.stdout.write(`${JSON.stringify({ record: JSON.parse(formatTokenLine(record)), taps }, null, 2)}\n`);
    return;
  }
  const place = path.relative('.', folder) || '.';
  process.stdout.write(
    tokenDetail({
      run,
      record,
      contextText: runCase?.decode(tokenIds.subarray(0, -1)) ?? `${record.position} tokens`,
      textOf: runCase?.textOf ?? ((id) => `<id ${id}>`),
      again,
      command: repeatableCommand([
        'inspect',
        place,
        '--variant',
        record.variant,
        '--prompt',
        record.prompt,
        '--token',
        String(record.position),
        ...(options.weights === undefined ? [] : ['--weights', options.weights]),
        ...(options.device === undefined ? [] : ['--device', options.device]),
        ...(options.taps === undefined ? [] : ['--taps', ...options.taps]),
      ]),
      chalk: createChalk(process.env),
    }),
  );
}

/** @throws UsageError for a name that is no tap of any model. */
function tapsAsked({ taps }: InspectOptions): readonly TapName[] | 'all' | 'residual' {
  if (taps === undefined) return 'residual';
  if (taps.length === 1 && taps[0] === 'all') return 'all';
  return taps.map(requireTapName);
}

/** Recordings need not have taps. */
function isLive({ variants }: RunRecord, device: string | undefined): boolean {
  return variants.every(
    (variant) =>
      variant.reference.kind !== 'golden-file' &&
      (device === undefined ? variant.device.kind !== 'capture' : !device.startsWith('capture:')),
  );
}

/** @throws UsageError when the run has no such token, or several. */
function findToken(records: readonly TokenRecord[], { token, prompt, variant }: InspectOptions): TokenRecord {
  const ofPrompt = records.filter(
    (record) =>
      (prompt === undefined || record.prompt === prompt) && (variant === undefined || record.variant === variant),
  );
  if (ofPrompt.length === 0) {
    const names = [...new Set(records.map((record) => record.prompt))];
    const nearest = prompt === undefined ? undefined : nearestName(prompt, names);
    throw new UsageError(`the run has no tokens of ${prompt === undefined ? 'that case' : `prompt "${prompt}"`}.`, {
      code: 'PROMPT_UNKNOWN',
      facts: { prompts: names.join(', '), cases: [...new Set(records.map((record) => record.variant))].join(', ') },
      ...(nearest === undefined ? {} : { hint: `did you mean "${nearest}"?` }),
    });
  }
  if (token === undefined) return worstTokens(ofPrompt, 1)[0]!;
  const found = ofPrompt.filter(({ position }) => position === token);
  if (found.length === 1) return found[0]!;
  const places = found.map((record) => `${record.variant} › ${record.prompt}`);
  throw new UsageError(
    `position ${token} is ${found.length === 0 ? 'not in the run' : `in ${found.length} prompts`}.`,
    {
      code: 'TOKEN_AMBIGUOUS',
      facts:
        found.length === 0
          ? { wanted: `0 … ${Math.max(...ofPrompt.map(({ position }) => position))}` }
          : { prompts: places.join(', ') },
      hint: 'name the prompt with --prompt and the case with --variant.',
    },
  );
}

/** The run's own case, opened from the command line that made it. */
function openCase(run: RunRecord, record: TokenRecord, options: InspectOptions): RunCase {
  const [name, ...words] = commandWords(run.command);
  if (name !== 'validate') {
    throw new UsageError('this run was not made by `qwen-pcc validate`, so it cannot be opened again.', {
      code: 'RUN_NOT_REPEATABLE',
      facts: { command: run.command },
      hint: 'look at what it has stored with --stored.',
    });
  }
  // Options of validate that do not choose sources are of no use here.
  const parser = addCaseOptions(new Command('validate').allowUnknownOption().allowExcessArguments());
  parser.parseOptions(words);
  // The run's prompt file may be gone: run.json has the tokens.
  const { prompts: _prompts, prompt: _prompt, ...recorded } = parser.opts<CaseCommandOptions>();
  const cases = casesOf(
    {
      ...recorded,
      given: (caseName) => promptsOf(run, caseName, record.variant),
      ...(options.weights === undefined ? {} : { weights: [options.weights] }),
      device: options.device ?? onSameGrid(recorded.device, run, record.variant),
    },
    tapsAsked(options),
  );
  const found = cases.length === 1 ? cases[0] : cases.find((one) => one.name === record.variant);
  if (found !== undefined) return found;
  throw new UsageError(`the run's command does not lead to ${record.variant} any more.`, {
    code: 'RUN_NOT_REPEATABLE',
    facts: { command: run.command, found: cases.map((one) => one.name).join(', ') },
    hint: 'give its checkpoint with --weights, or look at what is stored with --stored.',
  });
}

/** What a case was fed in the run; one that the run has not under its name, or not reached, takes what the inspected one was fed. */
function promptsOf({ variants }: RunRecord, caseName: string, inspected: string): PlannedPrompt[] {
  const fed = (name: string): PlannedPrompt[] =>
    (variants.find((variant) => variant.name === name)?.prompts ?? [])
      .filter(({ tokenIds }) => tokenIds.length > 0)
      .map((prompt) => ({ name: prompt.name, promptIds: Int32Array.from(prompt.tokenIds) }));
  const own = fed(caseName);
  return own.length > 0 ? own : fed(inspected);
}

/** The run's device on the grid that it had, whatever WH_ARCH_YAML is by now. */
function onSameGrid(device: string, { variants }: RunRecord, variant: string): string {
  const gridRows = variants.find(({ name }) => name === variant)?.device.settings['gridRows'];
  if (gridRows === undefined || !device.startsWith('n150')) return device;
  return `${device}${device.includes(':') ? ',' : ':'}gridRows=${gridRows}`;
}
