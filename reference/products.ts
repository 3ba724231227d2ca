// What multiplies rows by a checkpoint's matrices: threads over weights that stay in the files, or weights decoded at each use.
import type { Tensor } from './graph/onnx-runtime.ts';
import type { Product } from './graph/product-graph.ts';

export interface Products {
  /**
   * x [P, K] times the transpose of each matrix [N, K], biases added.
   *
   * @param group - products of the same rows, as `productGroups` has them.
   * @returns [P, N] for each.
   * @throws ReferenceFaultError REFERENCE_RUNTIME.
   */
  multiply(x: Tensor, group: readonly Product[]): Promise<readonly Tensor[]>;
  release(): Promise<void>;
}
