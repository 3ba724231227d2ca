// From the log of a comparison to its league: read again from the first line, so that a resumed run says what a whole one says.
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import type { N150Config } from '../../../src/device/n150/compute-config.ts';
import { InputError } from '../../../src/errors.ts';
import type { Resampling } from '../../paired/bootstrap.ts';
import { type ReadLogOptions, readRunEvent } from '../../record/read-log.ts';
import type { CaseSpec } from '../../record/run-spec.ts';
import type { TokenRecord } from '../../record/token-record.ts';
import { readRun } from '../../replay/read-run.ts';
import type { RunReplay } from '../../replay/run-replay.ts';
import { COMPARE_SCHEMA_VERSION, type CompareRecord } from './compare-record.ts';
import { type Entrant, entrantsOf } from './entrants.ts';
import { judgeEntrants, type League, type Margins } from './league.ts';
import { deviceStorageOf, SPEED_FORMULA, storageOf } from './storage.ts';
import { ColumnCollector, promptId, type TokenColumns } from './token-columns.ts';

/** What stands behind an entrant on this machine. */
export interface EntrantFiles {
  /** Undefined where the files are not at hand any more. */
  readonly checkpointOf: (variant: string) => Checkpoint | undefined;
  readonly configOf: (entrant: Entrant) => N150Config | undefined;
}

export interface ConcludeOptions extends ReadLogOptions {
  readonly margins: Margins;
  readonly resampling: Resampling;
  readonly files: EntrantFiles;
}

/** A comparison, and the reading of the log that it was made from. */
export interface ConcludedComparison {
  readonly record: CompareRecord;
  readonly replay: RunReplay;
}

/**
 * @param folder - of a run with several variants.
 * @throws InputError COMPARE_EMPTY if nothing of it was judged; LOG_* as reading.
 */
export function concludeComparison(
  folder: string,
  { margins, resampling, files, ...reading }: ConcludeOptions,
): ConcludedComparison {
  const collector = new ColumnCollector();
  const [spec, ...otherCases] = readRunEvent(folder).spec.cases;
  const onToken = (record: TokenRecord): void => {
    if (record.case === spec!.name) collector.add(record);
  };
  const replay = readRun(folder, onToken, reading);
  const { run, cases, prompts } = replay;
  const entrants = entrantsOf(spec!);
  const ended = [...prompts.values()].filter(({ stop, case: name }) => stop !== 'failed' && name === spec!.name);
  const whole = new Set(ended.map((prompt) => `${prompt.variant}\n${promptId(prompt)}`));
  const columnsOf = (variant: string): TokenColumns | undefined =>
    collector.columnsOf(variant, (id) => whole.has(`${variant}\n${id}`));
  const league = judgeEntrants(entrants, columnsOf, { margins, resampling });
  if (league.tokens === 0) {
    throw new InputError(`${folder}: no prompt was judged by every entrant, so there is nothing to compare.`, {
      code: 'COMPARE_EMPTY',
      hint: 'go on with `qwen-pcc compare --resume`, or give it more time.',
    });
  }
  const ids = spec!.prompts.map(({ name, user }) => promptId({ prompt: name, user }));
  const isWholeOf = ({ checkpoint, device, total }: Entrant, id: string): boolean =>
    [checkpoint, device, total].every((variant) => variant === undefined || whole.has(`${variant}\n${id}`));
  const record: CompareRecord = {
    schemaVersion: COMPARE_SCHEMA_VERSION,
    runId: run.runId,
    command: run.command,
    base: baseOf(spec!, entrants),
    case: spec!.name,
    tokens: league.tokens,
    prompts: league.prompts.length,
    leftOut: ids.filter((id) => !league.prompts.includes(id)).map(promptName),
    margins,
    resampling: { resamples: resampling.resamples, seed: resampling.seed },
    speedFormula: SPEED_FORMULA,
    notes: [
      ...run.notes,
      ...new Set([...cases.values()].flatMap((one) => (one.case === spec!.name ? one.notes : []))),
      ...missingNotes(entrants, league, ids, isWholeOf),
      ...(otherCases.length === 0 ? [] : [`only ${spec!.name} is compared; not ${namesOf(otherCases)}`]),
    ],
    league: league.rows.map((row) => {
      const entrant = entrants.find(({ label }) => label === row.label)!;
      const checkpoint = files.checkpointOf(entrant.total);
      const config = files.configOf(entrant);
      const isRecording = entrant.knobs?.kind === 'capture';
      return {
        ...row,
        variants: { checkpoint: entrant.checkpoint ?? null, device: entrant.device ?? null, total: entrant.total },
        storage: checkpoint === undefined || isRecording ? null : storageOf(checkpoint),
        deviceStorage: checkpoint === undefined || config === undefined ? null : deviceStorageOf(checkpoint, config),
      };
    }),
  };
  return { record, replay };
}

/** Who lacks prompts that others have. */
function missingNotes(
  entrants: readonly Entrant[],
  { rows }: League,
  ids: readonly string[],
  isWholeOf: (entrant: Entrant, id: string) => boolean,
): string[] {
  const begun = ids.filter((id) => entrants.some((one) => isWholeOf(one, id)));
  return entrants.flatMap((entrant) => {
    if (!rows.some(({ label }) => label === entrant.label))
      return [`${entrant.label} is not in the league: no prompt of it is whole`];
    const missing = begun.filter((id) => !isWholeOf(entrant, id));
    return missing.length === 0 ? [] : [`${entrant.label} does not have whole: ${missing.map(promptName).join(', ')}`];
  });
}

function namesOf(cases: readonly CaseSpec[]): string {
  return cases.map(({ name }) => name).join(', ');
}

/** Without a device, the base is the reference itself and no entrant. */
function baseOf({ model }: CaseSpec, entrants: readonly Entrant[]): string {
  return entrants.find(({ isBase }) => isBase)?.label ?? model;
}

function promptName(id: string): string {
  const [prompt, user] = JSON.parse(id) as [string, number];
  return user === 0 ? prompt : `${prompt}[${user}]`;
}
