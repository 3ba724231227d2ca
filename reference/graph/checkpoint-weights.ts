// Brings a checkpoint's tensors into a graph: external data that points into the safetensors files, widened where used.
import { realpathSync } from 'node:fs';
import { dirname, relative, sep } from 'node:path';
import { readWholeTensor } from '../../src/checkpoint/checkpoint-tensor.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { InternalError } from '../../src/errors.ts';
import { DTYPE_BYTES, elementCount, type FloatDtype } from '../../src/tensor/dtypes.ts';
import type { ElementType, ExternalTensor } from '../onnx/protos.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

const ELEMENT_TYPES: Readonly<Record<FloatDtype, ElementType>> = { BF16: 'BFLOAT16', F16: 'FLOAT16', F32: 'FLOAT' };

/**
 * How weights live in memory. `mapped`: in the checkpoint's own precision, in the page cache, widened at each use.
 * `resident`: widened to float32 once, when the session opens; faster for short passes. `streamed`: decoded to float32 in slices, at
 * each use; for quantised checkpoints that are too large to be resident.
 */
export type WeightMemory = 'mapped' | 'resident' | 'streamed';
/** Those of a graph that holds its weights itself. */
export type GraphWeightMemory = Exclude<WeightMemory, 'streamed'>;

/** Rounds or widens a stored tensor to the float32 values that an operator computes with. */
export type Widen = (builder: GraphBuilder, stored: Value, elementType: ElementType) => Value;

export interface WeightSettings {
  readonly memory: GraphWeightMemory;
  /** About the most bytes of a matrix's float32 slice. @default matrices are whole */
  readonly sliceBytes?: number;
  readonly widen: Widen;
}

export class CheckpointWeights {
  readonly #builder: GraphBuilder;
  readonly #checkpoint: Checkpoint;
  readonly #dataFolder: string;
  readonly #memory: GraphWeightMemory;
  readonly #sliceBytes: number;
  readonly #widen: Widen;
  readonly #isInMemory: boolean;

  constructor(builder: GraphBuilder, checkpoint: Checkpoint, { memory, sliceBytes = Infinity, widen }: WeightSettings) {
    this.#builder = builder;
    this.#checkpoint = checkpoint;
    this.#dataFolder = externalDataFolder(checkpoint);
    this.#memory = memory;
    this.#sliceBytes = sliceBytes;
    this.#widen = widen;
    this.#isInMemory = isDecoded(checkpoint);
  }

  /** A vector as float32. @param part - its elements [first, end); all of them without it. */
  vector(name: string, part?: Rows): Value {
    const place = this.#locate(name);
    const stored = this.#builder.external({ name, ...place, ...(part === undefined ? {} : partOf(name, place, part)) });
    return this.#widen(this.#builder, stored, place.elementType);
  }

  /** Rows of a matrix picked by token id: [P, columns] float32. */
  rowsAt(name: string, tokenIds: Value): Value {
    const place = this.#locate(name);
    const stored = this.#builder.external({ name, ...place });
    return this.#widen(this.#builder, this.#builder.node('Gather', [stored, tokenIds], { axis: 0 }), place.elementType);
  }

  /**
   * Slices of a matrix [N, K] as float32.
   *
   * @param after - any value of rank 2 or more that exists when the matrix is needed: a mapped one is not widened before.
   * @param slices - rows [first, end) each; by default those of the whole matrix, in order.
   */
  matrix(name: string, after: Value, slices?: readonly Rows[]): readonly Value[] {
    const place = this.#locate(name);
    const { elementType, shape } = place;
    const [height = 0, width = 0] = shape;
    const waitFor = this.#memory === 'resident' ? (stored: Value) => stored : this.#waiting(after, elementType);
    return (slices ?? rowSlices(0, height, width, this.#sliceBytes)).map((rows) => {
      const part = partOf(name, place, rows);
      const stored = this.#builder.external({ ...place, ...part });
      return this.#widen(this.#builder, waitFor(stored, part.shape), elementType);
    });
  }

  /**
   * Widening depends on nothing, so the runtime would widen all matrices before the first multiplication and hold them
   * together. A Reshape to a shape computed from `after` copies and changes nothing but makes each wait for its turn;
   * within a matrix the runtime widens a slice just before its multiplication. Then all slices share one buffer.
   */
  #waiting(after: Value, elementType: ElementType): (stored: Value, shape: readonly number[]) => Value {
    const builder = this.#builder;
    const zeros = builder.node('Mul', [builder.node('Shape', [after], { start: 0, end: 2 }), builder.int64([0])]);
    const shapes = new Map<string, Value>();
    return (stored, shape) => {
      const key = shape.join();
      const computed = shapes.get(key) ?? builder.node('Add', [zeros, builder.int64(shape)]);
      shapes.set(key, computed);
      // Undeclared, its buffer would match no other when the session plans its memory.
      return builder.declare(builder.node('Reshape', [stored, computed]), elementType, shape);
    };
  }

  #locate(name: string): Omit<ExternalTensor, 'name'> {
    const tensor = this.#checkpoint.tensors.get(name);
    if (tensor === undefined) {
      throw new InternalError(`The checkpoint was opened without ${name}.`, { code: 'REFERENCE_TENSOR' });
    }
    const { shape } = tensor;
    if (this.#isInMemory || tensor.kind === 'decoded') {
      const lengthBytes = elementCount(shape) * DTYPE_BYTES.F32;
      return { elementType: 'FLOAT', shape, location: inMemoryLocation(name), offsetBytes: 0, lengthBytes };
    }
    const { file, dtype, offsetBytes, lengthBytes } = tensor;
    const location = relative(this.#dataFolder, realpathSync(file)).split(sep).join('/');
    return { elementType: ELEMENT_TYPES[dtype as FloatDtype], shape, location, offsetBytes, lengthBytes };
  }
}

/** Rows [first, end) of a stored tensor. */
function partOf(
  name: string,
  { shape: [height = 0, ...rest], offsetBytes, lengthBytes }: Omit<ExternalTensor, 'name'>,
  [first, end]: Rows,
): Pick<ExternalTensor, 'name' | 'shape' | 'offsetBytes' | 'lengthBytes'> {
  const rowBytes = lengthBytes / height;
  return {
    name: first === 0 && end === height ? name : `${name}[${first}:${end}]`,
    shape: [end - first, ...rest],
    offsetBytes: offsetBytes + first * rowBytes,
    lengthBytes: (end - first) * rowBytes,
  };
}

/** What stands for a file in the graph: the runtime gets its bytes when the session opens. */
function inMemoryLocation(name: string): string {
  return `in memory/${name}`;
}

/** A file that is none: the runtime finds its bytes under its path. */
export interface InMemoryFile {
  readonly path: string;
  readonly data: Uint8Array;
}

/**
 * The tensors of a checkpoint that is to be decoded, plain ones too, as float32 for a session that keeps them: the runtime takes all of a
 * graph's data from memory or none. Empty for a checkpoint whose files hold floats.
 */
export function inMemoryFiles(checkpoint: Checkpoint, wanted: (name: string) => boolean): InMemoryFile[] {
  if (!isDecoded(checkpoint)) return [];
  const tensors = [...checkpoint.tensors].filter(([name]) => wanted(name));
  return tensors.map(([name, tensor]) => {
    const values = readWholeTensor(tensor);
    return { path: inMemoryLocation(name), data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
  });
}

/**
 * The folder that external data is resolved in: the nearest one that holds all weight files.
 *
 * The runtime refuses absolute paths and paths that leave this folder, symbolic links followed; in a Hugging Face cache
 * the weight files are links to a folder beside the snapshot.
 */
export function externalDataFolder(checkpoint: Checkpoint): string {
  const folders = checkpoint.files.map((file) => dirname(realpathSync(file)).split(sep));
  const [first = [], ...others] = folders;
  let shared = first.length;
  for (const other of others) {
    let depth = 0;
    while (depth < shared && first[depth] === other[depth]) depth++;
    shared = depth;
  }
  return first.slice(0, shared).join(sep) || sep;
}

/** Rows of a tensor, [first, end). */
export type Rows = readonly [first: number, end: number];

/** The runtime's threads share a slice's rows in blocks of 16 to 64. */
const SLICE_ROW_BLOCK = 64;

/**
 * Slices of a matrix's rows from `first` to `end`, [first, end) each: whole blocks, as equal as these allow, of at most about `sliceBytes` as float32.
 * A tail shorter than half a block belongs to the block before it: a single row would be summed in another order.
 */
export function rowSlices(first: number, end: number, width: number, sliceBytes: number): readonly Rows[] {
  const height = end - first;
  const blocks = Math.round(height / SLICE_ROW_BLOCK);
  const affordable = Math.max(1, Math.floor(sliceBytes / (width * DTYPE_BYTES.F32 * SLICE_ROW_BLOCK)));
  const count = height === 0 ? 0 : Math.max(1, Math.ceil(blocks / affordable));
  const border = (i: number): number =>
    i === count ? end : first + Math.floor((i * blocks) / count) * SLICE_ROW_BLOCK;
  return Array.from({ length: count }, (_, i) => [border(i), border(i + 1)]);
}

/** Where blocks of a matrix's rows meet, or it begins or ends: the place nearest to `row`, which may lie outside. */
export function nearestBorder(row: number, height: number): number {
  if (row <= 0) return 0;
  if (row >= height) return height;
  const border = Math.round(row / SLICE_ROW_BLOCK) * SLICE_ROW_BLOCK;
  return border > 0 && border > height - SLICE_ROW_BLOCK / 2 ? height : border;
}

/** Weights up to this size as float32 stay in memory, which saves widening them at each use. */
const RESIDENT_BYTES_MAX = 2 ** 30;

/** The same of weights that would have to be decoded at each use, which costs more than widening. */
const RESIDENT_DECODED_BYTES_MAX = 2 ** 32;

/** How a checkpoint's weights are held unless somebody asks otherwise. */
export function weightMemory(checkpoint: Checkpoint): WeightMemory {
  const bytes = float32Bytes(checkpoint);
  if (isDecoded(checkpoint)) return bytes <= RESIDENT_DECODED_BYTES_MAX ? 'resident' : 'streamed';
  return bytes <= RESIDENT_BYTES_MAX ? 'resident' : 'mapped';
}

/** Whether some weights are not in the files as floats, so that no graph can be given the files themselves. */
export function isDecoded(checkpoint: Checkpoint): boolean {
  return [...checkpoint.tensors.values()].some(({ kind }) => kind === 'decoded');
}

/** Bytes that all matrices of the checkpoint take as float32. */
export function float32Bytes(checkpoint: Checkpoint): number {
  let bytes = 0;
  for (const { shape } of checkpoint.tensors.values()) bytes += elementCount(shape) * DTYPE_BYTES.F32;
  return bytes;
}
