// The rules of a plan: how cases are called, which prompts suit a checkpoint, what cannot run and is refused before anything is opened.
import type { LongestSequence } from '../../src/checkpoint/config.ts';
import { InputError } from '../../src/errors.ts';
import type { PromptSpec, SequenceLimits } from '../record/run-spec.ts';
import { promptLabel } from '../record/token-record.ts';

/** The original demo's batch, part of each case's name. */
const BATCH_NAME = '1_batch';

/** The original's longest sequence; `--max-seq-len` goes up to what the checkpoint's config allows. */
export const MAX_SEQ_LEN_DEFAULT = 4096;
export const MAX_NEW_TOKENS_DEFAULT = 120;

/** general: continues text; instruct: answers a chat. The original demo has one set of prompts for each. */
export const WEIGHTS_FAMILIES = ['general', 'instruct'] as const;
export type WeightsFamily = (typeof WEIGHTS_FAMILIES)[number];

/** What a checkpoint says that a plan must respect. */
export interface CheckpointLimits {
  /** Folder name, for messages. */
  readonly model: string;
  /** The prompt file or recording that the prompts are of, for messages. */
  readonly file: string;
  /** Rows of the embedding. */
  readonly vocabSize: number;
  readonly longest: LongestSequence;
}

/**
 * Which of the two prompt sets suits a checkpoint: instruct when its generation ends at the chat turn's end (that is how
 * Qwen2's instruct weights differ from the base weights, whose tokenizer has the chat template too) or its folder says so.
 *
 * @param chatEndId - id of `<|im_end|>`, undefined if the tokenizer has none.
 */
export function weightsFamily(
  model: string,
  generationEosIds: readonly number[],
  chatEndId: number | undefined,
): WeightsFamily {
  if (/instruct|chat/i.test(model)) return 'instruct';
  return chatEndId !== undefined && generationEosIds.includes(chatEndId) ? 'instruct' : 'general';
}

/** Names of the cases of a run, in order; a second checkpoint of the same family carries its folder's name. */
export function caseNames(
  checkpoints: readonly { readonly family: WeightsFamily; readonly model: string }[],
): string[] {
  const used = new Set<string>();
  return checkpoints.map(({ family, model }) => {
    const base = `${family}_weights-${BATCH_NAME}`;
    let name = base;
    for (let i = 1; used.has(name); i++) name = i === 1 ? `${base}-${model}` : `${base}-${model}-${i}`;
    used.add(name);
    return name;
  });
}

/**
 * Refuses prompts that cannot be run on a checkpoint.
 *
 * @throws InputError PLAN_EMPTY, PROMPT_NAME_TWICE, PROMPT_EMPTY, PROMPT_TOO_LONG, SEQ_LEN_TOO_LONG or TOKENIZER_MISMATCH.
 */
export function requireRunnable(
  prompts: readonly PromptSpec[],
  checkpoint: CheckpointLimits,
  limits: SequenceLimits,
): void {
  if (prompts.length === 0) {
    throw new InputError(`${checkpoint.file}: there is no prompt to run on ${checkpoint.model}.`, {
      code: 'PLAN_EMPTY',
      facts: { found: '0 prompts', wanted: 'at least 1 prompt' },
      hint: 'a run without a comparison has no verdict; give a file with at least one prompt, or leave --prompts out.',
    });
  }
  const { positions, because } = checkpoint.longest;
  if (limits.maxSeqLen > positions) {
    throw new InputError(`--max-seq-len is longer than ${checkpoint.model} allows.`, {
      code: 'SEQ_LEN_TOO_LONG',
      facts: {
        found: limits.maxSeqLen,
        wanted: `at most ${positions} (${because})`,
      },
      hint: `write --max-seq-len ${positions}, or less.`,
    });
  }
  const names = new Set<string>();
  for (const prompt of prompts) {
    const label = promptLabel({ prompt: prompt.name, user: prompt.user });
    if (names.has(label)) {
      throw new InputError(`${checkpoint.file}: two prompts are called "${label}".`, {
        code: 'PROMPT_NAME_TWICE',
        hint: 'give each prompt a name of its own; reports find tokens by it.',
      });
    }
    names.add(label);
    requirePrompt(prompt, checkpoint, limits);
  }
}

function requirePrompt(prompt: PromptSpec, checkpoint: CheckpointLimits, limits: SequenceLimits): void {
  const { promptIds, name } = prompt;
  if (promptIds.length === 0) {
    throw new InputError(`${checkpoint.file}: prompt "${name}" is empty.`, {
      code: 'PROMPT_EMPTY',
      facts: { found: '0 tokens', wanted: 'at least 1 token' },
      hint: 'write a text that is not empty, or take the prompt out: a sequence begins with a token that is fed.',
    });
  }
  if (promptIds.length > limits.maxSeqLen) {
    throw new InputError(`${checkpoint.file}: prompt "${name}" is longer than the longest sequence.`, {
      code: 'PROMPT_TOO_LONG',
      facts: { found: `${promptIds.length} tokens`, wanted: `at most ${limits.maxSeqLen} tokens` },
      hint:
        promptIds.length <= checkpoint.longest.positions
          ? `write --max-seq-len ${promptIds.length}, or shorten it (${checkpoint.model} allows up to ${checkpoint.longest.positions}).`
          : `shorten it: ${checkpoint.model} allows ${checkpoint.longest.positions} positions.`,
    });
  }
  const length = promptIds.length + (prompt.continuationIds?.length ?? 0);
  if (length > limits.maxSeqLen) {
    const { positions } = checkpoint.longest;
    throw new InputError(
      `${checkpoint.file}: prompt "${name}" and its continuation are longer than the longest sequence.`,
      {
        code: 'CONTINUATION_TOO_LONG',
        facts: {
          found: `${promptIds.length} + ${prompt.continuationIds?.length ?? 0} = ${length} tokens`,
          wanted: `at most ${limits.maxSeqLen} tokens`,
        },
        hint:
          length <= positions
            ? `write --max-seq-len ${length}, or shorten the continuation: nothing that was given is left out.`
            : `shorten the continuation: ${checkpoint.model} allows ${positions} positions.`,
      },
    );
  }
  for (const tokenId of [...promptIds, ...(prompt.continuationIds ?? [])]) {
    if (Number.isInteger(tokenId) && tokenId >= 0 && tokenId < checkpoint.vocabSize) continue;
    throw new InputError(`${checkpoint.file}: prompt "${name}" has a token that ${checkpoint.model} does not know.`, {
      code: 'TOKENIZER_MISMATCH',
      facts: { found: `token id ${tokenId}`, wanted: `0 … ${checkpoint.vocabSize - 1}` },
      hint: 'give the checkpoint that these ids were made for with --weights, or take the ids from the tokenizer of this one.',
    });
  }
}
