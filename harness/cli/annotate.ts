// In a GitHub job the verdict stands beside the pull request too: annotations, on stderr, where the runner reads them as well.
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { RunRecord } from '../record/run-record.ts';
import { githubAnnotations } from '../report/annotations.ts';

/** Says nothing of a part of a run: what it has to say is said once, by the merge. */
export function annotateJob(run: RunRecord, highlights: TokenHighlights): void {
  if (process.env['GITHUB_ACTIONS'] !== 'true' || run.config.part !== null) return;
  for (const line of githubAnnotations(run, highlights)) process.stderr.write(`${line}\n`);
}
