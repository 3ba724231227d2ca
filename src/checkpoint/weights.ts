// A checkpoint folder opened for reading: config, and where each tensor lies in which weight file.
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { InputError, ShapeError } from '../errors.ts';
import { elementCount, FLOAT_DTYPES, isFloatDtype } from '../tensor/dtypes.ts';
import { type MatrixView, matrixView } from '../tensor/views.ts';
import { type ModelConfig, readModelConfig } from './config.ts';
import { hashFiles } from './hash-files.ts';
import { rememberedDigest } from './remembered-digest.ts';
import { readFloat32At, readSafetensorsHeader, type TensorEntry } from './safetensors.ts';
import { EMBED_TOKENS, expectedTensors, isIgnorableTensor, LM_HEAD } from './tensor-names.ts';

const SINGLE_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';

/** Where a tensor lies: `file` is an absolute path, `offsetBytes` counts from the file's start. */
export interface CheckpointTensor extends TensorEntry {
  readonly file: string;
}

export interface Checkpoint {
  /** Absolute path. */
  readonly folder: string;
  /** Folder name, for reports. */
  readonly name: string;
  readonly config: ModelConfig;
  /** Exactly the tensors of `expectedTensors(config)`. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Absolute paths of the weight files, in order of name. */
  readonly files: readonly string[];
  /** The tensor that makes logits: `lm_head.weight`, or the embedding if tied. */
  readonly lmHeadName: string;
  /** A whole tensor, flattened row-major, widened exactly. */
  readFloat32(name: string): Float32Array;
  /** Rows of a matrix: [count, columns] float32. */
  readRows(name: string, firstRow: number, count: number): Float32Array;
  /** Hex sha256 of the weight file, or of the `sha256  name` lines of all shards; streamed once, then remembered. */
  sha256(): Promise<string>;
  /** Where sha256() looks for the digest of unchanged files before it reads them, and keeps it; to be said before the first call. */
  keepDigestIn(folder: string): void;
}

/**
 * Opens a Hugging Face folder; reads headers only.
 *
 * @throws InputError, UnsupportedError from config.json and the headers; ShapeError `CHECKPOINT_TENSORS` that lists every
 *   missing, unused, misplaced and wrongly shaped tensor.
 */
export function openCheckpoint(folder: string): Checkpoint {
  const config = readModelConfig(folder);
  const { files, found, problems } = readWeightFiles(resolve(folder));
  const tensors = new Map<string, CheckpointTensor>();
  const expected = expectedTensors(config);
  for (const [name, shape] of expected) {
    const entry = found.get(name);
    if (entry === undefined) {
      problems.push(['missing', `${name} [${shape.join(', ')}]`]);
      continue;
    }
    if (entry.shape.length !== shape.length || entry.shape.some((side, axis) => side !== shape[axis])) {
      problems.push(['wrong shape', `${name} is [${entry.shape.join(', ')}], config says [${shape.join(', ')}]`]);
    }
    if (!isFloatDtype(entry.dtype)) {
      problems.push(['wrong dtype', `${name} is ${entry.dtype}, wanted ${FLOAT_DTYPES.join(', ')}`]);
    }
    tensors.set(name, entry);
  }
  for (const name of found.keys()) {
    if (!expected.has(name) && !isIgnorableTensor(name, config)) problems.push(['unused', name]);
  }
  if (problems.length > 0) throw tensorProblems(folder, problems);
  return createCheckpoint(resolve(folder), config, tensors, files);
}

/** A whole weight matrix as an ndarray view, [out, in] float32. @throws ShapeError for a tensor that is no matrix. */
export function readMatrix(checkpoint: Checkpoint, name: string): MatrixView {
  const [rows, columns] = checkpoint.tensors.get(name)?.shape ?? [];
  if (rows !== undefined && columns !== undefined) return matrixView(checkpoint.readFloat32(name), rows, columns);
  throw new ShapeError(`${checkpoint.folder}: "${name}" is not a matrix of the model.`, { code: 'CHECKPOINT_MATRIX' });
}

function createCheckpoint(
  folder: string,
  config: ModelConfig,
  tensors: ReadonlyMap<string, CheckpointTensor>,
  files: readonly string[],
): Checkpoint {
  let sha256: Promise<string> | undefined;
  let digestFolder: string | undefined;
  const locate = (name: string): CheckpointTensor => {
    const entry = tensors.get(name);
    if (entry !== undefined) return entry;
    throw new InputError(`${folder}: the model has no tensor "${name}".`, { code: 'CHECKPOINT_TENSOR' });
  };
  return {
    folder,
    name: basename(folder),
    config,
    tensors,
    files,
    lmHeadName: config.tieWordEmbeddings ? EMBED_TOKENS : LM_HEAD,
    readFloat32(name) {
      const entry = locate(name);
      return readFloat32At(entry.file, entry, 0, elementCount(entry.shape));
    },
    readRows(name, firstRow, count) {
      const entry = locate(name);
      const [rows, columns] = entry.shape;
      if (rows === undefined || columns === undefined || firstRow < 0 || count < 0 || firstRow + count > rows) {
        throw new ShapeError(`${folder}: ${name} has no such rows.`, {
          code: 'CHECKPOINT_ROWS',
          facts: { found: `[${entry.shape.join(', ')}]`, wanted: `rows ${firstRow} to ${firstRow + count - 1}` },
        });
      }
      return readFloat32At(entry.file, entry, firstRow * columns, count * columns);
    },
    sha256() {
      sha256 ??=
        digestFolder === undefined ? hashFiles(files) : rememberedDigest(files, digestFolder, () => hashFiles(files));
      return sha256;
    },
    keepDigestIn(folder) {
      digestFolder = folder;
    },
  };
}

type Problem = readonly [kind: string, text: string];

interface WeightFiles {
  readonly files: readonly string[];
  readonly found: ReadonlyMap<string, CheckpointTensor>;
  readonly problems: Problem[];
}

/** A single file wins over an index, as in Transformers. */
function readWeightFiles(folder: string): WeightFiles {
  const single = join(folder, SINGLE_FILE);
  const index = join(folder, INDEX_FILE);
  if (existsSync(single)) return collectTensors(folder, [SINGLE_FILE], undefined);
  if (existsSync(index)) {
    const weightMap = readIndex(index);
    return collectTensors(folder, [...new Set(weightMap.values())].sort(), weightMap);
  }
  const hasPickle =
    existsSync(join(folder, 'pytorch_model.bin')) || existsSync(`${index}`.replace('safetensors', 'bin'));
  throw new InputError(`${folder}: there are no weights.`, {
    code: 'CHECKPOINT_NO_WEIGHTS',
    facts: { found: hasPickle ? 'PyTorch pickle files' : 'neither', wanted: `${SINGLE_FILE} or ${INDEX_FILE}` },
    hint: hasPickle ? 'save the checkpoint as safetensors' : 'download the checkpoint completely',
  });
}

function collectTensors(
  folder: string,
  fileNames: readonly string[],
  weightMap: ReadonlyMap<string, string> | undefined,
): WeightFiles {
  const found = new Map<string, CheckpointTensor>();
  const problems: Problem[] = [];
  for (const fileName of fileNames) {
    const file = join(folder, fileName);
    for (const [name, entry] of readSafetensorsHeader(file).tensors) {
      const claimed = weightMap?.get(name);
      if (weightMap !== undefined && claimed !== fileName) {
        problems.push(['misplaced', `${name} is in ${fileName}, the index says ${claimed ?? 'nothing about it'}`]);
      }
      found.set(name, { ...entry, file });
    }
  }
  for (const [name, fileName] of weightMap ?? []) {
    if (!found.has(name)) problems.push(['misplaced', `${name} is not in ${fileName}, where the index says it is`]);
  }
  return { files: fileNames.map((name) => join(folder, name)), found, problems };
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

function readIndex(path: string): ReadonlyMap<string, string> {
  let index: z.infer<typeof indexSchema>;
  try {
    index = indexSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new InputError(`${path}: this is not an index of shards.`, {
      code: 'CHECKPOINT_INDEX',
      facts: { found: (cause as Error).message, wanted: '{ "weight_map": { tensor name: file name } }' },
      cause,
    });
  }
  const weightMap = new Map(Object.entries(index.weight_map));
  for (const [name, file] of weightMap) {
    if (file !== basename(file) || file === '..' || !file.endsWith('.safetensors')) {
      throw new InputError(`${path}: a shard is named by a path, not by the name of a file beside the index.`, {
        code: 'CHECKPOINT_INDEX',
        facts: { tensor: name, found: file },
      });
    }
  }
  return weightMap;
}

function tensorProblems(folder: string, problems: readonly Problem[]): ShapeError {
  const facts = Object.fromEntries(problems.map(([kind, text], i) => [`${i + 1}. ${kind}`, text]));
  return new ShapeError(`${folder}: weights and config.json do not fit together.`, {
    code: 'CHECKPOINT_TENSORS',
    facts,
    hint: 'compare config.json with the checkpoint the weights came from; download missing shards',
  });
}
