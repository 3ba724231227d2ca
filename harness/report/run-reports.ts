// The reports that a run leaves in its folder, each a pure reading of what it found.
import type { TokenHighlights } from '../gate/token-highlights.ts';
import type { RunRecord } from '../record/run-record.ts';
import { junitXml } from './junit.ts';
import { summaryMarkdown } from './markdown.ts';

export const RUN_REPORTS: Readonly<Record<string, (run: RunRecord, highlights: TokenHighlights) => string>> = {
  'junit.xml': junitXml,
  'summary.md': summaryMarkdown,
};
