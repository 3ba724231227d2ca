// Runs both sides of a case once and keeps their rows: what faults are made of, and the honest control.
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { UsageError } from '../../src/errors.ts';
import type { StoredRows, StoredSequence } from '../faults/stored-rows.ts';
import { type CaseSpec, type SequenceLimits, tokensPlannedMax } from '../record/run-spec.ts';
import { runLockstep } from '../sequence/lockstep.ts';
import { blame, requireComparable } from '../sequence/sides.ts';
import type { OpenableCase } from '../sources/openable-case.ts';

export interface RecordedRows {
  readonly golden: StoredRows;
  readonly device: StoredRows;
}

const ROW_BYTES_MAX = 6 * 2 ** 30;

/** @throws UsageError SELFTEST_TOO_LARGE if the rows of both sides would not fit into a memory that people have. */
export function requireRoom({ name, prompts }: CaseSpec, limits: SequenceLimits, vocabSize: number): void {
  const rows = prompts.reduce((sum, prompt) => sum + tokensPlannedMax(prompt, limits), 0);
  const bytes = 2 * rows * vocabSize * Float32Array.BYTES_PER_ELEMENT;
  if (bytes <= ROW_BYTES_MAX) return;
  throw new UsageError(`${name}: a self-test keeps all rows in memory, and these are too many.`, {
    code: 'SELFTEST_TOO_LARGE',
    facts: {
      found: `${rows} rows of ${vocabSize} logits on both sides, ${(bytes / 2 ** 30).toFixed(1)} GiB`,
      wanted: `at most ${ROW_BYTES_MAX / 2 ** 30} GiB`,
    },
    hint: 'name one or two prompts with --prompt, or write a smaller --max-new-tokens.',
  });
}

/** @throws as `runLockstep`: a case that cannot be run cannot be tried. */
export async function recordRows(
  one: OpenableCase,
  limits: SequenceLimits,
  signal?: AbortSignal,
): Promise<RecordedRows> {
  const open: LogitsSource[] = [];
  try {
    const reference = await blame('reference', one.openReference);
    open.push(reference);
    const device = await blame('device', one.variants[0]!.open);
    open.push(device);
    requireComparable(reference, device);
    const vocabSize = Math.min(reference.vocabSize, device.vocabSize);
    const sequences: { golden: StoredSequence; device: StoredSequence }[] = [];
    for (const { name, user, promptIds, continuationIds, positions } of one.spec.prompts) {
      const rows = { golden: new Map<number, Float32Array>(), device: new Map<number, Float32Array>() };
      const request = {
        ...{ prompt: name, user, promptIds: Int32Array.from(promptIds), eosTokenIds: one.spec.eosTokenIds, ...limits },
        ...(positions === null ? {} : { positions: Int32Array.from(positions) }),
        ...(continuationIds === null ? {} : { continuationIds: Int32Array.from(continuationIds) }),
        ...(signal === undefined ? {} : { signal }),
      };
      const { tokenIds } = await runLockstep(reference, [device], request, {
        onPair: (_, { position, golden, actual }) => {
          rows.golden.set(position, golden.logits.slice(0, vocabSize));
          rows.device.set(position, actual.logits.slice(0, vocabSize));
        },
      });
      const sequence = { prompt: name, user, promptLength: promptIds.length, tokenIds };
      sequences.push({ golden: { ...sequence, rows: rows.golden }, device: { ...sequence, rows: rows.device } });
    }
    return {
      golden: { info: reference.info, vocabSize, sequences: sequences.map(({ golden }) => golden) },
      device: { info: device.info, vocabSize, sequences: sequences.map((each) => each.device) },
    };
  } finally {
    for (const source of open.reverse()) await source.close();
  }
}
