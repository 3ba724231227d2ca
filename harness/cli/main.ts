#!/usr/bin/env node
// The command qwen-pcc: parses, calls one command, turns errors into exit codes.
import { CommanderError } from 'commander';
import { EXIT_CODES, QwenPccError } from '../../src/errors.ts';
import { isAbort } from '../sequence/sides.ts';
import { createProgram } from './program.ts';

/** A reader that closes the pipe early (`| head`) has what it wanted. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT_CODES.pass);
  throw error;
});

try {
  await createProgram().parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.pass : EXIT_CODES.usage;
  if (error instanceof QwenPccError) {
    console.error(`${error.name} ${error.code}: ${error.message}`);
    return error.exitCode;
  }
  if (isAbort(error)) {
    console.error('stopped.');
    return EXIT_CODES.interrupted;
  }
  console.error(error);
  console.error('InternalError: this is a fault of qwen-pcc; report it with the lines above.');
  return EXIT_CODES.internal;
}
