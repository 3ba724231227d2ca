// A run that never started still leaves a report: `reports/last` must not point to an older run's pass.
import { unstartedPage } from '../lens/unstarted-page.ts';
import { SCHEMA_VERSION } from '../record/events.ts';
import { ERROR_FILE } from '../record/read-log.ts';
import { RunLog } from '../record/run-log.ts';
import { LENS_FILE } from '../report/lens-link.ts';
import { unstartedJunit, unstartedMarkdown } from '../report/unstarted.ts';
import { describeFailure } from '../run/describe-failure.ts';
import { shownCommand } from '../run/shown-command.ts';
import { packageVersion } from '../sources/package-root.ts';

/** Errors of runs that had begun, or that have a report already. */
const settled = new WeakSet<object>();

/** Says that an error needs no report of its own: it is of a run that is there, and stays as it is. */
export function needsNoReport(error: unknown): void {
  if (typeof error === 'object' && error !== null) settled.add(error);
}

/**
 * Writes junit.xml, summary.md, report.html and error.json into a folder of its own for a `validate` that ended before its run began, whatever the
 * reason; what cannot be written is left out.
 *
 * @param args - of the command line, `validate` first.
 */
export function reportUnstarted(args: readonly string[], error: unknown): void {
  if (args[0] !== 'validate' || (typeof error === 'object' && error !== null && settled.has(error))) return;
  const failure = describeFailure(error);
  const command = shownCommand(args);
  const startedAt = new Date().toISOString();
  const about = {
    schemaVersion: SCHEMA_VERSION,
    startedAt,
    tool: { name: 'qwen-pcc', version: packageVersion() },
    command,
  };
  try {
    RunLog.createReport(outOf(args), startedAt, {
      'junit.xml': unstartedJunit(failure),
      'summary.md': unstartedMarkdown(failure, command),
      [LENS_FILE]: unstartedPage(failure, command),
      [ERROR_FILE]: `${JSON.stringify({ ...about, failure }, null, 2)}\n`,
    });
  } catch {
    // The error itself is shown by the command; a folder that cannot be written to is another one's fault.
  }
}

/** `--out DIR` or `--out=DIR`, read without the parser, which may be what failed. */
function outOf(args: readonly string[]): string {
  const at = args.lastIndexOf('--out');
  const joined = args.findLast((word) => word.startsWith('--out='));
  return (at >= 0 ? args[at + 1] : joined?.slice('--out='.length)) || 'reports';
}
