// The matrix products of a checkpoint whose weights stay in its files, as graphs that share them out: one for each thread that multiplies.
// Exactness: a product of a slice sums every row alike, whoever makes it and whatever lies beside it (row-blocks.ts); so no bit depends on
// how many threads there are.
import { sidesOf } from '../../src/checkpoint/checkpoint-tensor.ts';
import { layerPrefix } from '../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { CheckpointWeights, nearestBorder, type Rows, rowSlices } from './checkpoint-weights.ts';
import { GraphBuilder } from './graph-builder.ts';
import type { Operators } from './operators.ts';
import { columnsOf, ROWS_PER_BLOCK } from './row-blocks.ts';

/** A matrix [N, K] that rows are multiplied by, and its bias [N]. */
export interface Product {
  readonly weight: string;
  readonly bias?: string;
}

/** The slices of each product of a group that one thread multiplies; a product whose slices all lie elsewhere has none. */
export type Share = readonly (readonly Rows[])[];

/** Products of the same rows, and which thread has which slices of them. */
export interface ProductGroup {
  readonly products: readonly Product[];
  /** N of each product. */
  readonly widths: readonly number[];
  /** By thread. */
  readonly shares: readonly Share[];
}

/** The products of a layer, by what they are made of. @param prefix - as `layerPrefix` has it. */
export function layerProducts(
  prefix: string,
): Readonly<Record<'attention' | 'output' | 'gateAndUp' | 'down', readonly Product[]>> {
  const bare = (name: string): Product => ({ weight: `${prefix}.${name}.weight` });
  const biased = (name: string): Product => ({ ...bare(name), bias: `${prefix}.${name}.bias` });
  return {
    attention: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'].map(biased),
    output: [bare('self_attn.o_proj')],
    gateAndUp: [bare('mlp.gate_proj'), bare('mlp.up_proj')],
    down: [bare('mlp.down_proj')],
  };
}

/** All products of the model in the order of a pass: four groups a layer, then the head. @param sliceBytes - of a slice as float32, about. */
export function productGroups(checkpoint: Checkpoint, threads: number, sliceBytes: number): ProductGroup[] {
  const groups: (readonly Product[])[] = [];
  for (let layer = 0; layer < checkpoint.config.layers; layer++) {
    groups.push(...Object.values(layerProducts(layerPrefix(layer))));
  }
  groups.push([{ weight: checkpoint.lmHeadName }]);
  return groups.map((products) => sharedOut(checkpoint, products, threads, sliceBytes));
}

function sharedOut(
  checkpoint: Checkpoint,
  products: readonly Product[],
  threads: number,
  sliceBytes: number,
): ProductGroup {
  const sides = products.map(({ weight }) => sidesOf(checkpoint.tensors.get(weight)!));
  const rows = sides.reduce((sum, [height]) => sum + height, 0);
  const shares = Array.from({ length: threads }, (_, thread) => {
    let before = 0;
    return sides.map(([height, width]) => {
      const [first, end] = [thread, thread + 1].map((at) => nearestBorder((at * rows) / threads - before, height));
      before += height;
      return rowSlices(first!, end!, width, sliceBytes);
    });
  });
  return { products, widths: sides.map(([height]) => height), shares };
}

export const PRODUCT_IO = { group: 'group', x: 'x', products: 'products' } as const;
const PRODUCTS_SHAPE = ['B', ROWS_PER_BLOCK, 'R'] as const;

/** Columns of a share's products. */
export function shareWidth(share: Share): number {
  return share.flat().reduce((sum, [first, end]) => sum + end - first, 0);
}

/**
 * A thread's graph: `group` [] int64, `x` [B, 16, K] -> `products` [B, 16, R]: the columns of its slices, product by product, in order.
 *
 * All groups are one graph, of which a run takes one branch: so they share one room for what they compute.
 */
export function buildProducts(
  checkpoint: Checkpoint,
  groups: readonly ProductGroup[],
  thread: number,
  operators: Operators,
): Uint8Array {
  const root = new GraphBuilder('qwen2-products');
  const group = root.input(PRODUCT_IO.group, 'INT64', []);
  const x = root.input(PRODUCT_IO.x, 'FLOAT', ['B', ROWS_PER_BLOCK, 'K']);
  const columns = columnsOf(root, x);
  const [products] = root.choose(group, groups.length, [PRODUCTS_SHAPE], (branch, number) => {
    const { products, shares } = groups[number]!;
    const weights = new CheckpointWeights(branch, checkpoint, { memory: 'mapped', widen: operators.widenWeight });
    const parts = shares[thread]!.flatMap((slices, i) => {
      if (slices.length === 0) return [];
      const { weight, bias } = products[i]!;
      const rows: Rows = [slices[0]![0], slices.at(-1)![1]];
      return operators.linearOfBlocks(
        branch,
        columns,
        weights.matrix(weight, x, slices),
        bias === undefined ? undefined : weights.vector(bias, rows),
      );
    });
    if (parts.length === 0) return [branch.empty([0, ROWS_PER_BLOCK, 0])];
    return [parts.length === 1 ? parts[0]! : branch.node('Concat', parts, { axis: 2 })];
  });
  root.output(PRODUCT_IO.products, products!, 'FLOAT', PRODUCTS_SHAPE);
  return root.toBytes();
}
