#!/usr/bin/env node
// The command qwen-pcc as a process: its streams, its exit code.
import { EXIT_CODES } from '../../src/errors.ts';
import { main } from './main.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') {
    // A reader that closes the pipe early (`| head`) has what it wanted; the command may still say how it ended.
    setImmediate(() => process.exit(process.exitCode ?? EXIT_CODES.pass));
    return;
  }
  process.stderr.write(`InputError OUTPUT_WRITE: the standard output cannot be written: ${error.message}.\n`);
  process.exit(EXIT_CODES.usage);
});
// What cannot be said can only be left unsaid; the exit code still tells.
process.stderr.on('error', () => undefined);

process.exitCode = await main(process.argv.slice(2), process);
