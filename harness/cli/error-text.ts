// What stderr says of an error: its message, what caused it in a line each, and stacks where the fault may be ours.
import { EXIT_CODES, QwenPccError } from '../../src/errors.ts';
import { printable } from '../../src/text/printable.ts';

/** A chain that is longer says no more, and one may lead back into itself. */
const CAUSES_SHOWN = 8;
/** Whose file or option it was is known; whose fault these are is not, and a stack tells. */
const PERHAPS_OURS: readonly number[] = [EXIT_CODES.deviceFault, EXIT_CODES.referenceFault, EXIT_CODES.internal];

/**
 * @param withStacks - adds the stack of every error, not only of those that may be faults of qwen-pcc.
 * @returns lines that end with a line break, without anything that commands a terminal.
 */
export function errorText(error: unknown, withStacks: boolean): string {
  const isOurs = error instanceof QwenPccError;
  const lines = isOurs ? [`${error.name} ${error.code}: ${error.message}`] : [titleOf(error)];
  if (!isOurs || withStacks) lines.push(...framesOf(error));
  for (const cause of causesOf(error)) {
    const title = titleOf(cause);
    const isNew = !lines.some((line) => line.includes(messageOf(cause)));
    if (isNew) lines.push(`  caused by ${title}`);
    const isForeign = !(cause instanceof QwenPccError) && !isOfTheSystem(cause);
    if (withStacks || !isOurs || (isForeign && PERHAPS_OURS.includes(error.exitCode))) {
      if (!isNew) lines.push(`  thrown as ${cause instanceof Error ? cause.name : typeof cause}`);
      lines.push(...framesOf(cause));
    }
  }
  if (!isOurs) lines.push('InternalError: this is a fault of qwen-pcc; report it with the lines above.');
  return printable(`${lines.join('\n')}\n`, { keepsLines: true });
}

function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  while (cause !== undefined && causes.length < CAUSES_SHOWN && !causes.includes(cause)) {
    causes.push(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

function titleOf(error: unknown): string {
  if (error instanceof QwenPccError) return `${error.name} ${error.code}: ${messageOf(error)}`;
  return error instanceof Error ? `${error.name}: ${messageOf(error)}` : messageOf(error);
}

/** The first line; of several errors in one, which has no message of its own, the first one's. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0]);
  return printable((error instanceof Error ? error.message : String(error)).split('\n')[0]!);
}

function framesOf(error: unknown): string[] {
  if (!(error instanceof Error) || error.stack === undefined) return [];
  return error.stack.split('\n').filter((line) => /^ {4}at /.test(line));
}

/** A file that is not there, a connection that is refused: no fault of any code. */
function isOfTheSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
