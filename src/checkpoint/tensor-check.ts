// Do the tensors of the files make the model of the config? What is missing or extra is explained by its cause, in a few lines.
import { ShapeError } from '../errors.ts';
import { FLOAT_DTYPES, isFloatDtype } from '../tensor/dtypes.ts';
import type { CheckpointTensor } from './checkpoint-tensor.ts';
import type { ModelConfig } from './config.ts';
import { extraTensors, QUANTISED_HINT } from './extra-tensors.ts';
import { requireOwnNames } from './renamed-tensors.ts';
import { EMBED_TOKENS, expectedTensors, LM_HEAD, layerOf } from './tensor-names.ts';

export interface CheckedTensors {
  /** The tensors that the model reads. */
  readonly tensors: Map<string, CheckpointTensor>;
  /** Tensors that are there and are not read. */
  readonly notes: readonly string[];
}

/** Tensors under the names of the model. */
export interface FoundTensors {
  readonly found: ReadonlyMap<string, CheckpointTensor>;
  /** Tensor -> where it is and where the index says that it is. */
  readonly misplaced: ReadonlyMap<string, string>;
}

type Problem = readonly [kind: string, text: string];

/** @throws ShapeError `CHECKPOINT_TENSORS`. */
export function checkTensors(folder: string, config: ModelConfig, { found, misplaced }: FoundTensors): CheckedTensors {
  requireOwnNames(folder, config, [...found.keys()]);
  const problems: Problem[] = [];
  // A config can ask for a billion layers, whose names alone would fill the memory.
  const layersFound = countLayers(found);
  const layers = Math.min(config.layers, layersFound, found.size);
  if (config.layers > layers) {
    const lacking = `layers ${layers} to ${config.layers - 1}: the files hold ${layersFound}, num_hidden_layers is ${config.layers}`;
    problems.push(['missing', lacking]);
  }
  const tensors = new Map<string, CheckpointTensor>();
  const missing: string[] = [];
  const expected = expectedTensors({ ...config, layers });
  for (const [name, shape] of expected) {
    const entry = found.get(name);
    const place = misplaced.get(name);
    if (place !== undefined) problems.push(['misplaced', `${name} is ${place}`]);
    if (entry === undefined) {
      missing.push(name);
      if (place === undefined) problems.push(['missing', `${name} [${shape.join(', ')}]`]);
      continue;
    }
    if (entry.shape.length !== shape.length || entry.shape.some((side, axis) => side !== shape[axis])) {
      problems.push(['wrong shape', `${name} is [${entry.shape.join(', ')}], config says [${shape.join(', ')}]`]);
    }
    if (entry.kind === 'plain' && !isFloatDtype(entry.dtype)) {
      problems.push(['wrong dtype', `${name} is ${entry.dtype}, wanted ${FLOAT_DTYPES.join(', ')}`]);
    }
    tensors.set(name, entry);
  }
  const extra = extraTensors(
    [...found.keys()].filter((name) => !expected.has(name)),
    config,
  );
  problems.push(...extra.refused.map(({ name, what }): Problem => ['unused', `${name}: ${what}`]));
  if (problems.length === 0) return { tensors, notes: extra.notes };
  const facts = Object.fromEntries(problems.map(([kind, text], i) => [`${i + 1}. ${kind}`, text]));
  throw new ShapeError(`${folder}: weights and config.json do not fit together.`, {
    code: 'CHECKPOINT_TENSORS',
    facts,
    hint: hintFor({ config, found, layersFound, missing, problems, extraHints: extra.refused.map((one) => one.hint) }),
  });
}

interface Findings {
  readonly config: ModelConfig;
  readonly found: ReadonlyMap<string, CheckpointTensor>;
  readonly layersFound: number;
  readonly missing: readonly string[];
  readonly problems: readonly Problem[];
  /** Of tensors that are refused. */
  readonly extraHints: readonly string[];
}

const ANOTHER_CONFIG = 'compare config.json with that of the checkpoint that the weights came from';

/** The one thing to do, where all problems have one cause. */
function hintFor({ config, found, layersFound, missing, problems, extraHints }: Findings): string {
  const kinds = new Set(problems.map(([kind]) => kind));
  // Quantised weights lack, have other names, or are of other shapes, and all of that has one cause.
  const isQuantised = extraHints.length > 0 && extraHints.every((hint) => hint === QUANTISED_HINT);
  if (kinds.size > 1) return isQuantised ? QUANTISED_HINT : `${ANOTHER_CONFIG}; download missing shards`;
  if (kinds.has('unused')) return `the rest of the model is complete; ${extraHints[0]!}`;
  if (kinds.has('misplaced')) return 'download the shards and model.safetensors.index.json again, from one place';
  if (kinds.has('wrong dtype')) return `save the weights as ${FLOAT_DTYPES.join(', ')}`;
  if (kinds.has('missing')) {
    if (missing.length === 1 && missing[0] === LM_HEAD) {
      return 'if the model uses its embedding as lm_head, write "tie_word_embeddings": true into config.json';
    }
    if (missing.length === 0)
      return `if the model was cut on purpose, write "num_hidden_layers": ${layersFound} into config.json`;
    return 'the files are not complete: download them again, or save the whole model';
  }
  // Only shapes: an embedding that was resized for new tokens is the usual cause.
  const rows = found.get(EMBED_TOKENS)!.shape[0]!;
  const isVocabulary = problems.every(([, text]) => text.startsWith(EMBED_TOKENS) || text.startsWith(LM_HEAD));
  const agrees = config.tieWordEmbeddings || found.get(LM_HEAD)!.shape[0] === rows;
  if (isVocabulary && agrees) return `if the vocabulary was resized, write "vocab_size": ${rows} into config.json`;
  return ANOTHER_CONFIG;
}

function countLayers(found: ReadonlyMap<string, CheckpointTensor>): number {
  let count = 0;
  for (const name of found.keys()) count = Math.max(count, (layerOf(name) ?? -1) + 1);
  return count;
}
