// A run that never started still leaves a report: `reports/last` must not point to an older run's pass.
import type { RunEvent } from '../record/events.ts';
import { ERROR_FILE } from '../record/read-log.ts';
import { RunLog } from '../record/run-log.ts';
import { unstartedJunit, unstartedMarkdown } from '../report/unstarted.ts';
import { describeFailure } from '../run/describe-failure.ts';

/** Writes junit.xml, summary.md and error.json into a run folder of its own; what cannot be written is left out. */
export function reportUnstarted(
  parent: string,
  header: Omit<RunEvent, 'runId' | 'spec' | 'notes'>,
  error: unknown,
): void {
  const failure = describeFailure(error);
  try {
    RunLog.createReport(parent, header.startedAt, {
      'junit.xml': unstartedJunit(failure),
      'summary.md': unstartedMarkdown(failure, header.command),
      [ERROR_FILE]: `${JSON.stringify({ ...header, failure }, null, 2)}\n`,
    });
  } catch {
    // The error itself is shown by the command; a folder that cannot be written to is another one's fault.
  }
}
