// qwen-pcc baseline update: accepts a finished run as the state that later ones must not be worse than.

import path from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../../src/errors.ts';
import { makeFolder } from '../../src/files/make-folder.ts';
import { replaceFile } from '../../src/files/replace-file.ts';
import { baselineOfRun } from '../baseline/baseline-of-run.ts';
import { BaselineTokens } from '../baseline/baseline-tokens.ts';
import { judgeBaseline } from '../baseline/judge-baseline.ts';
import { type Baseline, type BaselineMark, formatBaseline, heldAgainst } from '../record/baseline.ts';
import type { BaselineReading } from '../record/baseline-reading.ts';
import { guardWrite } from '../record/file-errors.ts';
import { findRunFolder } from '../record/read-log.ts';
import { BASELINE_RULE_ID } from '../record/rules.ts';
import type { RunRecord } from '../record/run-record.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { besideBaseline } from '../replay/read-baseline.ts';
import { readRun } from '../replay/read-run.ts';
import type { RunReplay } from '../replay/run-replay.ts';
import { baselineLines } from '../report/baseline-lines.ts';
import { countOf, formatBytes } from '../report/format.ts';
import { quoteWord } from '../run/shown-command.ts';
import { baselineFile, readBaselineIfThere } from './baseline-file.ts';

interface UpdateOptions {
  readonly reason?: string;
  readonly baseline?: string;
  readonly acceptFail?: boolean;
  readonly out: string;
  readonly json?: boolean;
}

export function baselineCommand(): Command {
  const command = new Command('baseline').description(
    'the accepted state that `validate --baseline` holds runs against',
  );
  return command.addCommand(
    new Command('update')
      .description('accept a finished run as that state; commit the file')
      .argument('[run]', 'run folder, a file in it, or a run id (default: the last run)')
      .option('--reason <text>', 'why; needed unless the run is shown to be no worse than what stands')
      .option('--baseline <file>', 'the file (default: baseline.json beside the run folders)')
      .option('--accept-fail', 'also a run that fails the gate; never one that is invalid')
      .option('--out <dir>', 'where run folders are', 'reports')
      .option('--json', 'print the comparison with the state before')
      .action(update),
  );
}

function update(given: string | undefined, options: UpdateOptions): void {
  const folder = findRunFolder(given, options.out);
  const tokens = new BaselineTokens();
  const replay = readRun(folder, (record) => tokens.add(record));
  const run = concludeRun(replay);
  const verdict = requireAcceptable(run, replay, folder, options);
  const file = baselineFile(options.baseline, options.out);
  const before = readBaselineIfThere(file);
  const beside = besideBaseline(replay, tokens);
  const reading = before === undefined ? undefined : judgeBaseline(heldAgainst(before), beside);
  const reason = requireReason(reading, options.reason, file);
  const baseline = baselineOfRun(
    { ...beside, run: replay.run, verdict, summaryOf: (name, variant) => replay.gate.summarizeVariant(name, variant) },
    { reason, acceptedAt: new Date().toISOString(), before },
  );
  const text = formatBaseline(baseline);
  guardWrite(file, () => {
    makeFolder(path.dirname(file));
    replaceFile(file, text);
  });
  const words = [
    ...(reading === undefined ? [] : baselineLines(reading)),
    ...driftLines(baseline),
    `${file}: ${formatBytes(Buffer.byteLength(text))} for ${countOf(run.coverage.tokensJudged, 'token')}; run ${run.runId}, "${reason}"`,
    '',
  ];
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ file, state: baseline.state, reading: reading ?? null }, null, 2)}\n`
      : words.join('\n'),
  );
}

/** @throws UsageError BASELINE_RUN for a run that says nothing, or that fails by more than what a baseline itself asks. */
function requireAcceptable(
  run: RunRecord,
  { isPart }: RunReplay,
  folder: string,
  { acceptFail }: UpdateOptions,
): 'pass' | 'fail' {
  const { status, headline, failingRules } = run.verdict;
  const others = failingRules.filter((id) => id !== BASELINE_RULE_ID);
  const isJudged = (status === 'pass' || status === 'fail') && !isPart;
  if (isJudged && (others.length === 0 || acceptFail === true)) return others.length === 0 ? 'pass' : 'fail';
  // A run that only its baseline makes invalid is one of another plan: its own rows are sound.
  const isOfOther =
    status === 'invalid' && others.length === 0 && run.failure === null && run.baseline?.status === 'invalid';
  if (isOfOther && !isPart) return 'pass';
  const shown = quoteWord(folder);
  throw new UsageError(`${folder}: this run cannot be the state that others are held against.`, {
    code: 'BASELINE_RUN',
    facts: {
      found: `${isPart ? 'a part of a plan, ' : ''}${status.toUpperCase()}: ${headline}`,
      wanted: 'a whole run that passes',
    },
    hint: isPart
      ? 'merge the shards with `qwen-pcc report merge`, and accept the merged run.'
      : status === 'fail'
        ? `look at it with \`qwen-pcc report ${shown}\`; if its numbers are what you want to keep, add --accept-fail --reason TEXT.`
        : run.failure?.code === 'INTERRUPTED' || run.failure?.code === 'RUN_UNFINISHED'
          ? `go on with it: \`qwen-pcc validate --resume ${shown}\`.`
          : 'mend what it names and run again; numbers of an invalid comparison say nothing.',
  });
}

/** @throws UsageError BASELINE_REASON where the run is not shown to be as good as what stands. */
function requireReason(reading: BaselineReading | undefined, given: string | undefined, file: string): string {
  const reason = given?.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
  if (reason !== undefined && reason !== '') return reason;
  if (reading === undefined) return 'the first state';
  const open = reading.variants.filter(({ word }) => word === 'worse' || word === 'undecided');
  if (reading.status === 'judged' && open.length === 0) return 'no worse than the state before';
  const found =
    reading.status === 'judged'
      ? open.map(({ case: name, variant, text }) => `${variant === name ? name : `${name}, ${variant}`}: ${text}`)
      : reading.misfits.map(({ what, baseline, run }) => `${what}: ${baseline} before, ${run} now`);
  throw new UsageError(`${file}: the run is not shown to be as good as the state that stands.`, {
    code: 'BASELINE_REASON',
    facts: {
      found: found.join('; '),
      'stands since': `${reading.runAt.slice(0, 10)}, run ${reading.runId}, "${reading.reason}"`,
    },
    hint: 'if that is what you want, say why: --reason TEXT.',
  });
}

/** Small steps add up: where the chain began. */
function driftLines({ state, earlier }: Baseline): string[] {
  const first = earlier.at(-1);
  if (first === undefined) return [];
  return state.marks.flatMap((mark) => {
    const start = markOf(first.marks, mark);
    if (start === undefined || start.klMean === null || mark.klMean === null) return [];
    const moved = mark.klMean - start.klMean;
    return [
      `since ${first.runAt.slice(0, 10)} (${countOf(earlier.length, 'state')} before): ${mark.case}, ${mark.variant}: mean KL ${start.klMean.toFixed(4)} → ${mark.klMean.toFixed(4)} nat (${moved < 0 ? '' : '+'}${moved.toFixed(4)})`,
    ];
  });
}

/** Of the same variant; a case that has one alone has had it under another name, as recordings do. */
function markOf(marks: readonly BaselineMark[], { case: name, variant }: BaselineMark): BaselineMark | undefined {
  const ofCase = marks.filter((mark) => mark.case === name);
  return ofCase.find((mark) => mark.variant === variant) ?? (ofCase.length === 1 ? ofCase[0] : undefined);
}
