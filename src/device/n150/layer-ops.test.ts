// The seam of layer-ops: a class of operations in one layer computes by the knobs that it is given, all others by theirs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allTaps, layerTap, type TapName, tapWidth } from '../taps.ts';
import { createKernelMatmulEngine } from '../wormhole/kernels/kernel-matmul-engine.ts';
import type { N150Config } from './compute-config.ts';
import { createDecodeGraph } from './decode-graph.ts';
import { parseDeviceOptions } from './device-options.ts';
import { type DeviceWeights, loadDeviceWeights } from './device-weights.ts';
import { equalShare, openFixture, readGoldenCase } from './graph.fixture.ts';
import { type ConfigFor, OP_CLASSES, type OpClass } from './layer-ops.ts';
import { copyLastRows } from './rows.ts';

const checkpoint = openFixture('tiny-qwen2');
const model = checkpoint.config;
const config = parseDeviceOptions('tier=fast');
const tokenIds = readGoldenCase('general-0').tokenIds.slice(0, 8);
const LAYER = 2;

/** A knob of each class and the tap in which it shows first. */
const CLASSES: Readonly<Record<OpClass, { knobs: Partial<N150Config>; first: Parameters<typeof layerTap>[1] }>> = {
  norm: { knobs: { rmsExact: true }, first: 'input_layernorm.out' },
  qkv: { knobs: { qkvFidelity: 'LoFi' }, first: 'self_attn.q_proj.out' },
  rotary: { knobs: { ropeFidelity: 'LoFi' }, first: 'self_attn.q_rotated' },
  kvCache: { knobs: { kvFormat: 'BF16' }, first: 'self_attn.k_cached' },
  attention: { knobs: { sdpaExp: 'exact' }, first: 'self_attn.o_proj.in' },
  o: { knobs: { oFidelity: 'LoFi' }, first: 'self_attn.out' },
  residual: { knobs: { eltwiseRounding: 'rtne' }, first: 'post_attention_layernorm.in' },
  gateUp: { knobs: { gateUpFidelity: 'LoFi' }, first: 'mlp.gate_proj.out' },
  gatedSilu: { knobs: { silu: 'exact' }, first: 'mlp.down_proj.in' },
  down: { knobs: { downFidelity: 'LoFi' }, first: 'mlp.out' },
};

let engine: Awaited<ReturnType<typeof createKernelMatmulEngine>>;
let weights: DeviceWeights;
let plain: ReadonlyMap<TapName, Float32Array>;
beforeAll(async () => {
  engine = await createKernelMatmulEngine({ threads: 2 });
  weights = await loadDeviceWeights(checkpoint, config, engine);
  plain = await tapsWith(() => config);
});
afterAll(async () => {
  await weights.release();
  await engine.close();
});

async function tapsWith(configFor: ConfigFor): Promise<Map<TapName, Float32Array>> {
  const graph = createDecodeGraph({ model, config, configFor, weights, engine });
  const wantedRows = tokenIds.length;
  const taps = new Map<TapName, Float32Array>();
  const sequence = graph.openSequence();
  await graph.run([{ sequence, tokenIds, firstPosition: 0, wantedRows, promptLength: undefined }], {
    onTap: (tap, rows) => taps.set(tap, copyLastRows(rows, wantedRows, tapWidth(tap, model))),
    showsCache: true,
    between: () => Promise.resolve(),
    onLayer: () => {},
  });
  sequence.release();
  return taps;
}

describe('layer ops', () => {
  it('show every tap of the table, in its order', () => {
    expect([...plain.keys()]).toEqual(allTaps(model.layers));
  });

  it.each(OP_CLASSES)(
    `take the knobs of %s in layer ${LAYER} from there alone: taps before it keep their bits`,
    async (opClass) => {
      const { knobs, first } = CLASSES[opClass];
      const promoted = await tapsWith((layer, asked) =>
        layer === LAYER && asked === opClass ? { ...config, ...knobs } : config,
      );
      const differing = [...plain].filter(([tap, values]) => equalShare(promoted.get(tap)!, values) < 1);
      expect(differing[0]?.[0]).toBe(layerTap(LAYER, first));
    },
  );
});
