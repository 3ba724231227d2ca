// What the files of a checkpoint say before it is checked: its config, its tensors under the model's names, its tokenizer.
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { isFloatDtype } from '../tensor/dtypes.ts';
import { adaptedModel } from './adapted-model.ts';
import type { CheckpointPlace } from './checkpoint-place.ts';
import type { CheckpointTensor, PlainTensor } from './checkpoint-tensor.ts';
import { type ModelConfig, parseModelConfig, readConfigJson, readModelConfig } from './config.ts';
import { type CheckpointSnapshot, digestOfTexts, digestsOf, statesOf } from './file-snapshot.ts';
import { openGguf } from './formats/gguf/open-gguf.ts';
import { readerOf } from './formats/readers.ts';
import { quantisationOf } from './model-identity.ts';
import { expectedTensors } from './tensor-names.ts';
import { findWeights, indexPath, readHeaders, unreadNotes } from './weight-files.ts';

/** A tokenizer that is in no file of its own, as tokenizer.json and tokenizer_config.json would have it. */
export interface EmbeddedTokenizer {
  readonly tokenizerJson: Readonly<Record<string, unknown>>;
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
}

export interface FoundModel {
  readonly config: ModelConfig;
  readonly found: ReadonlyMap<string, CheckpointTensor>;
  /** Tensor -> where it is and where the index says that it is. */
  readonly misplaced: ReadonlyMap<string, string>;
  /** Absolute paths of the weight files. */
  readonly files: readonly string[];
  /** Taken before any of the files was read. */
  readonly opened: CheckpointSnapshot;
  readonly configSha256: string;
  /** How quantised weights are stored; undefined for plain ones. */
  readonly encoding: Encoding | undefined;
  readonly tokenizer: EmbeddedTokenizer | undefined;
  readonly notes: readonly string[];
}

export interface Encoding {
  /** One line for reports. */
  readonly name: string;
  /** What decides the values besides the weight files; part of the digest. */
  readonly key: string;
}

export const CONFIG_FILES = ['config.json', 'generation_config.json'] as const;

/**
 * A Hugging Face folder; reads headers only.
 *
 * @throws InputError, UnsupportedError from config.json, the headers and the reader of a quantised format.
 */
export function findInFolder(folder: string): FoundModel {
  // Before any of them is read: a change between would make two models of one.
  const texts = digestsOf(CONFIG_FILES.map((name) => join(folder, name)).concat(indexPath(folder)));
  const config = readModelConfig(folder, {
    storedDtypes: () => dtypesOf(readHeaders(findWeights(folder)).found.values()),
  });
  const places = findWeights(folder);
  const opened: CheckpointSnapshot = { texts, weights: statesOf(places.files) };
  const { found: stored, misplaced } = readHeaders(places);
  const { found, encoding, notes } = decodedTensors(folder, config, stored);
  return {
    config,
    found,
    misplaced,
    files: places.files,
    opened,
    configSha256: digestOfTexts(opened, CONFIG_FILES),
    encoding,
    tokenizer: undefined,
    notes: [...config.notes, ...unreadNotes(places), ...notes],
  };
}

function dtypesOf(tensors: Iterable<PlainTensor>): string[] {
  return [...new Set([...tensors].map(({ dtype }) => dtype))].sort();
}

/** The tensors of the model: those of the files, or what the reader makes of them if config.json says that they are quantised. */
function decodedTensors(
  folder: string,
  config: ModelConfig,
  stored: ReadonlyMap<string, PlainTensor>,
): Pick<FoundModel, 'found' | 'encoding' | 'notes'> {
  const path = join(folder, 'config.json');
  const quantisation = quantisationOf(path, readConfigJson(folder));
  const isPlain = [...stored.values()].every(({ dtype }) => isFloatDtype(dtype));
  const read = quantisation === undefined ? undefined : readerOf(quantisation.method);
  if (quantisation === undefined || read === undefined || isPlain) {
    return { found: stored, encoding: undefined, notes: [] };
  }
  const { settings } = quantisation;
  // A config can ask for a billion layers, whose names alone would fill the memory; those that lack are said later.
  const { tensors, encoding, notes } = read({
    path,
    settings,
    stored,
    expected: expectedTensors({ ...config, layers: Math.min(config.layers, stored.size) }),
  });
  return { found: tensors, encoding: { name: encoding, key: JSON.stringify(settings) }, notes };
}

/** A .gguf file, which holds config and tokenizer as well. @throws as `openGguf` and `parseModelConfig`. */
export function findInGguf(path: string): FoundModel {
  const { config: json, generation, tensors, files, tokenizer, encoding, notes } = openGguf(path);
  const opened: CheckpointSnapshot = { texts: new Map(), weights: statesOf(files) };
  const config = parseModelConfig(json, { path, generation, generationPath: path });
  return {
    config,
    found: tensors,
    misplaced: new Map(),
    files,
    opened,
    configSha256: createHash('sha256').update(JSON.stringify(json)).digest('hex'),
    // All of it is in the files.
    encoding: { name: encoding, key: '' },
    tokenizer,
    notes: [...config.notes, ...notes],
  };
}

/** What a checkpoint is made from, by its place. @throws as `findInFolder`, `findInGguf` and `adaptedModel`. */
export function findModel({ base, adapter }: CheckpointPlace, gguf: string | undefined): FoundModel {
  const model = gguf === undefined ? findInFolder(base) : findInGguf(gguf);
  return adapter === undefined ? model : adaptedModel(model, adapter, basename(base));
}
