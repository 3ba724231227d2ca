// Changes tensors of a copy of a checkpoint, as bytes in their own dtype.
import { closeSync, cpSync, openSync, readFileSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { PlainTensor } from '../../src/checkpoint/checkpoint-tensor.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';

/** More is not copied for a self-test. */
const COPY_BYTES_MAX = 3 * 2 ** 30;

/** Why a checkpoint cannot be copied and damaged; undefined if it can. */
export function copyObstacle({ folder, files, encoding, tensors }: Checkpoint): string | undefined {
  const isPlain = encoding === undefined && [...tensors.values()].every(({ kind }) => kind === 'plain');
  if (!isPlain || !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    return 'it takes a folder of plain safetensors to damage a copy of';
  }
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  if (bytes <= COPY_BYTES_MAX) return undefined;
  return `it takes a damaged copy, and the weights are larger than ${COPY_BYTES_MAX / 2 ** 30} GiB`;
}

export class TensorEditor {
  readonly folder: string;
  readonly layers: number;
  readonly config: Checkpoint['config'];
  readonly #source: Checkpoint;

  /** Copies the checkpoint to `folder`. */
  constructor(source: Checkpoint, folder: string) {
    cpSync(source.folder, folder, { recursive: true, dereference: true });
    this.folder = folder;
    this.#source = openCheckpoint(folder);
    this.config = source.config;
    this.layers = source.config.layers;
  }

  has(name: string): boolean {
    return this.#source.tensors.has(name);
  }

  /** Names of tensors that end so, of all layers. */
  endingIn(...ends: readonly string[]): string[] {
    return [...this.#source.tensors.keys()].filter((name) => ends.some((end) => name.endsWith(end)));
  }

  read(name: string): Buffer {
    const { file, offsetBytes, lengthBytes } = this.#place(name);
    const bytes = Buffer.alloc(lengthBytes);
    const fd = openSync(file, 'r');
    try {
      readSync(fd, bytes, 0, lengthBytes, offsetBytes);
    } finally {
      closeSync(fd);
    }
    return bytes;
  }

  write(name: string, bytes: Buffer): void {
    const { file, offsetBytes, lengthBytes } = this.#place(name);
    if (bytes.length !== lengthBytes) throw new RangeError(`${name} has ${lengthBytes} bytes, not ${bytes.length}`);
    const fd = openSync(file, 'r+');
    try {
      writeSync(fd, bytes, 0, lengthBytes, offsetBytes);
    } finally {
      closeSync(fd);
    }
  }

  zero(name: string): void {
    this.write(name, Buffer.alloc(this.#place(name).lengthBytes));
  }

  swap(a: string, b: string): void {
    const [bytesA, bytesB] = [this.read(a), this.read(b)];
    this.write(a, bytesB);
    this.write(b, bytesA);
  }

  /** Puts row `order[i]` where row i was; of a vector, elements. */
  reorder(name: string, order: readonly number[]): void {
    const before = this.read(name);
    const rowBytes = before.length / order.length;
    this.write(name, Buffer.concat(order.map((row) => before.subarray(row * rowBytes, (row + 1) * rowBytes))));
  }

  /** Changes fields of config.json. */
  configure(fields: Readonly<Record<string, unknown>>): void {
    const file = path.join(this.folder, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...config, ...fields }, null, 2));
  }

  #place(name: string): PlainTensor {
    const entry = this.#source.tensors.get(name);
    if (entry?.kind !== 'plain') throw new Error(`${this.folder} has no plain tensor ${name}`);
    return entry;
  }
}
