// What is packed: the original's names, shapes and sizes for Qwen2-7B, and an lm_head that may come in slices.
import { describe, expect, it } from 'vitest';
import { parseModelConfig } from '../../../checkpoint/config.ts';
import { expectedTensors } from '../../../checkpoint/tensor-names.ts';
import type { Checkpoint, CheckpointTensor } from '../../../checkpoint/weights.ts';
import { packTransposedWeights } from '../../wormhole/host-packing.ts';
import { createPlainMatmulEngine } from '../../wormhole/matrix-unit/matmul.ts';
import { createDecodeGraph } from '../decode-graph.ts';
import { parseDeviceOptions } from '../device-options.ts';
import { loadDeviceWeights } from '../device-weights.ts';
import { equalShare, openFixture } from '../graph.fixture.ts';
import { unitBytes, weightUnits } from './weight-units.ts';

const config = parseDeviceOptions('');

/** Shapes of Qwen2-7B without any file. */
function shapesOf7B(): Checkpoint {
  const model = parseModelConfig({
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    hidden_act: 'silu',
    hidden_size: 3584,
    intermediate_size: 18_944,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    vocab_size: 152_064,
    max_position_embeddings: 32_768,
    rms_norm_eps: 1e-6,
    rope_theta: 1_000_000,
    tie_word_embeddings: false,
    use_sliding_window: false,
    torch_dtype: 'bfloat16',
  });
  const tensors = new Map([...expectedTensors(model)].map(([name, shape]) => [name, { shape } as CheckpointTensor]));
  return { config: model, tensors, lmHeadName: 'lm_head.weight' } as unknown as Checkpoint;
}

describe('weight units', () => {
  it("have the original's names, shapes and payloads for Qwen2-7B", () => {
    const units = weightUnits(shapesOf7B(), config);
    expect(units).toHaveLength(28 + 5);
    expect(units[3]!.map((recipe) => [recipe.baseName, recipe.k, recipe.n, unitBytes([recipe])])).toEqual([
      ['model.layers.3.self_attn.wqkv_sharded', 3584, 4608, 17_547_264],
      ['model.layers.3.self_attn.wo_height_sharded', 3584, 3584, 13_647_872],
      ['model.layers.3.mlp.w1_sharded', 3584, 18_944, 72_138_752],
      ['model.layers.3.mlp.w3_sharded', 3584, 18_944, 72_138_752],
      ['model.layers.3.mlp.w2_sharded', 18_944, 3584, 72_138_752],
    ]);
    const head = units.slice(28).flat();
    expect(head.map(({ baseName, n }) => `${baseName} ${n}`)).toEqual([
      'output_lm_head_5_split_shard_0 32064',
      'output_lm_head_5_split_shard_1 32064',
      'output_lm_head_5_split_shard_2 32064',
      'output_lm_head_5_split_shard_3 32064',
      'output_lm_head_5_split_shard_4 23808',
    ]);
    expect(unitBytes(head)).toBe(579_059_712);
  });

  it('give the same logits from one lm_head and from slices of it', async () => {
    const checkpoint = openFixture('tiny-qwen2');
    const { vocabSize, hiddenSize } = checkpoint.config;
    const engine = createPlainMatmulEngine();
    const weights = await loadDeviceWeights(checkpoint, config, engine);
    const sliced = {
      ...weights,
      forHeadSlices(use: Parameters<typeof weights.forHeadSlices>[0]): Promise<void> {
        for (let first = 0; first < vocabSize; first += 96) {
          const n = Math.min(96, vocabSize - first);
          const rows = checkpoint.readRows(checkpoint.lmHeadName, first, n);
          const options = { format: config.lmHeadFormat, rounding: config.hostBfpRounding };
          use(engine.load(packTransposedWeights(rows, n, hiddenSize, options)), first);
        }
        return Promise.resolve();
      },
    };
    const normed = Float32Array.from({ length: 3 * hiddenSize }, (_, i) => ((i * 37) % 64) / 32 - 1);
    const [whole, fromSlices] = await Promise.all(
      [weights, sliced].map((each) => {
        const parts = { model: checkpoint.config, config, configFor: () => config, weights: each, engine };
        return createDecodeGraph(parts).logits(normed, { between: () => Promise.resolve() });
      }),
    );
    expect(new Set(whole).size).toBeGreaterThan(50);
    expect(equalShare(fromSlices!, whole!)).toBe(1);
  });
});
