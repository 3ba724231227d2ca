// --config: what the command line does not say comes from a rules file, read as if it had been typed.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command, Option } from 'commander';
import { InputError, QwenPccError, UsageError } from '../../src/errors.ts';
import { findRulesFile } from '../rules-file/read-rules-file.ts';
import { resolveRules } from '../rules-file/resolve-rules.ts';
import type { PlanValue, ReadRulesFile, VariantEntry } from '../rules-file/rules-file.ts';
import type { Models } from '../sources/models.ts';
import { type PlannedRun, planRun } from '../sources/plan-run.ts';
import { type CaseCommandOptions, type PlanSettings, planRequest } from './case-options.ts';

export interface ConfigOptions {
  /** false: none is to be taken. */
  readonly config?: string | false;
  readonly threshold?: number;
}

export function addConfigOption(command: Command): Command {
  return command
    .option(
      '--config <file>',
      'plan, variants, rules and expected failures (docs/rules-file.md); options typed here count before it (default: qwen-pcc.config.json, .ts, .mjs or .js if it stands in the working folder)',
    )
    .option('--no-config', 'take no rules file');
}

/**
 * Reads the rules file of a command, if there is one, and gives the command those options of its plan that were not typed.
 *
 * @throws as `findRulesFile`; InputError CONFIG_PLAN for a value that the option would refuse.
 */
export async function takeRulesFile(command: Command): Promise<ReadRulesFile | undefined> {
  const { config } = command.opts<ConfigOptions>();
  const file = await findRulesFile(config, process.cwd());
  if (file === undefined) return undefined;
  const { plan = {}, variants } = file.content;
  if (variants !== undefined && plan['device'] !== undefined) {
    throw new InputError(`${file.path}: the device side stands there twice.`, {
      code: 'CONFIG_PLAN',
      facts: { found: 'plan.device and variants', wanted: 'one of them' },
      hint: 'make the devices of plan.device variants.',
    });
  }
  for (const [key, value] of Object.entries(plan)) {
    const option = command.options.find((one) => one.attributeName() === key);
    if (option !== undefined && !isTyped(command, key)) setOption(command, option, value, file.path);
  }
  if (variants !== undefined && !isTyped(command, 'device')) {
    const placed = variants.map((one) => ({ ...one, ...placedVariant(one, file.path) }));
    command.setOptionValueWithSource('variants', placed, 'config');
  }
  return file;
}

function isTyped(command: Command, key: string): boolean {
  return command.getOptionValueSource(key) === 'cli';
}

/** Options whose words are places of files; those of a file are relative to its folder. */
const PLACES: ReadonlySet<string> = new Set([
  'weights',
  'deviceWeights',
  'adapter',
  'prompts',
  'weightCache',
  'goldenCache',
]);
const SOURCES: ReadonlySet<string> = new Set(['device', 'reference']);

function setOption(command: Command, option: Option, value: PlanValue, file: string): void {
  const key = option.attributeName();
  const words = [value].flat().map((one) => wordOf(key, String(one), file));
  const isList = option.variadic || key === 'device';
  try {
    if (words.length > 1 && !isList)
      throw new UsageError(`${option.long} takes one value; got ${words.length}.`, { code: 'OPTION_VALUE' });
    let parsed: unknown;
    if (option.parseArg === undefined) parsed = isList ? words : words[0];
    else for (const word of words) parsed = option.parseArg(word, parsed as never);
    command.setOptionValueWithSource(key, parsed, 'config');
  } catch (error) {
    if (!(error instanceof QwenPccError)) throw error;
    throw new InputError(`${file}: plan.${key}: ${error.message.split('\n')[0]}`, {
      code: 'CONFIG_PLAN',
      facts: { ...error.facts },
      hint: error.hint ?? 'mend it in the file.',
    });
  }
}

function wordOf(key: string, word: string, file: string): string {
  if (PLACES.has(key)) return placeOf(word, file);
  if (!SOURCES.has(key)) return word;
  const [, kind, place] = /^(capture|golden):(.+)$/s.exec(word) ?? [];
  return kind === undefined ? word : `${kind}:${placeOf(place!, file)}`;
}

const PACKAGED: ReadonlySet<string> = new Set(['general', 'instruct']);

/** A place in a file is seen from the file's folder; so is the adapter of BASE+ADAPTER. */
function placeOf(text: string, file: string): string {
  const folder = path.relative(process.cwd(), path.dirname(path.resolve(file)));
  if (folder === '' || PACKAGED.has(text)) return text;
  const seen = (part: string): string => (path.isAbsolute(part) ? part : path.join(folder, part));
  return existsSync(seen(text)) ? seen(text) : text.split('+').map(seen).join('+');
}

function placedVariant({ device, weights }: VariantEntry, file: string): Pick<VariantEntry, 'device' | 'weights'> {
  return {
    device: wordOf('device', device, file),
    ...(weights === undefined ? {} : { weights: placeOf(weights, file) }),
  };
}

/**
 * A plan as the command line and the rules file ask for it.
 *
 * @throws as `planRequest`, `planRun` and `resolveRules`.
 */
export async function planJudged(
  command: Command,
  file: ReadRulesFile | undefined,
  { options, settings }: { readonly options: CaseCommandOptions & ConfigOptions; readonly settings: PlanSettings },
  models?: Models,
): Promise<PlannedRun> {
  const { request, notes } = planRequest(options, settings);
  const planned = await planRun(request, models);
  if (file === undefined) return { ...planned, notes: [...notes, ...planned.notes] };
  const { spec } = planned;
  const resolved = resolveRules(file, {
    semantics: spec.judge.semantics,
    threshold: isTyped(command, 'threshold') ? options.threshold : undefined,
    cases: spec.cases,
    today: new Date().toISOString().slice(0, 10),
  });
  return {
    ...planned,
    spec: { ...spec, judge: resolved.judge },
    notes: [...notes, ...planned.notes, ...resolved.notes],
  };
}
