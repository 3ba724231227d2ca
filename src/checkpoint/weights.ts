// A checkpoint folder opened for reading: config, and where each tensor lies in which weight file.
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { InputError, ShapeError } from '../errors.ts';
import { type MatrixView, matrixView } from '../tensor/views.ts';
import { printable } from '../text/printable.ts';
import {
  type CheckpointTensor,
  type PlainTensor,
  readTensorRows,
  readWholeTensor,
  sidesOf,
} from './checkpoint-tensor.ts';
import { type ModelConfig, readConfigJson, readModelConfig } from './config.ts';
import { type CheckpointSnapshot, digestOfTexts, digestsOf, requireUnchangedSince, statesOf } from './file-snapshot.ts';
import { hashFiles } from './hash-files.ts';
import { rememberedDigest } from './remembered-digest.ts';
import { modelTensors } from './stored-weights.ts';
import { checkTensors } from './tensor-check.ts';
import { EMBED_TOKENS, LM_HEAD } from './tensor-names.ts';
import { hasOwnHead, OWN_HEAD_NOTE } from './tied-head.ts';
import { findWeights, indexPath, readHeaders, unreadNotes } from './weight-files.ts';

export type { CheckpointTensor } from './checkpoint-tensor.ts';

export interface Checkpoint {
  /** Absolute path. */
  readonly folder: string;
  /** Folder name, for reports. */
  readonly name: string;
  readonly config: ModelConfig;
  /** What a report has to say about config.json and tensors: what is there, could matter, and is not read. */
  readonly notes: readonly string[];
  /** Exactly the tensors of `expectedTensors(config)`, and the own lm_head of a checkpoint that says that it is tied. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** How quantised weights are stored, in a line for reports; undefined for plain ones. */
  readonly encoding: string | undefined;
  /** Absolute paths of the weight files, in order of name. */
  readonly files: readonly string[];
  /** The tensor that makes logits: `lm_head.weight`, or the embedding if tied and no other head is stored. */
  readonly lmHeadName: string;
  /** A whole tensor, flattened row-major, widened exactly. */
  readFloat32(name: string): Float32Array;
  /** Rows of a matrix: [count, columns] float32. */
  readRows(name: string, firstRow: number, count: number): Float32Array;
  /**
   * Hex sha256 of the weight file, or of the `sha256  name` lines of all shards; streamed once, then remembered. Of quantised weights:
   * of that and of what config.json says about their format, which decides the values as much.
   */
  sha256(): Promise<string>;
  /** Hex sha256 of the `sha256  name` lines of config.json and generation_config.json, as they were opened. */
  readonly configSha256: string;
  /** What the files are now; the one taken when the checkpoint was opened is what `requireUnchanged` compares with. */
  snapshot(): CheckpointSnapshot;
  /**
   * To be called after the last row, and before a prompt: the reference maps the files into memory, where a cut file ends the process
   * without a word (SIGBUS), and rows read before and after a change belong to two models.
   *
   * @param since - the checkpoint as it was opened, without it.
   * @throws ComparisonInvalidError `CHECKPOINT_CHANGED`.
   */
  requireUnchanged(since?: CheckpointSnapshot): Promise<void>;
  /** Where sha256() looks for the digest of unchanged files before it reads them, and keeps it; to be said before the first call. */
  keepDigestIn(folder: string): void;
}

const CONFIG_FILES = ['config.json', 'generation_config.json'] as const;

/**
 * Opens a Hugging Face folder; reads headers only, and a second copy of tied embeddings.
 *
 * @throws InputError, UnsupportedError from config.json and the headers; ShapeError `CHECKPOINT_TENSORS` that explains every
 *   missing, unused, misplaced and wrongly shaped tensor.
 */
export function openCheckpoint(folder: string): Checkpoint {
  const path = resolve(folder);
  // Before any of them is read: a change between would make two models of one.
  const texts = digestsOf(CONFIG_FILES.map((name) => join(path, name)).concat(indexPath(path)));
  const config = readModelConfig(folder, {
    storedDtypes: () => dtypesOf(readHeaders(findWeights(path)).found.values()),
  });
  const places = findWeights(path);
  const { files } = places;
  const opened: CheckpointSnapshot = { texts, weights: statesOf(files) };
  const { found: stored, misplaced } = readHeaders(places);
  const configPath = join(path, 'config.json');
  const { found, encoding, notes: formatNotes } = modelTensors(configPath, readConfigJson(path), config, stored);
  const isTied = config.tieWordEmbeddings;
  const ownHead = isTied && hasOwnHead(found);
  const onlyHead = isTied && !found.has(EMBED_TOKENS) ? found.get(LM_HEAD) : undefined;
  const { tensors, notes } = checkTensors(folder, ownHead ? { ...config, tieWordEmbeddings: false } : config, {
    misplaced,
    // Tied means that they are one, under whichever name.
    found: onlyHead === undefined ? found : new Map([...found, [EMBED_TOKENS, onlyHead]]),
  });
  return createCheckpoint({
    folder: path,
    config,
    tensors,
    files,
    opened,
    encoding: encoding?.name,
    encodingKey: encoding?.key,
    lmHeadName: isTied && !ownHead ? EMBED_TOKENS : LM_HEAD,
    // Keys and names come out of foreign files, and go to terminals and reports.
    notes: [...config.notes, ...unreadNotes(places), ...formatNotes, ...(ownHead ? [OWN_HEAD_NOTE] : []), ...notes].map(
      (note) => printable(note),
    ),
  });
}

function dtypesOf(tensors: Iterable<PlainTensor>): string[] {
  return [...new Set([...tensors].map(({ dtype }) => dtype))].sort();
}

/** A whole weight matrix as an ndarray view, [out, in] float32. @throws ShapeError for a tensor that is no matrix. */
export function readMatrix(checkpoint: Checkpoint, name: string): MatrixView {
  const [rows, columns] = checkpoint.tensors.get(name)?.shape ?? [];
  if (rows !== undefined && columns !== undefined) return matrixView(checkpoint.readFloat32(name), rows, columns);
  throw new ShapeError(`${checkpoint.folder}: "${name}" is not a matrix of the model.`, { code: 'CHECKPOINT_MATRIX' });
}

function digestWith(filesSha256: string, key: string): string {
  return createHash('sha256').update(`${filesSha256}\n${key}`).digest('hex');
}

interface OpenedCheckpoint
  extends Pick<Checkpoint, 'folder' | 'config' | 'notes' | 'tensors' | 'files' | 'lmHeadName' | 'encoding'> {
  /** Decides the values together with the files. */
  readonly encodingKey: string | undefined;
  readonly opened: CheckpointSnapshot;
}

function createCheckpoint({ opened, encodingKey, ...checkpoint }: OpenedCheckpoint): Checkpoint {
  const { folder, tensors, files } = checkpoint;
  let sha256: Promise<string> | undefined;
  let digestFolder: string | undefined;
  const digest = (): Promise<string> => {
    sha256 ??=
      digestFolder === undefined ? hashFiles(files) : rememberedDigest(files, digestFolder, () => hashFiles(files));
    return sha256;
  };
  const locate = (name: string): CheckpointTensor => {
    const entry = tensors.get(name);
    if (entry !== undefined) return entry;
    throw new InputError(`${folder}: the model has no tensor "${name}".`, { code: 'CHECKPOINT_TENSOR' });
  };
  return {
    ...checkpoint,
    name: basename(folder),
    readFloat32: (name) => readWholeTensor(locate(name)),
    readRows(name, firstRow, count) {
      const entry = locate(name);
      const [rows] = sidesOf(entry);
      if (entry.shape.length !== 2 || firstRow < 0 || count < 0 || firstRow + count > rows) {
        throw new ShapeError(`${folder}: ${name} has no such rows.`, {
          code: 'CHECKPOINT_ROWS',
          facts: { found: `[${entry.shape.join(', ')}]`, wanted: `rows ${firstRow} to ${firstRow + count - 1}` },
        });
      }
      return readTensorRows(entry, firstRow, count);
    },
    sha256: async () => (encodingKey === undefined ? digest() : digestWith(await digest(), encodingKey)),
    configSha256: digestOfTexts(opened, CONFIG_FILES),
    snapshot: () => ({ weights: statesOf(files), texts: digestsOf([...opened.texts.keys()]) }),
    requireUnchanged: (since = opened) =>
      requireUnchangedSince(folder, since, async () => (await hashFiles(files)) === (await digest())),
    keepDigestIn(folder) {
      digestFolder = folder;
    },
  };
}
