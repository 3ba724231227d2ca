// What both sides of a comparison owe: same vocabulary, the context asked for, a row for each position; whose fault an error is.
import type { LogitsRow, LogitsSource } from '../../src/device/logits-source.ts';
import { ComparisonInvalidError, DeviceError, QwenPccError, ReferenceFaultError } from '../../src/errors.ts';

/**
 * Two checkpoints may pad one vocabulary to different sizes: the smaller one is compared. A recording has what it has.
 *
 * @throws ComparisonInvalidError when a recording scores another number of tokens than the other side.
 */
export function requireComparable(reference: LogitsSource, device: LogitsSource): void {
  const isRecorded = [reference, device].some(({ info }) => info.kind === 'capture' || info.kind === 'golden-file');
  if (!isRecorded || reference.vocabSize === device.vocabSize) return;
  throw new ComparisonInvalidError('reference and device score vocabularies of different size.', {
    code: 'VOCABULARY_DIFFERS',
    facts: {
      golden: `${reference.vocabSize} entries (${reference.info.label})`,
      actual: `${device.vocabSize} entries (${device.info.label})`,
    },
    hint: 'give the checkpoint that was recorded with --weights.',
  });
}

/** Runs one side's action; foreign errors become that side's fault, our own pass through. */
export async function blame<T>(side: 'reference' | 'device', action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof QwenPccError || error instanceof SinkError || isAbort(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const ErrorClass = side === 'reference' ? ReferenceFaultError : DeviceError;
    throw new ErrorClass(`the ${side} side failed while running: ${message}`, {
      code: side === 'reference' ? 'REFERENCE_FAULT' : 'DEVICE_FAULT',
      hint: 'run `qwen-pcc doctor` to see what this machine and checkpoint can do.',
      cause: error,
    });
  }
}

/** Carries what the receiver of rows threw through a side's own error handling: it is not that side's fault. */
export class SinkError extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super('thrown by the receiver of a row', { cause: thrown });
    this.thrown = thrown;
  }
}

/** Whether an error is the abort of an AbortSignal (Ctrl-C), which is nobody's fault. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** @throws ComparisonInvalidError when a side consumed another token or position than it was fed. */
export function requireContext(
  side: 'golden' | 'actual',
  row: LogitsRow,
  position: number,
  tokenId: number | undefined,
  prompt: string,
): void {
  if (row.position === position && row.tokenId === tokenId) return;
  throw new ComparisonInvalidError(
    `prompt "${prompt}": the ${side} row was made in another context than it was asked for.`,
    {
      code: 'CONTEXT_DIFFERS',
      facts: {
        fed: `token ${tokenId ?? 'none'} at position ${position}`,
        consumed: `token ${row.tokenId} at position ${row.position}`,
      },
      hint: 'rows of different contexts have no PCC; record again with the tokens of this plan.',
    },
  );
}

/**
 * @param missing - positions that were asked for and have no row.
 * @throws ComparisonInvalidError if there is one.
 */
export function requireRows(side: 'golden' | 'actual', missing: Int32Array, prompt: string): void {
  if (missing.length === 0) return;
  throw new ComparisonInvalidError(`prompt "${prompt}": the ${side} side did not hand out a row for each position.`, {
    code: 'ROWS_MISSING',
    facts: { missing: `${missing.length} rows, the first of position ${missing[0]}` },
    hint: 'record a row for each position, or leave --prompts out: a recording then brings a plan of the rows that it has.',
  });
}
