// What commander says about a command line, as one of our errors.
import type { CommanderError } from 'commander';
import { UsageError } from '../../src/errors.ts';

/** @param args - for the command whose help has the answer. */
export function commandLineError({ code, message }: CommanderError, args: readonly string[]): UsageError {
  const [problem = '', suggestion] = message.replace(/^error: /, '').split('\n');
  // Without any word commander prints the help itself and has nothing to say.
  const isHelp = code === 'commander.help';
  const subject = isHelp ? 'no command is given' : problem.replace(/\.$/, '');
  const ours = code.replace(/^commander\./, '').replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
  const command = args.find((word) => /^[a-z][a-z-]*$/.test(word) && code !== 'commander.unknownCommand');
  return new UsageError(`${subject}.${suggestion === undefined ? '' : ` ${suggestion.replace(/^\((.*)\)$/, '$1')}`}`, {
    code: isHelp ? 'COMMAND_MISSING' : ours.toUpperCase(),
    hint: `every option is in qwen-pcc ${command === undefined ? '' : `${command} `}--help.`,
  });
}
