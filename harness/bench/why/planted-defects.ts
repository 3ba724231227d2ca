// Defects that attribution has to find: each in one operation, of a random layer, as a converter or a kernel makes them.
import { layerPrefix } from '../../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import type { LayerTap } from '../../../src/device/taps.ts';
import type { LayerAttention } from '../../../src/device/wormhole/attention-engine.ts';
import type { WhyOp } from '../../record/why-record.ts';
import type { PlantedFault } from '../../why/device-lanes.ts';
import { layerTapOf, type WhyTap } from '../../why/ops.ts';
import { rowPlaces } from '../../why/row-errors.ts';
import { editedCheckpoint } from './edited-checkpoint.ts';

/** Uniform in [0, 1), the same for one seed on every machine. */
export type Random = () => number;

export interface PlantedDefect {
  readonly checkpoint: Checkpoint;
  readonly faults: readonly PlantedFault[];
}

export interface Defect {
  readonly id: string;
  /** What is right to blame first. */
  readonly op: WhyOp;
  /** `random`: in one layer; `all`: in every one, so that the first is to be blamed; `none`: outside of them. */
  readonly where: 'random' | 'all' | 'none';
  readonly plant: (checkpoint: Checkpoint, layer: number, positions: number, random: Random) => Partial<PlantedDefect>;
}

type Edit = (values: Float32Array, shape: readonly number[]) => void;

const below = (random: Random, count: number): number => Math.floor(random() * count);
const zero: Edit = (values) => void values.fill(0);

const MATRICES = {
  qkv: 'self_attn.v_proj',
  o: 'self_attn.o_proj',
  gateUp: 'mlp.up_proj',
  down: 'mlp.down_proj',
} as const;

function edit(checkpoint: Checkpoint, layer: number, edits: Readonly<Record<string, Edit>>): Partial<PlantedDefect> {
  const prefix = layerPrefix(layer);
  const named = Object.entries(edits).map(([name, change]) => [`${prefix}.${name}`, change] as const);
  return { checkpoint: editedCheckpoint(checkpoint, Object.fromEntries(named)) };
}

/** Two tensors of a layer change places. */
function swap(checkpoint: Checkpoint, layer: number, a: string, b: string): Partial<PlantedDefect> {
  const prefix = layerPrefix(layer);
  const [valuesA, valuesB] = [a, b].map((name) => checkpoint.readFloat32(`${prefix}.${name}`));
  return edit(checkpoint, layer, { [a]: (to) => to.set(valuesB!), [b]: (to) => to.set(valuesA!) });
}

/** A tile of 32 x 32 weights becomes noise of the matrix's own size. */
function corruptTile(op: keyof typeof MATRICES): Defect {
  return {
    id: `corrupted weight tile (${op})`,
    op,
    where: 'random',
    plant: (checkpoint, layer, _positions, random) =>
      edit(checkpoint, layer, {
        [`${MATRICES[op]}.weight`]: (values, [rows, columns]) => {
          const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
          const [row, column] = [32 * below(random, rows! / 32), 32 * below(random, columns! / 32)];
          for (let i = 0; i < 32 * 32; i++) {
            values[(row + Math.floor(i / 32)) * columns! + column + (i % 32)] = size * (4 * random() - 2);
          }
        },
      }),
  };
}

/** Rows of one tap are changed in place, each by itself; `width` is that of the tap. */
function tamper(
  op: WhyOp,
  layer: number,
  name: LayerTap,
  width: number,
  change: (values: Float32Array, start: number, position: number) => void,
): Partial<PlantedDefect> {
  return {
    faults: [
      {
        op,
        layer,
        tamper(tap: WhyTap, rows, firstPosition) {
          if (layerTapOf(tap)?.name !== name) return;
          const { values, starts } = rowPlaces(rows, width);
          for (const [row, start] of starts.entries()) change(values, start, firstPosition + row);
        },
      },
    ],
  };
}

function attention(layer: number, attentionOf: NonNullable<PlantedFault['attentionOf']>): Partial<PlantedDefect> {
  return { faults: [{ op: 'attention', layer, attentionOf }] };
}

const keyValueWidth = ({ config }: Checkpoint): number => config.keyValueHeads * config.headDim;

export const DEFECTS: readonly Defect[] = [
  corruptTile('qkv'),
  corruptTile('o'),
  corruptTile('gateUp'),
  corruptTile('down'),
  {
    id: 'bias of keys zero',
    op: 'qkv',
    where: 'random',
    plant: (checkpoint, layer) => edit(checkpoint, layer, { 'self_attn.k_proj.bias': zero }),
  },
  {
    id: 'bias of values zero',
    op: 'qkv',
    where: 'random',
    plant: (checkpoint, layer) => edit(checkpoint, layer, { 'self_attn.v_proj.bias': zero }),
  },
  {
    id: 'q and k swapped (as far as k has rows)',
    op: 'qkv',
    where: 'random',
    plant(checkpoint, layer) {
      const prefix = layerPrefix(layer);
      const [q, k] = ['q_proj', 'k_proj'].map((name) => checkpoint.readFloat32(`${prefix}.self_attn.${name}.weight`));
      return edit(checkpoint, layer, {
        'self_attn.q_proj.weight': (to) => to.set(k!),
        'self_attn.k_proj.weight': (to) => to.set(q!.subarray(0, k!.length)),
      });
    },
  },
  {
    id: 'query heads permuted in q_proj',
    op: 'qkv',
    where: 'random',
    plant: (checkpoint, layer) =>
      edit(checkpoint, layer, {
        'self_attn.q_proj.weight': (values) => rotateBlocks(values, checkpoint.config.queryHeads),
      }),
  },
  {
    id: 'heads of attention permuted',
    op: 'attention',
    where: 'random',
    plant: (checkpoint, layer) => {
      const { queryHeads, headDim } = checkpoint.config;
      const width = queryHeads * headDim;
      return tamper('attention', layer, 'self_attn.o_proj.in', width, (values, start) =>
        rotateBlocks(values.subarray(start, start + width), queryHeads),
      );
    },
  },
  {
    id: 'RoPE off by one in one layer',
    op: 'rotary',
    where: 'random',
    plant: (_checkpoint, layer) => ({ faults: [{ op: 'rotary', layer, knobs: { ropePositionOffset: 1 } }] }),
  },
  {
    id: 'rope_theta 10,000',
    op: 'rotary',
    where: 'all',
    plant: (checkpoint) => ({ checkpoint: editedCheckpoint(checkpoint, {}, { ropeTheta: 10_000 }) }),
  },
  {
    id: 'KV block with the wrong exponent',
    op: 'kvCache',
    where: 'random',
    plant(checkpoint, layer, positions, random) {
      const width = keyValueWidth(checkpoint);
      const [at, block] = [below(random, positions), 16 * below(random, width / 16)];
      return tamper('kvCache', layer, 'self_attn.k_cached', width, (values, start, position) => {
        if (position !== at) return;
        for (let i = start + block; i < start + block + 16; i++) values[i]! *= 2;
      });
    },
  },
  {
    id: 'stale KV position',
    op: 'kvCache',
    where: 'random',
    plant(checkpoint, layer, positions, random) {
      const width = keyValueWidth(checkpoint);
      const at = 1 + below(random, positions - 1);
      return tamper('kvCache', layer, 'self_attn.v_cached', width, (values, start, position) => {
        // Of the row before where it is at hand, else what was never written.
        if (position === at && start >= width) values.copyWithin(start, start - width, start);
        else if (position === at) values.fill(0, start, start + width);
      });
    },
  },
  {
    id: 'values kept in four bits',
    op: 'kvCache',
    where: 'random',
    plant: (checkpoint, layer) => {
      const width = keyValueWidth(checkpoint);
      return tamper('kvCache', layer, 'self_attn.v_cached', width, (values, start) => {
        for (let block = start; block < start + width; block += 16) {
          const largest = values
            .subarray(block, block + 16)
            .reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          const step = 2 ** Math.floor(Math.log2(largest)) / 4;
          if (largest > 0) for (let i = block; i < block + 16; i++) values[i] = Math.round(values[i]! / step) * step;
        }
      });
    },
  },
  {
    id: 'chunk merge dropped: the first chunk of keys is lost',
    op: 'attention',
    where: 'random',
    plant: (_checkpoint, layer) => attention(layer, (whole, open) => withoutFirstKeys(whole, open(), 32)),
  },
  {
    id: 'scores scaled twice',
    op: 'attention',
    where: 'random',
    plant: ({ config }, layer) =>
      attention(layer, (whole) => ({
        ...whole,
        attend: (queries, stride, rows, firstPosition) =>
          whole.attend(
            queries.map((value) => value / Math.sqrt(config.headDim)),
            stride,
            rows,
            firstPosition,
          ),
      })),
  },
  {
    id: 'eps of 0.1 in one layer',
    op: 'norm',
    where: 'random',
    plant: (_checkpoint, layer) => ({ faults: [{ op: 'norm', layer, knobs: { rmsEps: 0.1 } }] }),
  },
  {
    id: 'norm weights of a layer swapped',
    op: 'norm',
    where: 'random',
    plant: (checkpoint, layer) => swap(checkpoint, layer, 'input_layernorm.weight', 'post_attention_layernorm.weight'),
  },
  {
    id: 'gate and up swapped',
    op: 'gateUp',
    where: 'random',
    plant: (checkpoint, layer) => swap(checkpoint, layer, 'mlp.gate_proj.weight', 'mlp.up_proj.weight'),
  },
  {
    id: 'output projection transposed',
    op: 'o',
    where: 'random',
    plant: (checkpoint, layer) =>
      edit(checkpoint, layer, {
        'self_attn.o_proj.weight': (values, [rows, columns]) => {
          const before = values.slice();
          for (let i = 0; i < values.length; i++) {
            values[i] = before[(i % columns!) * rows! + Math.floor(i / columns!)]!;
          }
        },
      }),
  },
  {
    id: "one core's slice of the down projection zero",
    op: 'down',
    where: 'random',
    plant({ config }, layer, _positions, random) {
      const column = 32 * below(random, config.hiddenSize / 32);
      return tamper('down', layer, 'mlp.out', config.hiddenSize, (values, start) =>
        values.fill(0, start + column, start + column + 32),
      );
    },
  },
  {
    id: 'SiLU left out for one tile',
    op: 'gatedSilu',
    where: 'random',
    plant({ config }, layer, _positions, random) {
      const column = 32 * below(random, config.intermediateSize / 32);
      return tamper('gatedSilu', layer, 'mlp.down_proj.in', config.intermediateSize, (values, start) => {
        for (let i = start + column; i < start + column + 32; i++) values[i] = values[i]! * 2 + 0.25;
      });
    },
  },
  {
    id: 'a tile of the residual stream not added',
    op: 'residual',
    where: 'random',
    plant({ config }, layer, _positions, random) {
      const column = 32 * below(random, config.hiddenSize / 32);
      return tamper('residual', layer, 'post_attention_layernorm.in', config.hiddenSize, (values, start) =>
        values.fill(0, start + column, start + column + 32),
      );
    },
  },
  {
    id: 'LoFi where HiFi2 was asked for',
    op: 'gateUp',
    where: 'random',
    plant: (_checkpoint, layer) => ({ faults: [{ op: 'gateUp', layer, knobs: { gateUpFidelity: 'LoFi' } }] }),
  },
  {
    id: 'lm_head slice shifted by a tile',
    op: 'lmHead',
    where: 'none',
    plant: (checkpoint) => ({
      checkpoint: editedCheckpoint(checkpoint, {
        [checkpoint.lmHeadName]: (values, [rows, columns]) => {
          const from = Math.floor(rows! / 64) * 32 * columns!;
          values.copyWithin(from + 32 * columns!, from, values.length - 32 * columns!);
        },
      }),
    }),
  },
  {
    id: 'embedding rows off by one',
    op: 'embedding',
    where: 'none',
    plant: (checkpoint) => ({
      checkpoint: editedCheckpoint(checkpoint, {
        'model.embed_tokens.weight': (values, [, columns]) => values.copyWithin(0, columns!),
      }),
    }),
  },
  {
    id: 'final norm left at one',
    op: 'finalNorm',
    where: 'none',
    plant: (checkpoint) => ({
      checkpoint: editedCheckpoint(checkpoint, { 'model.norm.weight': (values) => void values.fill(1) }),
    }),
  },
];

/** Equal blocks move one place on. */
function rotateBlocks(values: Float32Array, blocks: number): void {
  const length = values.length / blocks;
  const before = values.slice();
  values.set(before.subarray(length));
  values.set(before.subarray(0, length), values.length - length);
}

/** Attention that does not see the first keys, from the position on where others are left. */
function withoutFirstKeys(whole: LayerAttention, rest: LayerAttention, first: number): LayerAttention {
  return {
    write(position, ...row) {
      whole.write(position, ...row);
      if (position >= first) rest.write(position - first, ...row);
    },
    attend(queries, stride, rows, firstPosition) {
      const early = Math.max(0, Math.min(rows, first - firstPosition));
      const seen = early === 0 ? new Float32Array(0) : whole.attend(queries, stride, early, firstPosition);
      if (early === rows) return seen;
      const late = rest.attend(queries.subarray(early * stride), stride, rows - early, firstPosition + early - first);
      const joined = new Float32Array(seen.length + late.length);
      joined.set(seen);
      joined.set(late, seen.length);
      return joined;
    },
    release() {
      whole.release();
      rest.release();
    },
  };
}
