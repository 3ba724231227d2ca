// Runs a plan in a folder and leaves every artefact of it there, whatever ended it.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { InputError } from '../../src/errors.ts';
import { RUN_FILE, type RunFolder } from '../record/run-folder.ts';
import { formatRunRecord, type RunRecord } from '../record/run-record.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { junitXml } from '../report/junit.ts';
import { summaryMarkdown } from '../report/markdown.ts';
import { buildRunRecord } from './build-run-record.ts';
import { describeEnvironment } from './environment.ts';
import { type RunOptions, type RunPlan, runValidate } from './run-validate.ts';

export interface WriteRunOptions {
  readonly folder: RunFolder;
  readonly tool: RunRecord['tool'];
  /** The command line that repeats the run, without absolute paths. */
  readonly command: string;
  readonly startedAt: Date;
  readonly signal?: AbortSignal;
  readonly onToken?: (record: TokenRecord) => void;
  readonly onStage?: NonNullable<RunOptions['onStage']>;
}

export interface WrittenRun {
  readonly run: RunRecord;
  readonly records: readonly TokenRecord[];
  /** What ended the run before its plan was done; undefined if it was done. */
  readonly failure: unknown;
}

/**
 * @throws InputError RESUME_DIFFERS if the folder is of a run of other sources; it stays as it is.
 * @throws InputError if the artefacts themselves cannot be written; tokens.jsonl is kept even then.
 */
export async function writeRun(plan: RunPlan, options: WriteRunOptions): Promise<WrittenRun> {
  const { folder, tool, command, startedAt } = options;
  try {
    const result = await runValidate(plan, options);
    if (isOfOtherSources(result.failure)) throw result.failure;
    const frame = { runId: folder.runId, tool, command, startedAt, environment: describeEnvironment() };
    const finishedAt = new Date();
    const draft = buildRunRecord(plan, result, { ...frame, finishedAt, artifacts: [] });
    folder.writeFile('junit.xml', junitXml(draft, result.records));
    folder.writeFile('summary.md', summaryMarkdown(draft, result.records));
    const run = { ...draft, artifacts: listArtifacts(folder.folder) };
    folder.writeFile(RUN_FILE, formatRunRecord(run));
    return { run, records: result.records, failure: result.failure };
  } finally {
    folder.close();
  }
}

function isOfOtherSources(failure: unknown): boolean {
  return failure instanceof InputError && failure.code === 'RESUME_DIFFERS';
}

const KINDS: Readonly<Record<string, string>> = {
  '.jsonl': 'token records',
  '.json': 'plan',
  '.xml': 'JUnit',
  '.md': 'summary',
  '.safetensors': 'evidence',
};

/** Every file of the folder but run.json, by path. */
function listArtifacts(folder: string): RunRecord['artifacts'] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== RUN_FILE)
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => {
      const bytes = readFileSync(file);
      return {
        path: path.relative(folder, file).replaceAll('\\', '/'),
        kind: KINDS[path.extname(file)] ?? 'other',
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      };
    });
}
