// Runs one command line: parses, calls one command, turns errors into a text and an exit code.
import { CommanderError } from 'commander';
import { EXIT_CODES, QwenPccError } from '../../src/errors.ts';
import { isAbort } from '../sequence/sides.ts';
import { commandLineError } from './command-line-error.ts';
import { errorText } from './error-text.ts';
import { type CommandStreams, createProgram } from './program.ts';

/**
 * @param args - without the names of Node and of the command.
 * @returns the exit code.
 */
export async function main(args: readonly string[], streams: CommandStreams): Promise<number> {
  try {
    await createProgram(streams).parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT_CODES.pass);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.pass;
    const shown = error instanceof CommanderError ? commandLineError(error, args) : error;
    if (isAbort(shown)) {
      streams.stderr.write('stopped.\n');
      return EXIT_CODES.interrupted;
    }
    streams.stderr.write(errorText(shown, process.env['QWEN_PCC_STACK'] === '1'));
    return shown instanceof QwenPccError ? shown.exitCode : EXIT_CODES.internal;
  }
}
