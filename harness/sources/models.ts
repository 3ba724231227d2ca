// Checkpoints with their tokenizers, opened once each: headers and tokenizer only, no weights.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { absolutePlace, parsePlace } from '../../src/checkpoint/checkpoint-place.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { type WeightsFamily, weightsFamily } from './plan.ts';

export interface Model {
  readonly checkpoint: Checkpoint;
  /** Undefined for a checkpoint without one: its prompts have to be ids. */
  readonly tokenizer: Tokenizer | undefined;
  readonly family: WeightsFamily;
}

/** The token that ends a turn in Qwen2's chat template. */
const CHAT_END = '<|im_end|>';

/** Opens each folder once. */
export class Models {
  readonly #models: Map<string, Model> = new Map();
  readonly #checkpoints: Map<string, Checkpoint> = new Map();

  /** @throws InputError, UnsupportedError of the checkpoint or its tokenizer. */
  open(folder: string): Model {
    const key = absolutePlace(folder);
    const known = this.#models.get(key);
    if (known !== undefined) return known;
    const model = openModel(this.checkpoint(folder));
    this.#models.set(key, model);
    return model;
  }

  /** A checkpoint whose tokenizer is of no interest. */
  checkpoint(folder: string): Checkpoint {
    const key = absolutePlace(folder);
    const checkpoint = this.#checkpoints.get(key) ?? openCheckpoint(folder);
    this.#checkpoints.set(key, checkpoint);
    return checkpoint;
  }
}

/** An adapter's own tokenizer is not looked at: its tokens are those of the base. */
function tokenizerOf({ folder, tokenizer }: Checkpoint): Tokenizer | undefined {
  const { base } = parsePlace(folder);
  if (tokenizer !== undefined) return loadTokenizer({ path: base, ...tokenizer });
  return existsSync(path.join(base, 'tokenizer.json')) ? loadTokenizer(base) : undefined;
}

/** @throws InputError, UnsupportedError of the checkpoint or its tokenizer. */
export function openModel(checkpoint: Checkpoint): Model {
  const tokenizer = tokenizerOf(checkpoint);
  const chatEnd = tokenizer?.encode(CHAT_END) ?? [];
  const chatEndId = chatEnd.length === 1 ? chatEnd[0] : undefined;
  return { checkpoint, tokenizer, family: weightsFamily(checkpoint.name, checkpoint.config.eosTokenIds, chatEndId) };
}
