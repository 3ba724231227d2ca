// Operations of mixed precision: what a class that computes in bfloat16 reads is rounded, where a float32 class made it.
import { roundAllToBf16TiesEven } from '../../../numerics/bf16.ts';
import type { ConfigOf, LayerOps, OpClass } from '../layer-ops.ts';
import type { Columns } from '../rows.ts';

/** @returns the operations; rows that are BF16 already pass unchanged. */
export function withRoundedInputs(ops: LayerOps, configOf: ConfigOf): LayerOps {
  const isFloat32 = (opClass: OpClass): boolean => configOf(opClass).tier === 'fp32';
  const read = (opClass: OpClass, rows: Float32Array): Float32Array => {
    if (isFloat32(opClass)) return rows;
    const rounded = rows.slice();
    roundAllToBf16TiesEven(rounded);
    return rounded;
  };
  const readColumns = (opClass: OpClass, columns: Columns): Columns => ({
    ...columns,
    values: read(opClass, columns.values),
  });
  const roundInPlace = (opClass: OpClass, rows: Float32Array): Float32Array => {
    if (!isFloat32(opClass)) roundAllToBf16TiesEven(rows);
    return rows;
  };
  return {
    norm: (hidden, gamma) => ops.norm(read('norm', hidden), gamma),
    qkv: (normed, weights) => ops.qkv(read('qkv', normed), weights),
    rotate: (heads, tables) => ops.rotate(readColumns('rotary', heads), tables),
    cached: (heads) => ops.cached(readColumns('kvCache', heads)),
    remember: (keys, values, firstPosition, rows) =>
      ops.remember(readColumns('attention', keys), readColumns('attention', values), firstPosition, rows),
    attend: (queries, firstPosition, rows) => ops.attend(readColumns('attention', queries), firstPosition, rows),
    o: (mixed, weights) => ops.o(read('o', mixed), weights),
    add: (hidden, branch) => ops.add(roundInPlace('residual', hidden), read('residual', branch)),
    gateUp: (normed, weights) => ops.gateUp(read('gateUp', normed), weights),
    gatedSilu: (gate, up) => ops.gatedSilu(roundInPlace('gatedSilu', gate), read('gatedSilu', up)),
    down: (product, weights) => ops.down(read('down', product), weights),
    release: () => ops.release(),
  };
}
