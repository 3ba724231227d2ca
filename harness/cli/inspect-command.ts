// qwen-pcc inspect: one token of a run in the terminal.
import { Command } from 'commander';

export function inspectCommand(): Command {
  return new Command('inspect');
}
