// An error as the log keeps it: code, message and exit code, without any path of this machine.
import { EXIT_CODES, QwenPccError } from '../../src/errors.ts';
import type { Failure } from '../record/events.ts';
import { isAbort } from '../sequence/sides.ts';
import { shownPath } from './shown-command.ts';

export function describeFailure(error: unknown): Failure {
  if (isAbort(error)) {
    return { code: 'INTERRUPTED', message: 'stopped by the user', exitCode: EXIT_CODES.interrupted };
  }
  const message = withoutAbsolutePaths(error instanceof Error ? error.message : String(error));
  if (error instanceof QwenPccError) return { code: error.code, message, exitCode: error.exitCode };
  return { code: 'INTERNAL', message, exitCode: EXIT_CODES.internal };
}

/** Paths that begin at the root become relative to the current folder. */
export function withoutAbsolutePaths(text: string, currentFolder: string = process.cwd()): string {
  return text.replaceAll(/(?<![\w.:/~-])\/(?:[^\s"'`,:;()]+)/g, (path) => shownPath(path, currentFolder));
}
