// The weights that one token needs: every matrix of the checkpoint, but of an embedding that is not the lm_head too the context's rows alone.
// In the bundle the file is a smaller safetensors file with the same names; put back, the rows that were left out are holes of zeros.
import { closeSync, ftruncateSync, openSync, renameSync } from 'node:fs';
import path from 'node:path';
import { encodeSafetensorsHeader, readSafetensorsHeader, type TensorEntry } from '../../src/checkpoint/safetensors.ts';
import { EMBED_TOKENS } from '../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { writeFullyAt } from '../../src/files/replace-file.ts';
import type { WeightSlice } from './bundle-record.ts';
import { type ByteRange, readPieces } from './read-pieces.ts';
import type { StreamedEntry } from './zip-file.ts';

/** A file as the bundle takes it: a header of its own and ranges of the checkpoint's file. */
export type FilePieces = Omit<StreamedEntry, 'name'>;

/**
 * The embedding's rows of these tokens, if that leaves anything out: where the embedding makes the logits too, every row is needed.
 *
 * @returns undefined for a checkpoint whose files have to go along whole.
 */
export function embeddingSlice(checkpoint: Checkpoint, tokenIds: Iterable<number>): WeightSlice | undefined {
  const embedding = checkpoint.tensors.get(EMBED_TOKENS)!;
  if (checkpoint.lmHeadName === EMBED_TOKENS || embedding.kind !== 'plain') return undefined;
  const rows = [...new Set(tokenIds)].sort((a, b) => a - b);
  const header = readSafetensorsHeader(embedding.file);
  const [tensor] = [...header.tensors].find(([, { offsetBytes }]) => offsetBytes === embedding.offsetBytes)!;
  return { file: path.basename(embedding.file), tensor, rows, of: embedding.shape[0]! };
}

/** The file with nothing but the slice's rows of its tensor. */
export function slicedFile(file: string, { tensor, rows }: WeightSlice): FilePieces {
  const { entries, header } = withHeight(file, tensor, rows.length);
  const ranges = entries.flatMap(([name, entry]): ByteRange[] =>
    name === tensor
      ? rows.map((row) => ({ at: entry.offsetBytes + row * rowBytes(entry), bytes: rowBytes(entry) }))
      : [{ at: entry.offsetBytes, bytes: entry.lengthBytes }],
  );
  return {
    lengthBytes: ranges.reduce((sum, { bytes }) => sum + bytes, header.length),
    *pieces() {
      yield header;
      yield* readPieces(file, ranges);
    },
  };
}

/** Whether a slice is one of that file: what `putBack` may be asked for. */
export function fitsFile(file: string, { tensor, rows, of }: WeightSlice): boolean {
  const entry = readSafetensorsHeader(file).tensors.get(tensor);
  const isRising = rows.every((row, i) => row < of && (i === 0 || row > rows[i - 1]!));
  return entry?.shape[0] === rows.length && entry.shape.length === 2 && isRising;
}

/** Gives every row its place again, in the same file; the others are zeros that take no room on the disk. */
export function putBack(file: string, { tensor, rows, of }: WeightSlice): void {
  const { entries, header } = withHeight(file, tensor, of);
  const whole = `${file}.whole`;
  const opened = openSync(whole, 'wx');
  try {
    writeFullyAt(opened, 0, header);
    let at = header.length;
    const copy = (range: ByteRange, to: number): void => {
      let end = to;
      for (const piece of readPieces(file, [range])) {
        writeFullyAt(opened, end, piece);
        end += piece.length;
      }
    };
    for (const [name, entry] of entries) {
      if (name === tensor) {
        for (const [i, row] of rows.entries()) {
          copy({ at: entry.offsetBytes + i * rowBytes(entry), bytes: rowBytes(entry) }, at + row * rowBytes(entry));
        }
        at += of * rowBytes(entry);
      } else {
        copy({ at: entry.offsetBytes, bytes: entry.lengthBytes }, at);
        at += entry.lengthBytes;
      }
    }
    ftruncateSync(opened, at);
  } finally {
    closeSync(opened);
  }
  renameSync(whole, file);
}

/** What a file holds, and the header that it has when one of its tensors has so many rows. */
function withHeight(
  file: string,
  tensor: string,
  height: number,
): { readonly entries: readonly (readonly [string, TensorEntry])[]; readonly header: Uint8Array } {
  const { tensors, metadata } = readSafetensorsHeader(file);
  const entries = [...tensors];
  const shaped = entries.map(([name, { dtype, shape }]) => ({
    name,
    dtype,
    shape: name === tensor ? [height, ...shape.slice(1)] : shape,
  }));
  return { entries, header: encodeSafetensorsHeader(shaped, metadata) };
}

function rowBytes({ lengthBytes, shape }: TensorEntry): number {
  return shape[0] === 0 ? 0 : lengthBytes / shape[0]!;
}
