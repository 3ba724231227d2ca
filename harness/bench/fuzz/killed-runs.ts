// Runs of the command that are killed at random changes of the disk, some twice, and gone on with: each must become the run that was not.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RUN_FILE } from '../../record/run-log.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { withoutTiming } from '../../record/token-line.ts';
import { packageFile } from '../../sources/package-root.ts';
import { Draws } from './damage.ts';

const MAIN = packageFile('dist/harness/cli/qwen-pcc.js');
const PRELOAD = pathToFileURL(packageFile('harness/bench/fuzz/kill-at.mjs')).href;
/** Three short prompts; a threshold that nothing reaches, so that rows of failing tokens are written too. */
const PROMPTS = JSON.stringify(
  [3, 5, 4].map((length, i) => ({ name: `p${i}`, ids: new Array<number>(length).fill(50 + i) })),
);
const OPTIONS = ['--weights', 'general', '--max-new-tokens', '2', '--threads', '1', '--threshold', '1'];

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** @param at - the change at which it is killed; undefined: it is not. */
function command(root: string, args: readonly string[], at: number | undefined): Promise<Ended> {
  const env = {
    ...process.env,
    NO_COLOR: '1',
    QWEN_PCC_KILL_BELOW: root,
    ...(at === undefined ? {} : { QWEN_PCC_KILL_AT: `${at}` }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', PRELOAD, MAIN, ...args], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
}

export interface KilledRuns {
  /** Changes of the disk that the whole run makes. */
  readonly changes: number;
  readonly kills: number;
  /** What was not as it should be, each with how to make it again. */
  readonly findings: readonly string[];
}

/** @param count - runs; the first and every second one after it are killed once more while it is resumed. */
export async function killRuns(
  seed: number,
  count: number,
  say: (line: string) => void = () => undefined,
): Promise<KilledRuns> {
  const work = mkdtempSync(join(tmpdir(), 'qwen-pcc-kill-'));
  const findings: string[] = [];
  let kills = 0;
  try {
    const prompts = join(work, 'prompts.json');
    writeFileSync(prompts, PROMPTS);
    const validate = (out: string): string[] => ['validate', ...OPTIONS, '--prompts', prompts, '--out', out];
    const wholeOut = join(work, 'whole');
    const whole = await command(wholeOut, validate(wholeOut), undefined);
    const changes = Number(/^changes (\d+)$/m.exec(whole.stderr)?.[1]);
    if (!(whole.code === 1 && changes > 0)) throw new Error(`the whole run ended with ${whole.code}: ${whole.stderr}`);
    const wanted = reading(join(wholeOut, 'last'));
    for (let index = 0; index < count; index++) {
      const draws = Draws.seeded(seed, index);
      const out = join(work, `run-${index}`);
      const at = draws.below(changes);
      let ended = await command(out, validate(out), at);
      if (ended.signal !== 'SIGKILL')
        findings.push(`run ${index}: not killed at change ${at}, but ended with ${ended.code}`);
      kills++;
      const folder = begunFolder(out);
      const again = folder === undefined ? validate(out) : ['validate', '--resume', folder];
      if (folder !== undefined && index % 2 === 0) {
        // What is left makes fewer changes.
        ended = await command(out, again, draws.below(Math.max(8, Math.floor((changes - at) / 2))));
        if (ended.signal === 'SIGKILL') kills++;
      }
      ended = await command(out, again, undefined);
      // Killed while it took over a dead lock: the hint of the error is followed.
      const lock = /remove (\S+run\.lock) and try again/.exec(ended.stderr)?.[1];
      if (lock !== undefined) {
        rmSync(lock);
        ended = await command(out, again, undefined);
      }
      const found =
        ended.code === 1 ? reading(folder ?? join(out, 'last')) : `exit code ${ended.code}: ${ended.stderr}`;
      if (found !== wanted) findings.push(`run ${index}, killed at change ${at}: ${found.slice(0, 500)}`);
      say(`run ${index}: killed at change ${at} of ${changes}${folder === undefined ? ', before its log began' : ''}`);
      rmSync(out, { recursive: true, force: true });
    }
    return { changes, kills, findings };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The folder of a run whose log has its first line. */
function begunFolder(out: string): string | undefined {
  if (!existsSync(out)) return undefined;
  const folders = readdirSync(out, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders
    .map(({ name }) => join(out, name))
    .find((folder) => {
      const log = join(folder, 'run.jsonl');
      return existsSync(log) && readFileSync(log, 'utf8').includes('\n');
    });
}

/** Rows, verdict, and the files that a run hands on; what differs from run to run left out. */
function reading(folder: string): string {
  const lines = readFileSync(join(folder, 'run.jsonl'), 'utf8').split('\n').slice(1, -2);
  const { verdict, exitCode, coverage, artifacts } = JSON.parse(
    readFileSync(join(folder, RUN_FILE), 'utf8'),
  ) as RunRecord;
  return JSON.stringify({
    lines: lines.map(withoutTiming),
    verdict,
    exitCode,
    coverage,
    files: artifacts.map(({ path }) => path),
  });
}
