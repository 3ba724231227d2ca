// Knob `storedFormats`: tier fp32 with every row rounded as the device stores it, so that formats are told from arithmetic.
// Source: n150-numerics A, C: activations BF16 between operations, keys and values in `kvFormat`, logits in `logitsFormat`.
import type { ModelConfig } from '../../checkpoint/config.ts';
import { roundAllToBf16TiesEven } from '../../numerics/bf16.ts';
import { createKvPacking } from '../wormhole/kv-packing.ts';
import type { N150Config } from './compute-config.ts';
import { type LayerOps, OP_CLASSES, type OpClass } from './layer-ops.ts';
import type { Columns } from './rows.ts';

/** The operations with their results rounded once each, where the knob of their class says so; q, k and v after their bias. */
export function withStoredFormats(
  ops: LayerOps,
  { headDim }: Pick<ModelConfig, 'headDim'>,
  configOf: (opClass: OpClass) => N150Config,
): LayerOps {
  if (!OP_CLASSES.some((opClass) => configOf(opClass).storedFormats)) return ops;
  const stored = <T extends Float32Array>(opClass: OpClass, rows: T): T =>
    configOf(opClass).storedFormats ? rounded(rows) : rows;
  const columns = (opClass: OpClass, rows: Columns): Columns => {
    stored(opClass, rows.values);
    return rows;
  };
  const cache = configOf('kvCache');
  const kept = (heads: Columns): Columns => (cache.storedFormats ? packedHeads(heads, headDim, cache) : heads);
  return {
    norm: (hidden, gamma) => stored('norm', ops.norm(hidden, gamma)),
    qkv(normed, weights) {
      const projections = ops.qkv(normed, weights);
      columns('qkv', projections.queries);
      return projections;
    },
    rotate: (heads, tables) => columns('rotary', ops.rotate(heads, tables)),
    cached: (heads) => ops.cached(kept(heads)),
    remember: (keys, values, firstPosition, rows) => ops.remember(kept(keys), kept(values), firstPosition, rows),
    attend: (queries, firstPosition, rows) => stored('attention', ops.attend(queries, firstPosition, rows)),
    o: (mixed, weights) => stored('o', ops.o(mixed, weights)),
    add: (hidden, branch) => stored('residual', ops.add(hidden, branch)),
    gateUp: (normed, weights) => stored('gateUp', ops.gateUp(normed, weights)),
    gatedSilu: (gate, up) => stored('gatedSilu', ops.gatedSilu(gate, up)),
    down: (product, weights) => stored('down', ops.down(product, weights)),
    release: () => ops.release(),
  };
}

/** Logits [R, width] as `logitsFormat` stores them, in place. */
export function storeLogits(logits: Float32Array, width: number, config: N150Config): Float32Array {
  const { storedFormats, logitsFormat, bfp8PackDoubleRound } = config;
  if (!storedFormats) return logits;
  if (logitsFormat === 'BF16') return rounded(logits);
  const pack = createRowPacking(width, logitsFormat, bfp8PackDoubleRound);
  for (let start = 0; start < logits.length; start += width) logits.set(pack(logits, start), start);
  return logits;
}

/** Rows of the final norm, in place. */
export function storeRows(rows: Float32Array, { storedFormats }: Pick<N150Config, 'storedFormats'>): Float32Array {
  return storedFormats ? rounded(rows) : rows;
}

function rounded<T extends Float32Array>(rows: T): T {
  roundAllToBf16TiesEven(rows);
  return rows;
}

/** [width] values to what a tiled store keeps of them, zeros behind them to a whole block; BF16 is left as it is. */
function createRowPacking(
  width: number,
  format: N150Config['kvFormat'],
  doubleRound: boolean,
): ReturnType<typeof createKvPacking> {
  return createKvPacking(width, { tier: 'fast', kvFormat: format, bfp8PackDoubleRound: doubleRound });
}

/** The cache's own packing, which tier fp32 leaves out: [rows, K * D], a new matrix. */
function packedHeads({ values, start, stride, width }: Columns, headDim: number, config: N150Config): Columns {
  const pack = createRowPacking(headDim, config.kvFormat, config.bfp8PackDoubleRound);
  const rows = Math.ceil((values.length - start) / stride);
  const packed = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < width; head += headDim) {
      packed.set(pack(values, start + row * stride + head), row * width + head);
    }
  }
  return { values: packed, start: 0, stride: width, width };
}
