// The option --adapter: a LoRA adapter on the one checkpoint that is named, the same as BASE+ADAPTER.
import type { Command } from 'commander';
import { parsePlace, placeText } from '../../src/checkpoint/checkpoint-place.ts';
import { UsageError } from '../../src/errors.ts';
import { quoteWord } from '../run/shown-command.ts';

/** To be called right after the option --weights, which it belongs to. */
export function addAdapterOption(command: Command): Command {
  return command.option('--adapter <dir>', 'LoRA adapter on that checkpoint, the same as --weights BASE+ADAPTER');
}

/**
 * @param folders - the checkpoints that are chosen, named by --weights or not.
 * @returns them, with the adapter on the only one.
 * @throws UsageError `ADAPTER_BASE` if it is not clear what the adapter is on.
 */
export function withAdapter(folders: readonly string[], adapter: string | undefined): readonly string[] {
  if (adapter === undefined) return folders;
  const [folder = 'BASE', ...others] = folders;
  const { base, adapter: known } = parsePlace(folder);
  if (others.length === 0 && folders.length === 1 && known === undefined) return [placeText({ base, adapter })];
  throw new UsageError(`--adapter needs one checkpoint without an adapter.`, {
    code: 'ADAPTER_BASE',
    facts: { found: folders.length === 0 ? 'none' : folders.join(', ') },
    hint: `leave --adapter out and write it behind the checkpoint that it was made for: --weights ${quoteWord(`${known === undefined ? folder : base}+${adapter}`)}`,
  });
}
