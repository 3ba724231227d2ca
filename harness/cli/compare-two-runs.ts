// qwen-pcc compare RUN_A RUN_B: what newly fails, heals and drifts between two runs of one question.
import path from 'node:path';
import { compareRuns } from '../compare/runs/compare-runs.ts';
import { DIFF_MARKDOWN_FILE, diffMarkdown } from '../compare/runs/diff-markdown.ts';
import { diffTerminal } from '../compare/runs/diff-terminal.ts';
import { DIFF_FILE } from '../compare/runs/run-diff.ts';
import { formatRunDiff } from '../compare/runs/run-diff-schema.ts';
import { findRunFolder } from '../record/read-log.ts';
import { createChalk } from '../report/plain-table.ts';
import { writeResult } from './write-result.ts';

export interface TwoRunsOptions {
  readonly out: string;
  readonly json?: boolean;
}

/** Writes diff.json and diff.md into the folder of the second run. */
export function compareTwoRuns(runA: string, runB: string, { out, json }: TwoRunsOptions): void {
  const [a, b] = [findRunFolder(runA, out), findRunFolder(runB, out)];
  const diff = compareRuns({ a, b });
  writeResult(path.join(b, DIFF_FILE), formatRunDiff(diff));
  writeResult(path.join(b, DIFF_MARKDOWN_FILE), diffMarkdown(diff));
  process.stdout.write(json === true ? formatRunDiff(diff) : diffTerminal(diff, { chalk: createChalk(process.env) }));
  process.exitCode = diff.exitCode;
}
