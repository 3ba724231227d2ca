// qwen-pcc inspect: one token of a run in the terminal, run again with taps.
import path from 'node:path';
import { Command } from 'commander';
import { deviceEnvironmentHelp } from '../../src/device/n150/device-environment.ts';
import { tapsHelp } from '../../src/device/taps.ts';
import { UsageError } from '../../src/errors.ts';
import { makeFolder } from '../../src/files/make-folder.ts';
import { replaceFile } from '../../src/files/replace-file.ts';
import { keptTapsText, TAPS_FOLDER } from '../lens/kept-taps.ts';
import { guardWrite } from '../record/file-errors.ts';
import { findRunFolder } from '../record/read-log.ts';
import { formatTokenLine } from '../record/token-line.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { formatWhy } from '../record/why-record.ts';
import { readRun } from '../replay/read-run.ts';
import type { RunReplay } from '../replay/run-replay.ts';
import { inspectCommandOf, type NamedTokens } from '../report/inspect-hint.ts';
import { createChalk } from '../report/plain-table.ts';
import { tokenDetail } from '../report/token-detail.ts';
import { whyText } from '../report/why-text.ts';
import { evidenceName } from '../run/evidence-file.ts';
import { quoteWord, shownCommand } from '../run/shown-command.ts';
import { readComparisonRecords } from '../ttnn/comparison-records.ts';
import { comparisonText } from '../ttnn/comparison-text.ts';
import { addAdapterOption, withAdapter } from './adapter-option.ts';
import { bundleToken } from './bundle-token.ts';
import { inspectWhy } from './inspect-why.ts';
import { inspectedPaths } from './inspected-paths.ts';
import { type OpenedToken, openForInspection, runAgain, type TokenSettings, textsIfThere } from './opened-token.ts';
import { byteCount, wholeNumber } from './option-values.ts';
import { type TokenChoice, TokenPicker } from './token-picker.ts';

interface InspectOptions extends TokenChoice, TokenSettings {
  readonly out: string;
  readonly adapter?: string;
  readonly stored?: boolean;
  readonly keep?: boolean;
  readonly healthy?: string;
  readonly ttnnRecords?: string;
  readonly bundle?: string;
  readonly withWeights?: boolean;
  readonly json?: boolean;
}

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description(
      'one token of a run: context, both top-10 lists, worst vocabulary entries, metrics, and the taps of every layer',
    )
    .argument('[run]', 'run folder, a file in it, or a run id (default: the last run)')
    .option('--token <position>', 'position of the token', wholeNumber('--token', 0))
    .option('--prompt <name>', 'the prompt')
    .option('--user <row>', 'row of a batch', wholeNumber('--user', 0))
    .option('--case <name>', 'the case, e.g. general_weights-1_batch, if several have that prompt')
    .option('--variant <name>', 'the device, if the run has several')
    .option('--worst', 'the worst token, of the run or of what is named (default without --token)')
    .option('--first', 'the first failing token')
    .option('--next', 'the first failing token after the one that is named')
    .option('--weights <dir>', 'checkpoint of that case, if it lies elsewhere than when the run was made');
  return addAdapterOption(command)
    .option('--device-weights <dir>', "the device's own checkpoint, if it lies elsewhere")
    .option(
      '--device <spec>',
      'another device than the run had, e.g. with one knob changed, or a recording that was moved',
    )
    .option(
      '--taps <name...>',
      'taps to compare, or "all" (default: embedding, attention, MLP and output of each layer, final norm)',
    )
    .option('--why', 'what heals this token and what alone breaks it: each operation by itself, each knob promoted')
    .option(
      '--healthy <spec>',
      'with --why on a recording: the settings that the recorded device should have, which its operations are held against (default: n150)',
    )
    .option(
      '--memory <size>',
      "packed weights that may stay in memory, bytes or with MB, MiB, GB or GiB (default: the run's --memory)",
      byteCount('--memory'),
    )
    .option('--weight-cache <dir>', "where packed weights are kept (default: the run's)")
    .option('--stored', 'show what the run has stored, run nothing again')
    .option('--keep', "keep the taps, or what --why found, in the run's folder, where `qwen-pcc report` shows them")
    .option(
      '--ttnn-records <file>',
      "show what ttnn's comparison mode found of the device's own tensors too, and what it skipped: REPORT.comparison_records.json",
    )
    .option(
      '--bundle <file>',
      'write the token with both rows, taps and all that its numbers follow from; `qwen-pcc replay FILE` gives the same numbers elsewhere',
    )
    .option(
      '--with-weights',
      'with --bundle: the weights that the token needs too, to run it again anywhere (their size is said first)',
    )
    .option('--out <dir>', 'where run folders are', 'reports')
    .option('--json', 'print the token record and the taps as JSON')
    .addHelpText(
      'after',
      () => `\n${deviceEnvironmentHelp()}\n  Without --device, the grid is the one that the run had.\n\n${tapsHelp()}`,
    )
    .action(inspect);
}

async function inspect(given: string | undefined, { weights, adapter, ...rest }: InspectOptions): Promise<void> {
  const [place] = withAdapter(weights === undefined ? [] : [weights], adapter);
  const options: InspectOptions = { ...rest, ...(place === undefined ? {} : { weights: place }) };
  const folder = findRunFolder(given, options.out);
  const ttnn = options.ttnnRecords === undefined ? undefined : readComparisonRecords(options.ttnnRecords);
  const picker = new TokenPicker(options);
  const replay = readRun(folder, (record) => picker.add(record));
  const record = picker.picked();
  const tokenIds = contextOf(folder, replay, record);
  const opened = options.stored === true ? undefined : openForInspection(folder, replay, record, options);
  requireBundlable(options);
  if (options.why === true) {
    await why(folder, requireOpened(opened), record, tokenIds, options);
    return;
  }
  const again = opened === undefined ? undefined : await runAgain(opened, replay, record, tokenIds, options);
  if (options.keep === true && again !== undefined && !opened!.isOtherDevice)
    keepFile(folder, record, 'json', keptTapsText(record, again));
  if (options.bundle !== undefined) {
    bundleToken({
      file: options.bundle,
      folder,
      replay,
      record,
      tokenIds,
      again,
      textOf: (opened?.texts ?? textsIfThere(folder, replay, record, options))?.textOf ?? ((id) => `<id ${id}>`),
      weights:
        options.withWeights === true ? inspectedPaths(folder, record, options).cases[record.case]!.weights : undefined,
    });
    return;
  }
  if (options.json === true) {
    const { taps = [] } = again ?? {};
    process.stdout.write(
      `${JSON.stringify({ record: JSON.parse(formatTokenLine(record)), taps, ...(ttnn === undefined ? {} : { ttnn }) }, null, 2)}\n`,
    );
    return;
  }
  const texts = opened?.texts ?? textsIfThere(folder, replay, record, options);
  process.stdout.write(
    tokenDetail({
      record,
      contextText: texts?.decode(tokenIds.subarray(0, -1)) ?? `${record.position} tokens`,
      textOf: texts?.textOf ?? ((id) => `<id ${id}>`),
      again,
      command: `${inspectCommandOf(namedTokens(replay), record, path.relative('.', folder) || '.')}${moved(options)}`,
      chalk: createChalk(process.env),
    }),
  );
  if (ttnn !== undefined) process.stdout.write(comparisonText(ttnn, createChalk(process.env)));
}

async function why(
  folder: string,
  { openReference, variant, isOtherDevice }: OpenedToken,
  record: TokenRecord,
  tokenIds: Int32Array,
  options: InspectOptions,
): Promise<void> {
  const command = shownCommand(process.argv.slice(2));
  const { healthy } = options;
  const asked = { openReference, variant, record, tokenIds, command };
  const found = await inspectWhy({ ...asked, ...(healthy === undefined ? {} : { healthy }) });
  if (options.keep === true && !isOtherDevice) keepFile(folder, record, 'why.json', formatWhy(found));
  process.stdout.write(options.json === true ? formatWhy(found) : whyText(found, createChalk(process.env)));
}

/** @throws UsageError `OPTION_VALUE`: a bundle is of what the run had. */
function requireBundlable({ bundle, withWeights, device, deviceWeights, why: isWhy }: InspectOptions): void {
  const beside = [
    ...(device === undefined ? [] : ['--device']),
    ...(deviceWeights === undefined ? [] : ['--device-weights']),
    ...(isWhy === true ? ['--why'] : []),
  ];
  if (bundle === undefined && withWeights === true) {
    throw new UsageError('--with-weights says what goes into a bundle.', {
      code: 'OPTION_VALUE',
      hint: 'add --bundle FILE, or leave it out.',
    });
  }
  if (bundle === undefined || beside.length === 0) return;
  throw new UsageError(
    `a bundle has the token as its run had it, so ${beside.join(', ')} cannot stand beside --bundle.`,
    {
      code: 'OPTION_VALUE',
      hint: 'leave one of them out.',
    },
  );
}

/** @throws UsageError `OPTION_VALUE`: what is stored is one run of the token, not many. */
function requireOpened(opened: OpenedToken | undefined): OpenedToken {
  if (opened !== undefined) return opened;
  throw new UsageError('--why runs the token again, and --stored runs nothing.', {
    code: 'OPTION_VALUE',
    hint: 'leave one of them out.',
  });
}

/** Only of the run's own device: another one's taps say nothing about this run. */
function keepFile(folder: string, record: TokenRecord, ending: string, content: string): void {
  const name = path.basename(evidenceName(record)).replace(/safetensors$/, ending);
  const file = path.join(folder, TAPS_FOLDER, name);
  guardWrite(file, () => {
    makeFolder(path.dirname(file));
    replaceFile(file, content);
  });
}

/** Of the plan: a verdict on a million tokens takes long, and no word of the command is in it. */
function namedTokens({ run, units }: RunReplay): NamedTokens {
  return {
    cases: run.spec.cases.map((one) => {
      const prompts = units.filter((unit) => unit.case === one).map(({ prompt }) => prompt);
      return { variants: one.variants.map(() => ({ prompts })) };
    }),
  };
}

/** Options that the command has to have again, in the words of the user. */
function moved({ weights, deviceWeights, device, taps }: InspectOptions): string {
  const words: string[] = [];
  if (weights !== undefined) words.push('--weights', weights);
  if (deviceWeights !== undefined) words.push('--device-weights', deviceWeights);
  if (device !== undefined) words.push('--device', device);
  if (taps !== undefined) words.push('--taps', ...taps);
  return words.map((word) => ` ${quoteWord(word)}`).join('');
}

/** Token ids up to and with the token: from the plan, and from the log where the reference chose them. */
function contextOf(folder: string, { run }: RunReplay, record: TokenRecord): Int32Array {
  const one = run.spec.cases.find(({ name }) => name === record.case)!;
  const prompt = one.prompts.find(({ name, user }) => name === record.prompt && user === record.user)!;
  const ids = Int32Array.from({ length: record.position + 1 }, () => -1);
  const known = [...prompt.promptIds, ...(prompt.continuationIds ?? [])].slice(0, ids.length);
  ids.set(known);
  // A log that could be read has these tokens; it may be a gigabyte, so it is not read again for them.
  if (known.length === ids.length) return ids;
  readRun(folder, ({ case: name, variant, prompt: ofPrompt, user, position, inputToken }) => {
    if (name !== record.case || variant !== record.variant || ofPrompt !== record.prompt || user !== record.user)
      return;
    if (position < ids.length) ids[position] = inputToken.golden;
  });
  return ids;
}
