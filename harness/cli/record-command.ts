// qwen-pcc record: rows to a file
import { Command } from 'commander';

export function recordCommand(): Command {
  return new Command('record');
}
