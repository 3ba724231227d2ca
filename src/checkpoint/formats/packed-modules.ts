// The modules of a model whose matrices a format may store as codes, and what is said of them.
import type { CheckpointTensor, DecodedTensor } from '../checkpoint-tensor.ts';
import { notRead, type StoredWeights } from './format.ts';
import { findPart, requireZeros, type StoredPart } from './stored-parts.ts';

/** Said of every scheme whose layers quantise what they are given, too. */
export const ACTIVATIONS_NOTE = 'activations are quantised in this scheme and are not emulated';

/** The module whose matrix is looked up, not multiplied; tensor-names.ts knows the config, which asks for the readers. */
export const EMBEDDING = 'model.embed_tokens';

const WEIGHT = '.weight';

/** Name of the module -> [rows, columns] of its matrix, for all matrices of a model. */
export function modulesIn(
  expected: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly [number, number]> {
  const modules = new Map<string, readonly [number, number]>();
  for (const [name, [rows, columns]] of expected) {
    if (rows !== undefined && columns !== undefined && name.endsWith(WEIGHT)) {
      modules.set(name.slice(0, -WEIGHT.length), [rows, columns]);
    }
  }
  return modules;
}

/**
 * Puts a decoded matrix in the place of its parts.
 *
 * @throws UnsupportedError `QUANTISED_UNSUPPORTED` if the matrix is stored plain as well.
 */
export function takeParts(
  tensors: Map<string, CheckpointTensor>,
  module: string,
  parts: readonly StoredPart[],
  decoded: DecodedTensor,
): void {
  for (const { name } of parts) tensors.delete(name);
  const name = `${module}${WEIGHT}`;
  const plain = tensors.get(name);
  if (plain !== undefined)
    throw notRead(plain.file, `${name} is stored twice`, `${name}, ${parts[0]!.name}`, 'one of them');
  tensors.set(name, decoded);
}

/** Takes a bias of zeros away that the model does not have. @throws InputError `QUANTISED_TENSOR` if it is not zero. */
export function dropZeroBias(
  tensors: Map<string, CheckpointTensor>,
  module: string,
  { stored, expected }: Pick<StoredWeights, 'stored' | 'expected'>,
): void {
  const bias = findPart(stored, `${module}.bias`);
  if (bias === undefined || expected.has(bias.name)) return;
  requireZeros(bias);
  tensors.delete(bias.name);
}

/** `GPTQ, 3, 4 bits, groups of 128, desc_act`. */
export function describeBits(
  format: string,
  modules: readonly { readonly bits: number; readonly groupSize: number; readonly isReordered?: boolean }[],
  more: readonly string[] = [],
): string {
  const ascending = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
  const bits = ascending(modules.map(({ bits }) => bits)).join(', ');
  const groups = ascending(modules.map(({ groupSize }) => groupSize)).map((size) =>
    size === -1 ? 'a scale a row' : `groups of ${size}`,
  );
  const isReordered = modules.some(({ isReordered }) => isReordered);
  if (modules.length === 0) return `${format}, no matrix quantised`;
  return [format, ...more, `${bits} bits`, ...groups, ...(isReordered ? ['desc_act'] : [])].join(', ');
}
