// Brings a checkpoint's tensors into a graph: external data that points into the safetensors files, widened where used.
import { realpathSync } from 'node:fs';
import { dirname, relative, sep } from 'node:path';
import type { Checkpoint, CheckpointTensor } from '../../src/checkpoint/weights.ts';
import { InternalError } from '../../src/errors.ts';
import { DTYPE_BYTES, type FloatDtype, isFloatDtype } from '../../src/tensor/dtypes.ts';
import type { ElementType } from '../onnx/protos.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

const ELEMENT_TYPES: Readonly<Record<FloatDtype, ElementType>> = { BF16: 'BFLOAT16', F16: 'FLOAT16', F32: 'FLOAT' };

/**
 * How weights live in memory. `mapped`: in the checkpoint's own precision, in the page cache, widened at each use.
 * `resident`: widened to float32 once, when the session opens; faster for short passes.
 */
export type WeightMemory = 'mapped' | 'resident';

/** Rounds or widens a stored tensor to the float32 values that an operator computes with. */
export type Widen = (builder: GraphBuilder, stored: Value, elementType: ElementType) => Value;

export interface WeightSettings {
  readonly memory: WeightMemory;
  /** About the most bytes of a matrix's float32 slice. */
  readonly sliceBytes: number;
  readonly widen: Widen;
}

export class CheckpointWeights {
  readonly #builder: GraphBuilder;
  readonly #checkpoint: Checkpoint;
  readonly #dataFolder: string;
  readonly #memory: WeightMemory;
  readonly #sliceBytes: number;
  readonly #widen: Widen;

  constructor(builder: GraphBuilder, checkpoint: Checkpoint, { memory, sliceBytes, widen }: WeightSettings) {
    this.#builder = builder;
    this.#checkpoint = checkpoint;
    this.#dataFolder = externalDataFolder(checkpoint);
    this.#memory = memory;
    this.#sliceBytes = sliceBytes;
    this.#widen = widen;
  }

  /** A vector as float32. */
  vector(name: string): Value {
    const { elementType, shape, ...place } = this.#locate(name);
    const stored = this.#builder.external({ name, elementType, shape, ...place });
    return this.#widen(this.#builder, stored, elementType);
  }

  /** Rows of a matrix picked by token id: [P, columns] float32. */
  rowsAt(name: string, tokenIds: Value): Value {
    const { elementType, shape, ...place } = this.#locate(name);
    const stored = this.#builder.external({ name, elementType, shape, ...place });
    return this.#widen(this.#builder, this.#builder.node('Gather', [stored, tokenIds], { axis: 0 }), elementType);
  }

  /**
   * A matrix [N, K] as float32, in slices of its rows, in order.
   *
   * @param after - any value of rank 2 that exists when the matrix is needed: a mapped one is not widened before.
   */
  matrix(name: string, after: Value): readonly Value[] {
    const { elementType, shape, location, offsetBytes, lengthBytes } = this.#locate(name);
    const [height = 0, width = 0] = shape;
    const rowBytes = lengthBytes / height;
    const waitFor = this.#memory === 'resident' ? (stored: Value) => stored : this.#waiting(after, elementType);
    const slices: Value[] = [];
    for (const [first, end] of rowSlices(height, width, this.#sliceBytes)) {
      const sliceShape = [end - first, width];
      const stored = this.#builder.external({
        name: first === 0 && end === height ? name : `${name}[${first}:${end}]`,
        elementType,
        shape: sliceShape,
        location,
        offsetBytes: offsetBytes + first * rowBytes,
        lengthBytes: (end - first) * rowBytes,
      });
      slices.push(this.#widen(this.#builder, waitFor(stored, sliceShape), elementType));
    }
    return slices;
  }

  /**
   * Widening depends on nothing, so the runtime would widen all matrices before the first multiplication and hold them
   * together. A Reshape to a shape computed from `after` copies and changes nothing but makes each wait for its turn;
   * within a matrix the runtime widens a slice just before its multiplication. Then all slices share one buffer.
   */
  #waiting(after: Value, elementType: ElementType): (stored: Value, shape: readonly number[]) => Value {
    const builder = this.#builder;
    const zeros = builder.node('Mul', [builder.node('Shape', [after]), builder.int64([0])]);
    const shapes = new Map<string, Value>();
    return (stored, shape) => {
      const key = shape.join();
      const computed = shapes.get(key) ?? builder.node('Add', [zeros, builder.int64(shape)]);
      shapes.set(key, computed);
      // Undeclared, its buffer would match no other when the session plans its memory.
      return builder.declare(builder.node('Reshape', [stored, computed]), elementType, shape);
    };
  }

  #locate(name: string): Omit<CheckpointTensor, 'file' | 'dtype'> & { elementType: ElementType; location: string } {
    const tensor = this.#checkpoint.tensors.get(name);
    if (tensor === undefined || !isFloatDtype(tensor.dtype)) {
      throw new InternalError(`The checkpoint was opened without ${name}.`, { code: 'REFERENCE_TENSOR' });
    }
    const { file, dtype, shape, offsetBytes, lengthBytes } = tensor;
    const location = relative(this.#dataFolder, realpathSync(file)).split(sep).join('/');
    return { elementType: ELEMENT_TYPES[dtype as FloatDtype], shape, location, offsetBytes, lengthBytes };
  }
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

/** The runtime's threads share a slice's rows in blocks of 16 to 64. */
const SLICE_ROW_BLOCK = 64;

/** Whole blocks of rows, at least one, that take at most `sliceBytes` as float32: [first, end) each. */
function rowSlices(height: number, width: number, sliceBytes: number): readonly (readonly [number, number])[] {
  const blocks = Math.max(1, Math.floor(sliceBytes / (width * DTYPE_BYTES.F32 * SLICE_ROW_BLOCK)));
  const step = blocks * SLICE_ROW_BLOCK;
  return Array.from({ length: Math.ceil(height / step) }, (_, i) => [i * step, Math.min((i + 1) * step, height)]);
}

/** Weights up to this size as float32 stay in memory, which saves widening them at each use. */
const RESIDENT_BYTES_MAX = 2 ** 30;

/** How a checkpoint's weights are held unless somebody asks otherwise. */
export function weightMemory(checkpoint: Checkpoint): WeightMemory {
  return float32Bytes(checkpoint) <= RESIDENT_BYTES_MAX ? 'resident' : 'mapped';
}

/** Bytes that all matrices of the checkpoint take as float32. */
export function float32Bytes(checkpoint: Checkpoint): number {
  let bytes = 0;
  for (const { dtype, lengthBytes } of checkpoint.tensors.values()) bytes += (lengthBytes / DTYPE_BYTES[dtype]) * 4;
  return bytes;
}
