// What both sides of a comparison owe: same vocabulary, the context asked for, a row for each position; whose fault an error is.
import type { LogitsRow, LogitsSource } from '../../src/device/logits-source.ts';
import { ComparisonInvalidError, DeviceError, QwenPccError, ReferenceFaultError } from '../../src/errors.ts';

/** @throws ComparisonInvalidError when the two sides do not score the same number of tokens. */
export function requireSameVocabulary(reference: LogitsSource, device: LogitsSource): void {
  if (reference.vocabSize === device.vocabSize) return;
  throw new ComparisonInvalidError('reference and device score vocabularies of different size.', {
    code: 'VOCABULARY_DIFFERS',
    facts: {
      golden: `${reference.vocabSize} entries (${reference.info.label})`,
      actual: `${device.vocabSize} entries (${device.info.label})`,
    },
    hint: 'compare checkpoints with the same vocabulary.',
  });
}

/** Runs one side's action; foreign errors become that side's fault, our own pass through. */
export async function blame<T>(side: 'reference' | 'device', action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof QwenPccError || isAbort(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const ErrorClass = side === 'reference' ? ReferenceFaultError : DeviceError;
    throw new ErrorClass(`the ${side} side failed while running: ${message}`, {
      code: side === 'reference' ? 'REFERENCE_FAULT' : 'DEVICE_FAULT',
      hint: 'run `qwen-pcc doctor` to see what this machine and checkpoint can do.',
      cause: error,
    });
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

/** @throws ComparisonInvalidError when a side handed out another number of rows than positions fed. */
export function requireRowCount(side: 'golden' | 'actual', found: number, wanted: number, prompt: string): void {
  if (found === wanted) return;
  throw new ComparisonInvalidError(`prompt "${prompt}": the ${side} side did not hand out one row for each position.`, {
    code: 'ROWS_MISSING',
    facts: { found: `${found} rows`, wanted: `${wanted} rows` },
    hint: 'a position without a row cannot be judged, so the run has no verdict.',
  });
}
