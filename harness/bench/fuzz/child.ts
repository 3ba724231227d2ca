// The child that reads damaged inputs: one at a time, told by messages, answering what became of each.
import { EXIT_CODES } from '../../../src/errors.ts';
import { main } from '../../cli/main.ts';
import { ALL_KINDS } from './all-kinds.ts';
import { type Outcome, readDamaged } from './read-damaged.ts';
import { WatchedReads } from './watched-reads.ts';

/** What the parent asks for: a kind's reader, and command lines, over one folder. */
export interface Request {
  readonly kind: string;
  readonly folder: string;
  readonly withCommands: boolean;
}

export interface Answer extends Outcome {
  /** Largest resident set of this process so far. */
  readonly peakBytes: number;
}

async function answer({ kind: name, folder, withCommands }: Request, reads: WatchedReads): Promise<Answer> {
  const kind = ALL_KINDS.find((one) => one.name === name)!;
  const peak = (): number => process.resourceUsage().maxRSS * 1024;
  const read = await readDamaged(kind, folder, reads);
  if (read.crash !== undefined) return { ...read, peakBytes: peak() };
  for (const args of withCommands ? kind.commands(folder) : []) {
    const { exitCode, said } = await runCommand(args);
    if (exitCode === EXIT_CODES.internal)
      return { outcome: 'crash', crash: `qwen-pcc ${args.join(' ')}\n${said}`, peakBytes: peak() };
  }
  return { ...read, peakBytes: peak() };
}

async function runCommand(args: readonly string[]): Promise<{ exitCode: number; said: string }> {
  let said = '';
  const quiet = { write: () => true };
  const stderr = {
    write: (text: string) => {
      said += text;
      return true;
    },
  };
  process.exitCode = undefined;
  const exitCode = await main(args, { stdout: quiet, stderr });
  process.exitCode = undefined;
  return { exitCode, said };
}

const reads = new WatchedReads();
process.on('message', (request: Request) => {
  // A turn later, so that what a reader left running by mistake and throws at once counts to its input.
  void answer(request, reads).then((given) => setImmediate(() => process.send!(given)));
});
