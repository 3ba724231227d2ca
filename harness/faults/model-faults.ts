// Faults of the weights: a damaged copy of the checkpoint really runs, on the reference's side, and is said to be the device.
import path from 'node:path';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { tinyCheckpoints } from '../sources/package-root.ts';
import type { Fault, OpenedFault } from './fault.ts';
import type { FaultMaterial } from './fault-material.ts';
import { randomOf, shuffled } from './random.ts';
import { RelabelledSource } from './relabelled-source.ts';
import { copyObstacle, TensorEditor } from './tensor-editor.ts';

type ModelFault = Omit<Fault, 'kind' | 'open' | 'expect'> & {
  /** @returns why the checkpoint has nothing to damage in this way, if so. */
  readonly damage: (copy: TensorEditor, seed: number) => string | undefined;
};

const layerOf = (layer: number, rest: string): string => `model.layers.${layer}.${rest}.weight`;
const HEAD = 'lm_head.weight';
const EMBEDDING = 'model.embed_tokens.weight';
const TIED = 'the head of this checkpoint is its embedding';

const MODEL_FAULTS: readonly ModelFault[] = [
  {
    id: 'bias-lost',
    name: 'biases of queries, keys and values lost',
    standsFor: 'a converter that knows Llama, which has none',
    source: 'issue 12; Qwen2 is the exception',
    why: 'another model',
    damage: (copy) => zeroAll(copy, 'q_proj.bias', 'k_proj.bias', 'v_proj.bias'),
  },
  {
    id: 'key-bias-lost',
    name: 'biases of keys lost',
    standsFor: 'one of three biases forgotten',
    source: 'harness/calibration/sabotage.gate.test.ts',
    why: 'attention looks elsewhere',
    damage: (copy) => zeroAll(copy, 'k_proj.bias'),
  },
  {
    id: 'query-key-permuted',
    name: 'rows of q and k permuted within each head',
    standsFor: "Meta's order of rotary pairs in the place of Hugging Face's",
    source: 'llama.cpp convert_hf_to_gguf: permute; issue 12',
    why: 'positions turn other pairs',
    damage: (copy) => {
      const { config } = copy;
      for (const name of copy.endingIn('q_proj.weight', 'q_proj.bias'))
        copy.reorder(name, interleaved(config.queryHeads, config.headDim));
      for (const name of copy.endingIn('k_proj.weight', 'k_proj.bias'))
        copy.reorder(name, interleaved(config.keyValueHeads, config.headDim));
      return undefined;
    },
  },
  {
    id: 'head-tied',
    name: 'embedding used as head, though the head is its own',
    standsFor: 'tie_word_embeddings read wrongly',
    source: 'kekzl/imp #1571; issue 12: untied head',
    why: 'the logits are of another matrix',
    damage: (copy) => {
      if (!copy.has(HEAD)) return TIED;
      copy.write(HEAD, copy.read(EMBEDDING));
      return undefined;
    },
  },
  {
    id: 'head-shuffled',
    name: 'rows of the head in another order',
    standsFor: 'a head that was left at random',
    source: 'kekzl/imp #1571',
    why: 'every token is another one',
    damage: (copy, seed) => {
      if (!copy.has(HEAD)) return TIED;
      copy.reorder(HEAD, shuffled(copy.config.vocabSize, randomOf(seed, 'head-shuffled')));
      return undefined;
    },
  },
  {
    id: 'layer-skipped',
    name: 'one layer in the middle adds nothing',
    standsFor: 'a loop over layers that ends early, or a trace without one',
    source: 'skipLayer of the device model',
    why: 'another model',
    damage: (copy) => {
      const layer = Math.floor(copy.layers / 2);
      copy.zero(layerOf(layer, 'self_attn.o_proj'));
      copy.zero(layerOf(layer, 'mlp.down_proj'));
      return undefined;
    },
  },
  {
    id: 'layers-swapped',
    name: 'two neighbouring layers changed places',
    standsFor: 'layers sorted by name: 1, 10, 11, 2',
    source: 'string order of tensor names',
    why: 'another model',
    damage: (copy) => {
      const first = Math.floor(copy.layers / 2) - 1;
      if (first < 0) return 'it takes two layers';
      const prefix = `model.layers.${first}.`;
      const names = copy.endingIn('.weight', '.bias').filter((name) => name.startsWith(prefix));
      for (const name of names) copy.swap(name, name.replace(prefix, `model.layers.${first + 1}.`));
      return undefined;
    },
  },
  {
    id: 'gate-up-swapped',
    name: 'gate and up projection of every layer changed places',
    standsFor: 'a fused matrix that was split the wrong way round',
    source: 'fused w1/w3 of Llama ports',
    why: 'SiLU stands on the other factor',
    damage: (copy) => {
      for (let i = 0; i < copy.layers; i++) copy.swap(layerOf(i, 'mlp.gate_proj'), layerOf(i, 'mlp.up_proj'));
      return undefined;
    },
  },
  {
    id: 'key-heads-swapped',
    name: 'heads of keys in reversed order',
    standsFor: 'grouped queries that look at the wrong head',
    source: 'GQA: repeat against repeat_interleave',
    why: 'queries meet foreign keys',
    damage: (copy) => {
      const { keyValueHeads: kvHeads, headDim } = copy.config;
      if (kvHeads < 2) return 'there is one head of keys';
      const order = Array.from({ length: kvHeads * headDim }, (_, i) => {
        return (kvHeads - 1 - Math.floor(i / headDim)) * headDim + (i % headDim);
      });
      for (const name of copy.endingIn('k_proj.weight', 'k_proj.bias')) copy.reorder(name, order);
      return undefined;
    },
  },
  {
    id: 'rotary-base',
    name: 'rotary base 10,000',
    standsFor: "a default in the place of config.json's rope_theta",
    source: 'Llama 2 has 10,000, Qwen2 1,000,000',
    why: 'far positions are taken for others',
    damage: (copy) => {
      if (copy.config.ropeTheta === 10_000) return 'it is 10,000 already';
      copy.configure({ rope_theta: 10_000 });
      return undefined;
    },
  },
];

const DAMAGED: readonly Fault[] = MODEL_FAULTS.map(({ damage, ...fault }) => ({
  ...fault,
  kind: 'model',
  expect: 'caught',
  open: async ({ checkpoint, scratch, device, seed, openCheckpoint: run }: FaultMaterial): Promise<OpenedFault> => {
    const obstacle = copyObstacle(checkpoint);
    if (obstacle !== undefined) return { unfit: obstacle };
    const copy = new TensorEditor(checkpoint, path.join(scratch, fault.id));
    const unfit = damage(copy, seed);
    return unfit === undefined ? new RelabelledSource(await run(copy.folder), device.info) : { unfit };
  },
}));

const WRONG_CHECKPOINT: Fault = {
  id: 'wrong-checkpoint',
  name: 'another checkpoint of the same shapes',
  kind: 'model',
  standsFor: 'base and instruct exchanged, or an old download',
  source: 'issue 12',
  expect: 'caught',
  why: 'another model',
  open: async ({ checkpoint, device, openCheckpoint: run }): Promise<OpenedFault> => {
    for (const folder of tinyCheckpoints()) {
      const other = openCheckpoint(folder);
      const isOther = (await other.sha256()) !== (await checkpoint.sha256());
      if (isOther && other.config.vocabSize === checkpoint.config.vocabSize) {
        return new RelabelledSource(await run(folder), device.info);
      }
    }
    return { unfit: 'no other checkpoint of this vocabulary is at hand' };
  },
};

export const CHECKPOINT_FAULTS: readonly Fault[] = [WRONG_CHECKPOINT, ...DAMAGED];

function zeroAll(copy: TensorEditor, ...ends: readonly string[]): string | undefined {
  const names = copy.endingIn(...ends);
  for (const name of names) copy.zero(name);
  return names.length === 0 ? 'the checkpoint has no such biases' : undefined;
}

/** Of each head, rows 0, D/2, 1, D/2 + 1, …: pairs side by side instead of half a head apart. */
function interleaved(heads: number, headDim: number): number[] {
  return Array.from({ length: heads * headDim }, (_, i) => {
    const inHead = i % headDim;
    return i - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2);
  });
}
