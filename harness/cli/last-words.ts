// Says what became of a run that cannot say it itself: killed for its memory, or by SIGBUS when a weight file that is mapped was cut.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** Waits for the end of its input; without a word on it, the run was ended from outside. Signals of the terminal are the run's affair. */
const WATCH = `trap '' INT TERM HUP; read -r said; [ -n "$said" ] || printf %s "$1" >&2`;

/**
 * Starts a small process that writes `words` to stderr if this one ends before the returned function is called.
 *
 * @returns to be called when the run can speak for itself again.
 */
export function leaveLastWords(words: string): () => void {
  const watcher = spawn('/bin/sh', ['-c', WATCH, 'sh', words], { stdio: ['pipe', 'ignore', 'inherit'] });
  // A machine without a shell or without room for another process goes without it.
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  watcher.unref();
  (watcher.stdin as Socket).unref();
  const done = (): void => {
    process.off('exit', done);
    watcher.stdin.end('.');
  };
  // An error that nobody caught has been told by then.
  process.once('exit', done);
  return done;
}
