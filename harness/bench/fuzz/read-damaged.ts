// The law of every reader: a damaged input is read or refused by name, and nothing outside of its folder is opened for it.
import { EXIT_CODES, QwenPccError } from '../../../src/errors.ts';
import { packageFile } from '../../sources/package-root.ts';
import type { Kind } from './kinds.ts';
import type { WatchedReads } from './watched-reads.ts';

export interface Outcome {
  /** `read`, or the code of the error that refused it. */
  readonly outcome: string;
  /** How the law was broken: the stack of an error that is none of ours, what a command wrote before exit code 70, a path that was opened. */
  readonly crash?: string;
}

/** Exit codes that say something of an input: wrong use or files, a device or recording, an invalid comparison. */
const REFUSALS: ReadonlySet<number> = new Set([EXIT_CODES.usage, EXIT_CODES.deviceFault, EXIT_CODES.comparisonInvalid]);

export async function readDamaged(kind: Kind, folder: string, reads: WatchedReads): Promise<Outcome> {
  reads.begin(folder, packageFile('.'));
  let outcome = 'read';
  try {
    await kind.read(folder);
  } catch (error) {
    if (!(error instanceof QwenPccError && REFUSALS.has(error.exitCode)))
      return { outcome: 'crash', crash: stackOf(error) };
    outcome = error.code;
  }
  const [outside] = reads.outside;
  return outside === undefined
    ? { outcome }
    : { outcome: 'crash', crash: `${outside} was opened, outside of the folder` };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
