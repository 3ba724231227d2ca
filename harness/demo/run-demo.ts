// The original demo's loop around the device: prefill, greedy decoding, the same prompt again for each batch.
// Source: n150-numerics F.1. Unlike there, a text may end with the prefill, logits are made only where a token is chosen, and
// nothing compiles or is traced beforehand.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LogitsRow, LogitsSource } from '../../src/device/logits-source.ts';
import { DeviceError } from '../../src/errors.ts';
import { argmax, CHUNK_POSITIONS } from '../sequence/sequence.ts';
import { blame, isAbort, requireContext, requireRows } from '../sequence/sides.ts';

export interface DemoRequest {
  /** [P] token ids, P >= 1. */
  readonly promptIds: Int32Array;
  /** How often the prompt is run; the KV cache is cleared in between. */
  readonly batches: number;
  /** Most decode iterations of a batch; the text gets one token more, the prefill's. */
  readonly maxIterations: number;
  /** Most positions fed in all. */
  readonly maxSeqLen: number;
  /** A token among these ends the text and is not appended. */
  readonly eosTokenIds: readonly number[];
  /** Whether the prompt is fed in chunks; one token at a time, as the original does, otherwise. Same bits. */
  readonly isFastPrefill: boolean;
  /** Ends the batch after the feed that is under way, or within it if the device can; what was generated is returned. */
  readonly signal?: AbortSignal;
  /** Told after each feed of the prompt: positions fed so far. */
  readonly onPrefill?: (batch: number, positions: number) => void;
  /** Told after each decode iteration, with the batch as it is then. */
  readonly onIteration?: (batch: DemoBatch) => void;
  /** Told at the end of each batch. */
  readonly onBatch?: (batch: DemoBatch) => void;
}

export type DemoStop = 'eos' | 'max-new-tokens' | 'max-seq-len' | 'interrupted';

export interface DemoBatch {
  /** 0-based. */
  readonly batch: number;
  /** Generated tokens, the first one by the prefill. */
  readonly tokenIds: readonly number[];
  /** From the first feed to the first token; undefined if interrupted before. */
  readonly prefillMs: number | undefined;
  readonly iterationMs: readonly number[];
  /** Undefined while the batch is going on. */
  readonly stop: DemoStop | undefined;
}

/**
 * Runs the batches one after the other.
 *
 * @returns finished batches, and the interrupted one if there is one.
 * @throws DeviceError when the device fails, has no number to continue from, or writes another text in another batch.
 * @throws ComparisonInvalidError when the device consumes another token or position than it was fed.
 */
export async function runDemo(device: LogitsSource, request: DemoRequest): Promise<readonly DemoBatch[]> {
  const finished: DemoBatch[] = [];
  for (let batch = 0; batch < request.batches && request.signal?.aborted !== true; batch++) {
    const result = await runBatch(device, batch, request);
    finished.push(result);
    request.onBatch?.(result);
    requireSameText(finished[0]!, result);
  }
  return finished;
}

async function runBatch(device: LogitsSource, batch: number, request: DemoRequest): Promise<DemoBatch> {
  const { promptIds, maxIterations, maxSeqLen, eosTokenIds, signal } = request;
  await blame('device', () => device.truncate(0));
  const tokenIds: number[] = [];
  const iterationMs: number[] = [];
  let prefillMs: number | undefined;
  const result = (stop?: DemoStop): DemoBatch => ({
    batch,
    tokenIds: [...tokenIds],
    prefillMs,
    iterationMs: [...iterationMs],
    stop,
  });

  const prefillStart = performance.now();
  const feedLength = request.isFastPrefill ? CHUNK_POSITIONS : 1;
  let next = -1;
  for (let from = 0; from < promptIds.length; ) {
    // A feed of the device need not let signals and progress bars have their turn.
    await nextTurn();
    if (signal?.aborted === true) return result('interrupted');
    const ids = promptIds.subarray(from, from + feedLength);
    const choice = await feed(device, ids, from, request);
    if (choice === 'interrupted') return result(choice);
    next = choice;
    from += ids.length;
    request.onPrefill?.(batch, from);
  }
  prefillMs = performance.now() - prefillStart;

  const take = (tokenId: number): DemoStop | undefined => {
    if (eosTokenIds.includes(tokenId)) return 'eos';
    tokenIds.push(tokenId);
    if (iterationMs.length >= maxIterations) return 'max-new-tokens';
    return promptIds.length + iterationMs.length >= maxSeqLen ? 'max-seq-len' : undefined;
  };
  let stop = take(next);
  while (stop === undefined) {
    await nextTurn();
    if (signal?.aborted === true) return result('interrupted');
    const start = performance.now();
    const choice = await feed(device, Int32Array.of(next), promptIds.length + iterationMs.length, request);
    if (choice === 'interrupted') return result(choice);
    next = choice;
    iterationMs.push(performance.now() - start);
    stop = take(next);
    request.onIteration?.(result());
  }
  return result(stop);
}

/**
 * Feeds tokens at the next positions.
 *
 * @returns the device's choice after them (ties to the lowest id); -1 within the prompt, where nobody asks for it.
 */
async function feed(
  device: LogitsSource,
  ids: Int32Array,
  firstPosition: number,
  { promptIds, signal }: DemoRequest,
): Promise<number | 'interrupted'> {
  const promptLength = promptIds.length;
  const lastPosition = firstPosition + ids.length - 1;
  const isWanted = lastPosition >= promptLength - 1;
  let rows = 0;
  let choice = -1;
  const onRow = (row: LogitsRow): void => {
    rows++;
    requireContext('actual', row, lastPosition, ids.at(-1), 'demo');
    choice = argmax(row.logits);
    if (choice < 0) {
      throw new DeviceError("the device's logits hold no number to continue from.", {
        code: 'DEVICE_NOT_FINITE',
        facts: { position: row.position },
        hint: 'run `qwen-pcc validate` to see where the device leaves the reference.',
      });
    }
  };
  const want = { rows: isWanted ? 'last' : 'none', promptLength, ...(signal === undefined ? {} : { signal }) } as const;
  try {
    await blame('device', () => device.feed(ids, want, onRow));
  } catch (error) {
    if (isAbort(error)) return 'interrupted';
    throw error;
  }
  if (isWanted && rows === 0) requireRows('actual', Int32Array.of(lastPosition), 'demo');
  return choice;
}

/** Same prompt, same arithmetic: another text means that something of the batch before was left in the KV cache. */
function requireSameText(first: DemoBatch, other: DemoBatch): void {
  const isPrefix = other.tokenIds.every((id, i) => id === first.tokenIds[i]);
  if (isPrefix && (other.stop === 'interrupted' || other.tokenIds.length === first.tokenIds.length)) return;
  const at = other.tokenIds.findIndex((id, i) => id !== first.tokenIds[i]);
  throw new DeviceError(`batch ${other.batch} of the same prompt has another text than batch 0.`, {
    code: 'BATCHES_DIFFER',
    facts: { 'first different token': at < 0 ? other.tokenIds.length : at },
    hint: 'the KV cache of the device was not cleared between the batches.',
  });
}
