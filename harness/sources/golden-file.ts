// A file of kept reference rows: feeds of one sequence, one after the other, every row with its digest; a file is whole or none.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import {
  readBytes,
  readSafetensorsHeader,
  readTensor,
  readTensorInt32,
  type SafetensorsHeader,
  type TensorEntry,
} from '../../src/checkpoint/safetensors.ts';
import { createSafetensorsStream, type SafetensorsStream } from '../../src/checkpoint/safetensors-stream.ts';
import type { Dtype } from '../../src/tensor/dtypes.ts';

/** Of names, order and meaning of the tensors. */
const FORMAT = 'qwen-pcc golden rows 1';
const DIGEST_BYTES = 32;
const FLOAT32_BYTES = 4;
/** No sequence is as long; the index of what claims to be is not read. */
const ROWS_MAX = 2 ** 20;

export interface GoldenFile {
  /** Token ids of each feed, in order; each has a row. */
  readonly feeds: readonly Int32Array[];
  /**
   * @param index - of the row in the file, 0-based.
   * @param logits - [V] float32, filled in.
   * @returns false where it is not the row that was written.
   */
  readRow(index: number, logits: Float32Array): boolean;
}

/**
 * @param name - of the context after its first feed.
 * @returns undefined where there is no such file, or one that cannot be trusted.
 */
export function openGoldenFile(path: string, name: string, vocabSize: number): GoldenFile | undefined {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
    return readIndex(path, name, vocabSize);
  } catch {
    // Cut, foreign, or not to be read at all: its rows are made again.
    return undefined;
  }
}

function readIndex(path: string, name: string, vocabSize: number): GoldenFile | undefined {
  const header = readSafetensorsHeader(path);
  const count = header.tensors.get('token_ids')?.shape[0] ?? 0;
  const feedCount = header.tensors.get('feed_lengths')?.shape[0] ?? 0;
  if (count < 1 || count > ROWS_MAX || feedCount > count) return undefined;
  const rows = tensorOf(header, 'rows', 'F32', [count, vocabSize]);
  const isAsWritten =
    rows !== undefined &&
    tensorOf(header, 'token_ids', 'I32', [count]) !== undefined &&
    tensorOf(header, 'feed_lengths', 'I32', [feedCount]) !== undefined &&
    tensorOf(header, 'row_sha256', 'U8', [count, DIGEST_BYTES]) !== undefined;
  if (!isAsWritten) return undefined;
  const tokenIds = readTensorInt32(header, 'token_ids');
  const feedLengths = readTensorInt32(header, 'feed_lengths');
  const digests = readTensor(header, 'row_sha256').bytes;
  if (header.metadata['index_sha256'] !== indexDigest(name, tokenIds, feedLengths, digests)) return undefined;
  const rowBytes = vocabSize * FLOAT32_BYTES;
  return {
    feeds: feedsOf(tokenIds, feedLengths),
    readRow(index, logits) {
      const bytes = tryRead(path, rows.offsetBytes + index * rowBytes, rowBytes);
      const wanted = digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
      if (bytes === undefined || !sha256(bytes).equals(wanted)) return false;
      new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength).set(bytes);
      return true;
    },
  };
}

function tensorOf(
  { tensors }: SafetensorsHeader,
  name: string,
  dtype: Dtype,
  shape: readonly number[],
): TensorEntry | undefined {
  const entry = tensors.get(name);
  return entry?.dtype === dtype && String(entry.shape) === String(shape) ? entry : undefined;
}

function feedsOf(tokenIds: Int32Array, feedLengths: Int32Array): Int32Array[] {
  let end = 0;
  return [...feedLengths].map((length) => {
    end += length;
    return tokenIds.subarray(end - length, end);
  });
}

function tryRead(path: string, offset: number, length: number): Uint8Array | undefined {
  try {
    return readBytes(path, offset, length);
  } catch {
    return undefined;
  }
}

/** Writes such a file; whoever reads `path` meanwhile sees what was there before. */
export class GoldenFileWriter {
  readonly #name: string;
  readonly #vocabSize: number;
  readonly #stream: SafetensorsStream;
  readonly #tokenIds: number[] = [];
  readonly #feedLengths: number[] = [];
  readonly #digests: Buffer[] = [];

  /** @throws InputError `FILE_WRITE`, as all methods but `abort` do; nothing is left then. */
  constructor(path: string, name: string, vocabSize: number) {
    this.#name = name;
    this.#vocabSize = vocabSize;
    this.#stream = createSafetensorsStream(path);
  }

  /** @param logits - [V] float32. */
  addRow(tokenId: number, logits: Float32Array): void {
    this.#stream.append(logits);
    this.#digests.push(sha256(logits));
    this.#tokenIds.push(tokenId);
  }

  /** After the last row of a feed. */
  endFeed(rows: number): void {
    this.#feedLengths.push(rows);
  }

  finish(): void {
    const tokenIds = Int32Array.from(this.#tokenIds);
    const feedLengths = Int32Array.from(this.#feedLengths);
    const digests = Buffer.concat(this.#digests);
    const count = tokenIds.length;
    for (const data of [tokenIds, feedLengths, digests]) this.#stream.append(data);
    this.#stream.finish(
      [
        { name: 'rows', dtype: 'F32', shape: [count, this.#vocabSize] },
        { name: 'token_ids', dtype: 'I32', shape: [count] },
        { name: 'feed_lengths', dtype: 'I32', shape: [feedLengths.length] },
        { name: 'row_sha256', dtype: 'U8', shape: [count, DIGEST_BYTES] },
      ],
      { format: FORMAT, index_sha256: indexDigest(this.#name, tokenIds, feedLengths, digests) },
    );
  }

  abort(): void {
    this.#stream.abort();
  }
}

/** The process that writes a temporary file of this name, or wrote it; undefined if the name is another one. */
export function writerOf(fileName: string): number | undefined {
  const pid = /\.safetensors\.(\d+)\.\d+(?:\.data)?\.tmp$/.exec(fileName)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

function indexDigest(name: string, tokenIds: Int32Array, feedLengths: Int32Array, digests: Uint8Array): string {
  const lengths = `${FORMAT}\n${name}\n${tokenIds.length} ${feedLengths.length}\n`;
  return createHash('sha256').update(lengths).update(tokenIds).update(feedLengths).update(digests).digest('hex');
}

function sha256(data: Uint8Array | Float32Array): Buffer {
  return createHash('sha256').update(data).digest();
}
