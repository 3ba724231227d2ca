// The matrix products of a checkpoint whose weights stay in its files, as graphs that share them out: one for each thread that multiplies.
// Exactness: a product of a slice sums every row alike, whoever makes it and whatever lies beside it (equal-rows.ts); so no bit depends on
// how many threads there are.
import { sidesOf } from '../../src/checkpoint/checkpoint-tensor.ts';
import { layerPrefix } from '../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { CheckpointWeights, type Rows, rowSlices } from './checkpoint-weights.ts';
import { GraphBuilder } from './graph-builder.ts';
import type { Operators } from './operators.ts';

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
  /** How many slices each product has in all. */
  readonly sliceCounts: readonly number[];
  /** By thread. */
  readonly shares: readonly Share[];
}

export interface SliceSettings {
  /** Slices take about so many float32 bytes. */
  readonly sliceBytes: number;
  /** Rows that a slice has at least, where the matrix has them. */
  readonly sliceRows: number;
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

/** All products of the model in the order of a pass: four groups a layer, then the head. */
export function productGroups(checkpoint: Checkpoint, threads: number, settings: SliceSettings): ProductGroup[] {
  const groups: (readonly Product[])[] = [];
  for (let layer = 0; layer < checkpoint.config.layers; layer++) {
    groups.push(...Object.values(layerProducts(layerPrefix(layer))));
  }
  groups.push([{ weight: checkpoint.lmHeadName }]);
  return groups.map((products) => sharedOut(checkpoint, products, threads, settings));
}

function sharedOut(
  checkpoint: Checkpoint,
  products: readonly Product[],
  threads: number,
  { sliceBytes, sliceRows }: SliceSettings,
): ProductGroup {
  const sides = products.map(({ weight }) => sidesOf(checkpoint.tensors.get(weight)!));
  const slices = sides.map(([height, width]) => rowSlices(height, width, sliceBytes, sliceRows));
  const rows = sides.reduce((sum, [height]) => sum + height, 0);
  const shares = Array.from({ length: threads }, () => products.map((): Rows[] => []));
  let before = 0;
  slices.forEach((ofProduct, product) => {
    for (const slice of ofProduct) {
      const middle = before + (slice[1] - slice[0]) / 2;
      shares[Math.floor((middle * threads) / rows)]![product]!.push(slice);
      before += slice[1] - slice[0];
    }
  });
  return { products, widths: sides.map(([height]) => height), sliceCounts: slices.map(({ length }) => length), shares };
}

export const PRODUCT_IO = { group: 'group', x: 'x', products: 'products' } as const;

/** Columns of a share's products. */
export function shareWidth(share: Share): number {
  return share.flat().reduce((sum, [first, end]) => sum + end - first, 0);
}

/**
 * A thread's graph: `group` [] int64, `x` [P, K] -> `products` [P, R]: the columns of its slices, product by product, in order.
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
  const x = root.input(PRODUCT_IO.x, 'FLOAT', ['P', 'K']);
  const [products] = root.choose(group, groups.length, [['P', 'R']], (branch, number) => {
    const { products, sliceCounts, shares } = groups[number]!;
    const weights = new CheckpointWeights(branch, checkpoint, { memory: 'mapped', widen: operators.widenWeight });
    const parts = shares[thread]!.flatMap((slices, i) => {
      if (slices.length === 0) return [];
      const { weight, bias } = products[i]!;
      const rows: Rows = [slices[0]![0], slices.at(-1)![1]];
      const isPart = sliceCounts[i]! > 1;
      return operators.linear(
        branch,
        x,
        weights.matrix(weight, x, slices),
        bias === undefined ? undefined : weights.vector(bias, rows),
        isPart,
      );
    });
    if (parts.length === 0) return [branch.noRows(0)];
    return [parts.length === 1 ? parts[0]! : branch.node('Concat', parts, { axis: 1 })];
  });
  root.output(PRODUCT_IO.products, products!, 'FLOAT', ['P', 'R']);
  return root.toBytes();
}
