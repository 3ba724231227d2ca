// qwen-pcc report: writes a run's report.html anew from its log, says where it is, and opens it if asked.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../../src/errors.ts';
import { collectRun } from '../lens/collect-run.ts';
import type { LensRun } from '../lens/lens-data.ts';
import { findRunFolder } from '../record/read-log.ts';
import type { RunRecord } from '../record/run-record.ts';
import { promptLabel } from '../record/token-record.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { readRun } from '../replay/read-run.ts';
import { formatBytes } from '../report/format.ts';
import { LENS_FILE, lensFragment } from '../report/lens-link.ts';
import { quoteWord } from '../run/shown-command.ts';
import { rewriteLens } from './rewrite-lens.ts';

interface ReportOptions {
  readonly out: string;
  readonly open?: boolean;
  readonly beside?: string;
}

export function reportCommand(): Command {
  return new Command('report')
    .description('the token lens of a run: report.html, written anew from its log, also of a run that was killed')
    .argument('[run]', 'run folder, a file in it, or a run id (default: the last run)')
    .option('--open', 'open it in the browser, at the first failing token')
    .option('--beside <run>', 'another run of the same prompts, to see the difference of the two')
    .option('--out <dir>', 'where run folders are', 'reports')
    .action(report);
}

async function report(given: string | undefined, options: ReportOptions): Promise<void> {
  const folder = findRunFolder(given, options.out);
  const replay = readRun(folder);
  const run = concludeRun(replay);
  const beside = options.beside === undefined ? undefined : readBeside(options.beside, run, options.out);
  const files = Object.entries(rewriteLens(folder, run, replay, beside === undefined ? {} : { beside }));
  const first = run.verdict.firstFailure;
  const file = path.join(folder, LENS_FILE);
  const place = first === null ? '' : lensFragment(first);
  const bytes = files.reduce((sum, [, content]) => sum + Buffer.byteLength(content), 0);
  process.stdout.write(`${file}${place}\n`);
  process.stderr.write(`${formatBytes(bytes)} in ${files.length === 1 ? 'one file' : `${files.length} files`}\n`);
  if (options.open === true) await openInBrowser(`file://${encodeURI(path.resolve(file))}${place}`, file);
}

/** @throws UsageError NOTHING_BESIDE for a run that has no prompt of this one's cases. */
function readBeside(given: string, run: RunRecord, out: string): LensRun {
  const folder = findRunFolder(given, out);
  const other = concludeRun(readRun(folder));
  const namesOf = ({ cases }: RunRecord): string[] =>
    cases.flatMap(({ name, variants }) =>
      (variants[0]?.prompts ?? []).map(
        (prompt) => `${name} › ${promptLabel({ prompt: prompt.name, user: prompt.user })}`,
      ),
    );
  const own = namesOf(run);
  if (!namesOf(other).some((name) => own.includes(name))) {
    throw new UsageError(`${folder} has no prompt of this run.`, {
      code: 'NOTHING_BESIDE',
      facts: { found: namesOf(other).slice(0, 3).join(', '), wanted: own.slice(0, 3).join(', ') },
      hint: 'name a run of the same cases and prompts, or leave --beside out.',
    });
  }
  return { run: other, collected: collectRun(folder, other) };
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, string>>> = { darwin: 'open', win32: 'explorer' };

/** Waits until the opener took it: what the browser does then is its own. */
function openInBrowser(address: string, file: string): Promise<void> {
  const opener = OPENERS[process.platform] ?? 'xdg-open';
  return new Promise((resolve, reject) => {
    const refuse = (found: string): void =>
      reject(
        new UsageError('no browser could be opened.', {
          code: 'BROWSER',
          facts: { tried: opener, found },
          hint: `open ${quoteWord(file)} by hand; it needs no server.`,
        }),
      );
    const child = spawn(opener, [address], { stdio: 'ignore' });
    child.on('error', (error: NodeJS.ErrnoException) => refuse(error.code ?? error.message));
    child.on('exit', (code) => (code === 0 ? resolve() : refuse(`exit code ${code}`)));
  });
}
