// The states that a baseline's file has had: those that it keeps itself, and those of its commits where git knows them.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { type BaselineState, parseBaseline } from '../record/baseline.ts';
import type { AcceptedState, HistoryRecord } from './history-record.ts';

const GIT_TIMEOUT_MS = 20_000;
const COMMITS_MAX = 500;
const BYTES_MAX = 1 << 28;

/** @param state - what the file has now, the latest first. */
export function acceptedStates(file: string, states: readonly BaselineState[]): NonNullable<HistoryRecord['baseline']> {
  const kept = new Map(states.map((state) => [idOf(state), acceptedOf(state, null)]));
  let withoutGit: string | null = null;
  try {
    // From the oldest on: a state's commit is the one that brought it.
    for (const { sha, date, subject } of commitsOf(file).reverse()) {
      const state = stateAt(file, sha);
      if (state === undefined) continue;
      if ((kept.get(idOf(state))?.commit ?? null) === null)
        kept.set(idOf(state), acceptedOf(state, { sha, date, subject }));
    }
  } catch (error) {
    withoutGit = reasonOf(error);
  }
  const all = [...kept.values()].sort((a, b) =>
    a.acceptedAt < b.acceptedAt ? -1 : a.acceptedAt > b.acceptedAt ? 1 : 0,
  );
  return { file, withoutGit, states: all };
}

function idOf({ runId, acceptedAt }: Pick<BaselineState, 'runId' | 'acceptedAt'>): string {
  return JSON.stringify([runId, acceptedAt]);
}

function acceptedOf(state: BaselineState, commit: AcceptedState['commit']): AcceptedState {
  const { runId, runAt, acceptedAt, reason, tool, marks } = state;
  const shown = marks.map(({ case: name, variant, klMean, pccMedian, top1 }) => ({
    case: name,
    variant,
    klMean,
    pccMedian,
    top1,
  }));
  return { runId, runAt, acceptedAt, reason, version: tool.version, commit, marks: shown };
}

interface Commit {
  readonly sha: string;
  readonly date: string;
  readonly subject: string;
}

/** The latest first. */
function commitsOf(file: string): Commit[] {
  const log = git(file, ['log', `--max-count=${COMMITS_MAX}`, '--format=%H%x09%cI%x09%s', '--', path.basename(file)]);
  return log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [sha = '', date = '', ...subject] = line.split('\t');
      return { sha, date, subject: subject.join('\t') };
    });
}

/** Undefined for a commit that removed the file, or has something else in its place. */
function stateAt(file: string, sha: string): BaselineState | undefined {
  try {
    return parseBaseline(git(file, ['show', `${sha}:./${path.basename(file)}`])).state;
  } catch {
    return undefined;
  }
}

function git(file: string, args: readonly string[]): string {
  return execFileSync('git', args, {
    cwd: path.dirname(path.resolve(file)),
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    timeout: GIT_TIMEOUT_MS,
    maxBuffer: BYTES_MAX,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'git is not installed';
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n')[0]! : '';
  return said === '' ? 'git did not answer' : `git says: ${said}`;
}
