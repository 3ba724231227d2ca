// The command line's shape: one command per file, shared settings here.
import { Command } from 'commander';
import { packageVersion } from '../sources/package-root.ts';
import { baselineCommand } from './baseline-command.ts';
import { compareCommand } from './compare-command.ts';
import { demoCommand } from './demo-command.ts';
import { doctorCommand } from './doctor-command.ts';
import { exitCodesHelp } from './exit-codes-help.ts';
import { getWeightsCommand } from './get-weights-command.ts';
import { historyCommand } from './history-command.ts';
import { inspectCommand } from './inspect-command.ts';
import { addMerge } from './merge-command.ts';
import { planCommand } from './plan-command.ts';
import { recordCommand } from './record-command.ts';
import { replayCommand } from './replay-command.ts';
import { reportCommand } from './report-command.ts';
import { selftestCommand } from './selftest-command.ts';
import { synthesizeCommand } from './synthesize-command.ts';
import { validateCommand } from './validate-command.ts';

/** Where a command line's data and messages go. */
export interface CommandStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** @param streams - where commander's own words go: help and versions. Its errors are thrown, not written. */
export function createProgram({ stdout, stderr }: CommandStreams = process): Command {
  const program = new Command('qwen-pcc')
    .description('Tells whether an N150 still computes Qwen2 correctly, token by token, and if not, where and why.')
    .version(packageVersion())
    // Each command takes the options behind it: `report merge --out` is the merge's, though report has one too.
    .enablePositionalOptions()
    .addHelpText('after', exitCodesHelp())
    .addHelpText(
      'after',
      '\nWith no option, `qwen-pcc validate` judges the N150 device model on both tiny checkpoints of the package.',
    );
  for (const command of [
    validateCommand(),
    planCommand(),
    compareCommand(),
    baselineCommand(),
    historyCommand(),
    inspectCommand(),
    replayCommand(),
    addMerge(reportCommand()),
    doctorCommand(),
    demoCommand(),
    recordCommand(),
    selftestCommand(),
    synthesizeCommand(),
    getWeightsCommand(),
  ]) {
    program.addCommand(command.addHelpText('after', exitCodesHelp()));
  }
  // Subcommands do not inherit these; an exit inside commander would skip our exit codes.
  for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .configureOutput({
        writeOut: (text) => stdout.write(text),
        writeErr: (text) => stderr.write(text),
        outputError: () => undefined,
      });
  }
  return program;
}
