// Runs one side alone and writes each of its rows to a recording.

import { createRecordingWriter } from '../../src/device/capture/recording-writer.ts';
import type { LogitsSource, TapName } from '../../src/device/logits-source.ts';
import type { PromptSpec, SequenceLimits } from '../record/run-spec.ts';
import { argmax, CHUNK_POSITIONS, feedRequest, knownIds } from '../sequence/sequence.ts';

export interface RecordRequest {
  readonly prompts: readonly PromptSpec[];
  readonly limits: SequenceLimits;
  /** A greedy token among these ends a text and is not fed. */
  readonly eosTokenIds: readonly number[];
  /** sha256 of the tokenizer that the ids are of, `none` for prompts of ids. */
  readonly tokenizerSha256?: string;
  readonly taps?: readonly TapName[];
  readonly signal?: AbortSignal;
  readonly onToken?: (prompt: string) => void;
}

/**
 * Feeds each prompt and then its continuation, given or the source's own greedy one, and writes all rows.
 *
 * @param file - appears when all prompts are done; nothing is left behind otherwise.
 * @returns tokens recorded.
 */
export async function recordPrompts(source: LogitsSource, request: RecordRequest, file: string): Promise<number> {
  const { tokenizerSha256 = 'none' } = request;
  const writer = createRecordingWriter(file, source.info, tokenizerSha256 === 'none' ? {} : { tokenizerSha256 });
  let tokens = 0;
  try {
    for (const prompt of request.prompts) {
      await source.truncate(0);
      writer.beginPrompt(prompt.name);
      const fed: number[] = [];
      let lastChoice = -1;
      const { name, user } = prompt;
      const promptIds = Int32Array.from(prompt.promptIds);
      const forced = prompt.continuationIds === null ? undefined : Int32Array.from(prompt.continuationIds);
      const want = feedRequest({ ...request, prompt: name, user, promptIds });
      const feed = async (ids: Int32Array): Promise<void> => {
        request.signal?.throwIfAborted();
        fed.push(...ids);
        await source.feed(ids, want, (row) => {
          writer.addRow(row);
          lastChoice = argmax(row.logits);
          request.onToken?.(prompt.name);
        });
      };
      const known = knownIds({
        prompt: name,
        promptIds,
        maxSeqLen: request.limits.maxSeqLen,
        ...(forced === undefined ? {} : { continuationIds: forced }),
      });
      while (fed.length < known.length) await feed(known.subarray(fed.length, fed.length + CHUNK_POSITIONS));
      if (forced === undefined) {
        while (!isEnd(request, fed.length - promptIds.length, fed.length, lastChoice))
          await feed(Int32Array.of(lastChoice));
      }
      writer.endPrompt({ inputIds: Int32Array.from(fed), promptLength: promptIds.length });
      tokens += fed.length;
    }
    writer.finish();
  } catch (error) {
    writer.abort();
    throw error;
  }
  return tokens;
}

/** Whether the text ends before the greedy token `choice`. */
function isEnd({ limits, eosTokenIds }: RecordRequest, newTokens: number, length: number, choice: number): boolean {
  return newTokens >= limits.maxNewTokens || length >= limits.maxSeqLen || choice < 0 || eosTokenIds.includes(choice);
}
