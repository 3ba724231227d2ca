// A child with limits on time and memory, started anew whenever it dies or breaks one.
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Answer, Request } from './child.ts';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));
/** Of processor time, so that a busy machine makes no findings; what waits for ever uses none, hence the second limit. */
export const SECONDS_MAX = 10;
const WALL_SECONDS_MAX = 120;
export const RESIDENT_BYTES_MAX: number = 2 * 2 ** 30;
/** A peak is kept for the life of a process: after so many inputs a new one starts from nothing. */
const INPUTS_A_CHILD = 200;
const POLL_MS = 25;
/** Longer between two polls is no waiting: the machine slept, or this process was stopped with its child. */
const POLL_MS_MAX = 1000;
/** Linux counts processor time in hundredths of a second. */
const TICKS_A_SECOND = 100;

export type Finding = 'crash' | 'memory' | 'time';

export interface Tried {
  /** `read` or the code of the error that refused the input. */
  readonly outcome: string;
  readonly finding?: Finding;
  /** Stack, or how the child ended. */
  readonly details: string;
  readonly seconds: number;
  readonly peakBytes: number;
}

export class LimitedChild {
  #child: ChildProcess | undefined;
  #inputs = 0;

  async try(request: Request): Promise<Tried> {
    if (this.#inputs++ % INPUTS_A_CHILD === 0) this.close();
    if (this.#child?.connected === false) {
      this.close();
      const details = 'the child died after it had answered: look at the input before this one';
      return { outcome: 'died', finding: 'crash', details, seconds: 0, peakBytes: 0 };
    }
    this.#child ??= fork(CHILD, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const tried = await watch(this.#child, request);
    if (tried.finding !== undefined) this.close();
    return tried;
  }

  close(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}

function watch(child: ChildProcess, request: Request): Promise<Tried> {
  const started = processorSeconds(child.pid);
  let stderr = '';
  let seconds = 0;
  let peakBytes = 0;
  return new Promise((resolve) => {
    let polledAt = performance.now();
    let waitedMs = 0;
    const settle = (outcome: string, details: string, finding?: Finding): void => {
      clearInterval(poll);
      child.removeAllListeners('message').removeAllListeners('exit');
      child.stderr!.removeAllListeners('data');
      resolve({ outcome, details, seconds, peakBytes, ...(finding === undefined ? {} : { finding }) });
    };
    const measure = (): void => {
      seconds = Math.max(seconds, processorSeconds(child.pid) - started);
      peakBytes = Math.max(peakBytes, residentBytes(child.pid));
    };
    const poll = setInterval(() => {
      measure();
      const now = performance.now();
      waitedMs += Math.min(now - polledAt, POLL_MS_MAX);
      polledAt = now;
      if (peakBytes > RESIDENT_BYTES_MAX) settle('memory', `${peakBytes} bytes resident`, 'memory');
      else if (seconds > SECONDS_MAX) settle('time', `${seconds} s of processor time`, 'time');
      else if (waitedMs > WALL_SECONDS_MAX * 1000) settle('time', 'it does not end', 'time');
    }, POLL_MS);
    child.stderr!.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('exit', (code, signal) => settle('died', `exit code ${code}, signal ${signal}\n${stderr}`, 'crash'));
    child.once('message', (answer: Answer) => {
      measure();
      peakBytes = Math.max(peakBytes, answer.peakBytes);
      if (answer.crash !== undefined) settle(answer.outcome, answer.crash, 'crash');
      else if (peakBytes > RESIDENT_BYTES_MAX) settle('memory', `${peakBytes} bytes resident`, 'memory');
      else settle(answer.outcome, '');
    });
    child.send(request);
  });
}

function processorSeconds(pid: number | undefined): number {
  // Fields 14 and 15, user and system; the name in field 2 may hold spaces, so the count begins behind it.
  const fields = readProc(pid, 'stat')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_A_SECOND;
}

function residentBytes(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, 'status'))?.[1] ?? 0) * 1024;
}

function readProc(pid: number | undefined, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
