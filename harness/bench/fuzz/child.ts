// The child that reads damaged inputs: one at a time, told by messages, answering what became of each.
import { EXIT_CODES, QwenPccError } from '../../../src/errors.ts';
import { main } from '../../cli/main.ts';
import { KINDS } from './kinds.ts';

/** What the parent asks for: a kind's reader, and command lines, over one folder. */
export interface Request {
  readonly kind: string;
  readonly folder: string;
  readonly withCommands: boolean;
}

export interface Answer {
  /** `read`, or the code of the error that refused it. */
  readonly outcome: string;
  /** Stack of an error that is none of ours, or what a command wrote before exit code 70. */
  readonly crash?: string;
  /** Largest resident set of this process so far. */
  readonly peakBytes: number;
}

export async function answer({ kind: name, folder, withCommands }: Request): Promise<Answer> {
  const kind = KINDS.find((one) => one.name === name)!;
  const peak = (): number => process.resourceUsage().maxRSS * 1024;
  let outcome = 'read';
  try {
    await kind.read(folder);
  } catch (error) {
    if (!(error instanceof QwenPccError) || error.exitCode === EXIT_CODES.internal)
      return { outcome: 'crash', crash: stackOf(error), peakBytes: peak() };
    outcome = error.code;
  }
  for (const args of withCommands ? kind.commands(folder) : []) {
    const { exitCode, said } = await runCommand(args);
    if (exitCode === EXIT_CODES.internal)
      return { outcome: 'crash', crash: `qwen-pcc ${args.join(' ')}\n${said}`, peakBytes: peak() };
  }
  return { outcome, peakBytes: peak() };
}

export async function runCommand(args: readonly string[]): Promise<{ exitCode: number; said: string }> {
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

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

process.on('message', (request: Request) => {
  // A turn later, so that what a reader left running by mistake and throws at once counts to its input.
  void answer(request).then((given) => setImmediate(() => process.send!(given)));
});
