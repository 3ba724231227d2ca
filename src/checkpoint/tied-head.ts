// Which tensor makes the logits of a checkpoint whose config ties lm_head to the embedding, and whose files may hold both.
// Source: Transformers 5.24 `PreTrainedModel.tie_weights`: both there and different -> kept apart; one there -> it is both.
import { closeSync, openSync, readSync } from 'node:fs';
import { DTYPE_BYTES, elementCount, isFloatDtype, widenToFloat32 } from '../tensor/dtypes.ts';
import { type CheckpointTensor, type PlainTensor, readTensorRows, sidesOf } from './checkpoint-tensor.ts';
import { EMBED_TOKENS, LM_HEAD } from './tensor-names.ts';

/** Elements compared at a time. */
const CHUNK_ELEMENTS = 1 << 21;

export const OWN_HEAD_NOTE: string = [
  `config.json has tie_word_embeddings true, but ${LM_HEAD} differs from ${EMBED_TOKENS}: it is kept, as Transformers 5 does`,
  'Transformers 4.54 to 4.57 tie them; set tie_word_embeddings to false',
].join('; ');

/** @returns whether the file's own head is to be used; an identical copy is none. */
export function hasOwnHead(found: ReadonlyMap<string, CheckpointTensor>): boolean {
  const head = found.get(LM_HEAD);
  const embedding = found.get(EMBED_TOKENS);
  return head !== undefined && embedding !== undefined && !haveSameValues(head, embedding);
}

function haveSameValues(a: CheckpointTensor, b: CheckpointTensor): boolean {
  if (a.shape.join() !== b.shape.join()) return false;
  return a.kind === 'plain' && b.kind === 'plain' ? haveSameElements(a, b) : haveSameRows(a, b);
}

function haveSameRows(a: CheckpointTensor, b: CheckpointTensor): boolean {
  const [rows, columns] = sidesOf(a);
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / columns));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const valuesB = readTensorRows(b, row, count);
    if (readTensorRows(a, row, count).some((value, i) => value !== valuesB[i])) return false;
  }
  return true;
}

function haveSameElements(a: PlainTensor, b: PlainTensor): boolean {
  const { dtype: dtypeA } = a;
  const { dtype: dtypeB } = b;
  // Neither can be a head: the check of dtypes says so.
  if (!isFloatDtype(dtypeA) || !isFloatDtype(dtypeB)) return false;
  const count = elementCount(a.shape);
  const fileA = openSync(a.file, 'r');
  const fileB = openSync(b.file, 'r');
  try {
    for (let first = 0; first < count; first += CHUNK_ELEMENTS) {
      const take = Math.min(CHUNK_ELEMENTS, count - first);
      const bytesA = readElements(fileA, a, first, take);
      const bytesB = readElements(fileB, b, first, take);
      if (dtypeA === dtypeB && bytesA.equals(bytesB)) continue;
      const valuesA = new Float32Array(take);
      const valuesB = new Float32Array(take);
      widenToFloat32(dtypeA, bytesA, valuesA);
      widenToFloat32(dtypeB, bytesB, valuesB);
      for (let i = 0; i < take; i++) if (valuesA[i] !== valuesB[i]) return false;
    }
    return true;
  } finally {
    closeSync(fileA);
    closeSync(fileB);
  }
}

/** A file that ends early leaves zeros, which is noticed wherever the tensor is read. */
function readElements(file: number, { dtype, offsetBytes }: PlainTensor, first: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * DTYPE_BYTES[dtype]);
  for (let done = 0; done < bytes.length; ) {
    const got = readSync(file, bytes, done, bytes.length - done, offsetBytes + first * DTYPE_BYTES[dtype] + done);
    if (got === 0) break;
    done += got;
  }
  return bytes;
}
