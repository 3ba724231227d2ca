// Runs the command line as a user does, or another script, in a child process: its wall time and its peak memory.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../cli/qwen-pcc.js', import.meta.url));
const POLL_MS = 20;
const KIBIBYTES_PER_GIB = 2 ** 20;
/** Linux's USER_HZ, the same on every machine that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface ChildRun {
  readonly exitCode: number | null;
  readonly seconds: number;
  readonly stdout: string;
  /** Of all its threads, waiting in a loop included, as the last poll saw it; undefined where /proc is missing. */
  readonly processorSeconds: number | undefined;
  /** Largest resident set, mapped files included; undefined where /proc is missing. */
  readonly peakGiB: number | undefined;
  /** Largest anonymous memory that a poll saw; undefined where /proc is missing. */
  readonly peakAnonymousGiB: number | undefined;
}

export interface ChildRunOptions {
  /** Exit codes that are answers; any other is an error. */
  readonly accept?: readonly number[];
  /** Called at each poll, some fifty times a second. */
  readonly onPoll?: (seconds: number) => void;
}

/** @throws Error with what the command wrote to stderr. */
export function runCommand(args: readonly string[], options: ChildRunOptions = {}): Promise<ChildRun> {
  return runScript(MAIN, args, options);
}

/** @throws Error with what the script wrote to stderr. */
export function runScript(script: string, args: readonly string[], options: ChildRunOptions = {}): Promise<ChildRun> {
  return runProgram(process.execPath, [script, ...args], options);
}

/** @throws Error with what the program wrote to stderr, or of its start. */
export function runProgram(program: string, args: readonly string[], options: ChildRunOptions = {}): Promise<ChildRun> {
  const { accept = [0], onPoll = () => {} } = options;
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const seconds = (): number => (performance.now() - start) / 1000;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let peakGiB: number | undefined;
    let peakAnonymousGiB: number | undefined;
    let processorSeconds: number | undefined;
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text: Buffer) => {
      stdout += text.toString();
    });
    child.stderr.on('data', (text: Buffer) => {
      stderr += text.toString();
    });
    const poll = setInterval(() => {
      const status = statusOf(child.pid);
      // The kernel keeps this peak itself, so a slow poll misses only what the last moments add.
      peakGiB = gibibytes(status, 'VmHWM') ?? peakGiB;
      const anonymous = gibibytes(status, 'RssAnon');
      if (anonymous !== undefined) peakAnonymousGiB = Math.max(peakAnonymousGiB ?? 0, anonymous);
      processorSeconds = processorSecondsOf(child.pid) ?? processorSeconds;
      onPoll(seconds());
    }, POLL_MS);
    child.on('error', reject);
    child.on('close', (exitCode) => {
      clearInterval(poll);
      if (exitCode !== null && accept.includes(exitCode)) {
        resolve({ exitCode, seconds: seconds(), stdout, processorSeconds, peakGiB, peakAnonymousGiB });
      } else reject(new Error(`${basename(program)} ${args.join(' ')} ended with exit code ${exitCode}:\n${stderr}`));
    });
  });
}

function statusOf(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return '';
  }
}

/** Fields 14 and 15 of its stat, behind a name that may hold spaces: ticks of a hundredth of a second in user and kernel mode. */
function processorSecondsOf(pid: number | undefined): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return undefined;
  }
}

function gibibytes(status: string, name: 'VmHWM' | 'RssAnon'): number | undefined {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) / KIBIBYTES_PER_GIB;
}
