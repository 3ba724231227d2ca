// A checkpoint opened for reading: config, tensors by rows, and what of its files decides its identity.
import { createHash } from 'node:crypto';
import { InputError, ShapeError } from '../errors.ts';
import { type MatrixView, matrixView } from '../tensor/views.ts';
import { printable } from '../text/printable.ts';
import { type CheckpointPlace, ggufOf, parsePlace, placeName, placeText } from './checkpoint-place.ts';
import { type CheckpointTensor, readTensorRows, readWholeTensor, sidesOf } from './checkpoint-tensor.ts';
import type { ModelConfig } from './config.ts';
import { type CheckpointSnapshot, digestsOf, requireUnchangedSince, statesOf } from './file-snapshot.ts';
import { type EmbeddedTokenizer, type FoundModel, findModel } from './found-model.ts';
import { hashFiles } from './hash-files.ts';
import { rememberedDigest } from './remembered-digest.ts';
import { checkTensors } from './tensor-check.ts';
import { EMBED_TOKENS, LM_HEAD } from './tensor-names.ts';
import { hasOwnHead, OWN_HEAD_NOTE } from './tied-head.ts';

export type { CheckpointTensor } from './checkpoint-tensor.ts';

export interface Checkpoint {
  /** Absolute path of the folder or .gguf file, with that of an adapter behind a plus sign; `openCheckpoint` reads it. */
  readonly folder: string;
  /** Its last part, for reports. */
  readonly name: string;
  readonly config: ModelConfig;
  /** What a report has to say about config.json and tensors: what is there, could matter, and is not read. */
  readonly notes: readonly string[];
  /** Exactly the tensors of `expectedTensors(config)`, and the own lm_head of a checkpoint that says that it is tied. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** How quantised weights are stored, in a line for reports; undefined for plain ones. */
  readonly encoding: string | undefined;
  /** A tokenizer that is in the weight file itself, not in files of the folder. */
  readonly tokenizer: EmbeddedTokenizer | undefined;
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

/**
 * Opens a checkpoint; reads headers only, and a second copy of tied embeddings.
 *
 * @param text - a Hugging Face folder, a .gguf file, or either with an adapter as `BASE+ADAPTER`.
 * @throws InputError, UnsupportedError from config.json and the headers; ShapeError `CHECKPOINT_TENSORS` that explains every
 *   missing, unused, misplaced and wrongly shaped tensor.
 */
export function openCheckpoint(text: string): Checkpoint {
  const place = parsePlace(text);
  const { found, misplaced, ...model } = findModel(place, ggufOf(place.base));
  const isTied = model.config.tieWordEmbeddings;
  const ownHead = isTied && hasOwnHead(found);
  const onlyHead = isTied && !found.has(EMBED_TOKENS) ? found.get(LM_HEAD) : undefined;
  const config = ownHead ? { ...model.config, tieWordEmbeddings: false } : model.config;
  const { tensors, notes } = checkTensors(place.base, config, {
    misplaced,
    // Tied means that they are one, under whichever name.
    found: onlyHead === undefined ? found : new Map([...found, [EMBED_TOKENS, onlyHead]]),
  });
  return createCheckpoint({
    ...model,
    place,
    tensors,
    lmHeadName: isTied && !ownHead ? EMBED_TOKENS : LM_HEAD,
    // Keys and names come out of foreign files, and go to terminals and reports.
    notes: [...model.notes, ...(ownHead ? [OWN_HEAD_NOTE] : []), ...notes].map((note) => printable(note)),
  });
}

/** A whole weight matrix as an ndarray view, [out, in] float32. @throws ShapeError for a tensor that is no matrix. */
export function readMatrix(checkpoint: Checkpoint, name: string): MatrixView {
  const [rows, columns] = checkpoint.tensors.get(name)?.shape ?? [];
  if (rows !== undefined && columns !== undefined) return matrixView(checkpoint.readFloat32(name), rows, columns);
  throw new ShapeError(`${checkpoint.folder}: "${name}" is not a matrix of the model.`, { code: 'CHECKPOINT_MATRIX' });
}

interface OpenedCheckpoint
  extends Pick<Checkpoint, 'notes' | 'tensors' | 'lmHeadName'>,
    Omit<FoundModel, 'found' | 'misplaced' | 'notes'> {
  readonly place: CheckpointPlace;
}

function createCheckpoint({ opened, place, encoding, ...checkpoint }: OpenedCheckpoint): Checkpoint {
  const { tensors, files } = checkpoint;
  const folder = placeText(place);
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
    folder,
    name: placeName(place),
    encoding: encoding?.name,
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
    sha256: async () =>
      encoding === undefined || encoding.key === '' ? digest() : digestWith(await digest(), encoding.key),
    snapshot: () => ({ weights: statesOf(files), texts: digestsOf([...opened.texts.keys()]) }),
    requireUnchanged: (since = opened) =>
      requireUnchangedSince(folder, since, async () => (await hashFiles(files)) === (await digest())),
    keepDigestIn(folder) {
      digestFolder = folder;
    },
  };
}

function digestWith(filesSha256: string, key: string): string {
  return createHash('sha256').update(`${filesSha256}\n${key}`).digest('hex');
}
