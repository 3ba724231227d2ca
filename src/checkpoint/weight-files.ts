// The weight files of a checkpoint folder, single or in shards, and what is said where there are none.
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { InputError, listNames } from '../errors.ts';
import type { PlainTensor } from './checkpoint-tensor.ts';
import { readJsonFile } from './files.ts';
import { readSafetensorsHeader } from './safetensors.ts';

const SINGLE_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';

/** Where the weights of a folder lie, before any of them is opened. */
export interface WeightPlaces {
  /** Absolute paths, in order of name. */
  readonly files: readonly string[];
  /** Tensor -> file name, as the index says, if the weights are in shards. */
  readonly weightMap: ReadonlyMap<string, string> | undefined;
  /** Names of an index and the files beside it that a single file wins over. */
  readonly unread: readonly string[];
}

export interface WeightFiles {
  readonly found: ReadonlyMap<string, PlainTensor>;
  /** Tensor -> where it is and where the index says that it is. */
  readonly misplaced: ReadonlyMap<string, string>;
}

/** Path of the index that a folder has if its weights are in shards. */
export function indexPath(folder: string): string {
  return join(folder, INDEX_FILE);
}

/**
 * Finds a folder's weight files; a single file wins over an index, as in Transformers.
 *
 * @param folder - absolute path.
 * @throws InputError `CHECKPOINT_NO_WEIGHTS`, `CHECKPOINT_INDEX`, `CHECKPOINT_SHARDS`, `FILE_*`.
 */
export function findWeights(folder: string): WeightPlaces {
  const single = join(folder, SINGLE_FILE);
  if (existsSync(single)) return { files: [single], weightMap: undefined, unread: unreadBeside(folder) };
  if (!existsSync(indexPath(folder))) throw noWeights(folder);
  const weightMap = readIndex(indexPath(folder));
  const shards = [...new Set(weightMap.values())].sort();
  const absent = shards.filter((name) => !existsSync(join(folder, name)));
  if (absent.length > 0) {
    throw new InputError(`${folder}: ${absent.length} of ${shards.length} shards that the index names are not there.`, {
      code: 'CHECKPOINT_SHARDS',
      facts: { missing: listNames(absent) },
      hint: 'download them into the folder, beside the others',
    });
  }
  return { files: shards.map((name) => join(folder, name)), weightMap, unread: [] };
}

/** An index alone is no second model. */
function unreadBeside(folder: string): string[] {
  if (!existsSync(indexPath(folder))) return [];
  const others = readdirSync(folder).filter((name) => name.endsWith('.safetensors') && name !== SINGLE_FILE);
  return others.length === 0 ? [] : [INDEX_FILE, ...others.sort()];
}

/** For a report; none where nothing was passed over. */
export function unreadNotes({ unread }: WeightPlaces): string[] {
  if (unread.length === 0) return [];
  return [`${SINGLE_FILE} is read, as in Transformers; beside it are unread: ${listNames(unread, 4)}`];
}

/**
 * Reads the headers; like Transformers, takes a tensor that a shard holds and the index does not name.
 *
 * @throws InputError `SAFETENSORS_*`, `FILE_*`.
 */
export function readHeaders({ files, weightMap }: WeightPlaces): WeightFiles {
  const found = new Map<string, PlainTensor>();
  const misplaced = new Map<string, string>();
  for (const file of files) {
    const fileName = basename(file);
    for (const [name, entry] of readSafetensorsHeader(file).tensors) {
      const claimed = weightMap?.get(name);
      const other = found.get(name);
      if (claimed !== undefined && claimed !== fileName)
        misplaced.set(name, `in ${fileName}, the index says ${claimed}`);
      else if (other !== undefined) misplaced.set(name, `in ${basename(other.file)} and in ${fileName}`);
      found.set(name, { kind: 'plain', ...entry, file });
    }
  }
  for (const [name, fileName] of weightMap ?? []) {
    if (!found.has(name)) misplaced.set(name, `not in ${fileName}, where the index says it is`);
  }
  return { found, misplaced };
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });
const INDEX_SHAPE = '{ "weight_map": { tensor name: file name } }';

function readIndex(path: string): ReadonlyMap<string, string> {
  const json = readJsonFile(path, { code: 'CHECKPOINT_INDEX', hint: `an index is ${INDEX_SHAPE}; download it again` });
  const index = indexSchema.safeParse(json);
  if (!index.success) {
    throw new InputError(`${path}: this is not an index of shards.`, {
      code: 'CHECKPOINT_INDEX',
      facts: { found: index.error.issues[0]!.message, wanted: INDEX_SHAPE },
      hint: 'download it again',
    });
  }
  const weightMap = new Map(Object.entries(index.data.weight_map));
  for (const [name, file] of weightMap) {
    if (file !== basename(file) || file === '..' || !file.endsWith('.safetensors')) {
      throw new InputError(`${path}: a shard is named by a path, not by the name of a file beside the index.`, {
        code: 'CHECKPOINT_INDEX',
        facts: { tensor: name, found: file },
        hint: 'a shard is a .safetensors file beside the index; download the index again',
      });
    }
  }
  return weightMap;
}

interface Instead {
  readonly names: RegExp;
  readonly what: string;
  readonly hint: string;
}

/** What people have in the place of safetensors weights, the most telling first. */
const INSTEAD: readonly Instead[] = [
  {
    names: /^adapter_model\.(safetensors|bin)$/,
    what: 'an adapter (LoRA), which is a difference to a base model',
    hint: 'name it behind the model that it was made for: --weights BASE+DIR',
  },
  {
    names: /\.safetensors\.(incomplete|part|tmp|download|crdownload|aria2)$/,
    what: 'an unfinished download',
    hint: 'let the download finish, or start it again',
  },
  {
    names: /^model-\d+-of-\d+\.safetensors$/,
    what: 'shards without their index',
    hint: `download ${INDEX_FILE} into the folder as well`,
  },
  {
    names: /^(pytorch_model.*\.bin|pytorch_model\.bin\.index\.json|consolidated.*\.pth|.*\.pt)$/,
    what: 'PyTorch pickle files',
    hint: 'save the checkpoint as safetensors: AutoModelForCausalLM.from_pretrained(DIR, dtype="auto").save_pretrained(OUT)',
  },
  {
    names: /\.gguf$/,
    what: 'several GGUF models, as llama.cpp reads them',
    hint: 'name one of the .gguf files',
  },
  {
    names: /\.safetensors$/,
    what: 'safetensors files of other names',
    hint: `name the file ${SINGLE_FILE} if it holds the whole model`,
  },
  {
    names: /^(checkpoint-\d+|snapshots|[0-9a-f]{40})$/,
    what: 'folders that may hold a checkpoint each',
    hint: 'name the folder below that holds config.json beside its weights',
  },
];

function noWeights(folder: string): InputError {
  const names = readdirSync(folder).sort();
  for (const { names: pattern, what, hint } of INSTEAD) {
    const matching = names.filter((name) => pattern.test(name));
    if (matching.length === 0) continue;
    const found = `${what}: ${listNames(matching, 3)}`;
    return noWeightsError(
      folder,
      found,
      hint.replace('+DIR', `+${folder}`).replace('DIR', JSON.stringify(folder)).replace('OUT', '"merged"'),
    );
  }
  return noWeightsError(folder, 'neither', 'download the checkpoint completely');
}

function noWeightsError(folder: string, found: string, hint: string): InputError {
  const facts = { found, wanted: `${SINGLE_FILE} or ${INDEX_FILE}` };
  return new InputError(`${folder}: there are no weights.`, { code: 'CHECKPOINT_NO_WEIGHTS', facts, hint });
}
