// The device with YaRN at positions up to 131,071, every position before them in its KV cache, against the reference.
// Source: fixtures/golden-hf/README.md, quirk-yarn-131072: one layer, YaRN of factor 4 over 32,768.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixturePath, maxDistance, readGoldenCase } from '../../reference/golden-cases.fixture.ts';
import { createReference } from '../../reference/onnx-reference.ts';
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { parseDeviceOptions } from '../../src/device/n150/device-options.ts';
import { createN150Source } from '../../src/device/n150/n150-source.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import type { MatmulEngine } from '../../src/device/wormhole/matmul-engine.ts';
import { correlate } from '../metrics/pcc.ts';

const POSITIONS = [1000, 32_768, 131_071];
/** Keys and values of 131,072 positions take 2 to 5 seconds on two cores, several times that on busy ones. */
const LONG_TIMEOUT_MS = 120_000;
/** What the original asks of one layer (test_qwen_decoder). */
const LAYER_PCC_MINIMUM = 0.99;
/** What it asks of a model's logits. */
const MODEL_PCC_MINIMUM = 0.79;
const NO_NOISE = 'tier=fp32,weightFormat=BF16,lmHeadFormat=BF16,biasFormat=BF16,rmsEps=1e-6';

const golden = readGoldenCase('golden-hf/quirk-yarn-131072');
const checkpoint = openCheckpoint(fixturePath('golden-hf/quirk-yarn'));
const { vocabSize, ropeScaling } = checkpoint.config;

let engine: MatmulEngine;
/** [V] for each of POSITIONS. */
let reference: readonly Float32Array[];
beforeAll(async () => {
  engine = await createKernelMatmulEngine({ threads: 2 });
  const atFirst = await rowsOf(await createReference(checkpoint, { precision: 'fp32' }), POSITIONS.slice(0, 1));
  // Passes of the reference over the rest take a minute: reference/long-context.system.test.ts has shown that they give these rows.
  reference = [...atFirst, ...POSITIONS.slice(1).map((position) => goldenRow(golden.truth, position))];
});
afterAll(() => engine.close());

function goldenRow(rows: Float32Array, position: number): Float32Array {
  const row = golden.positions.indexOf(position);
  return rows.subarray(row * vocabSize, (row + 1) * vocabSize);
}

/** Logits at these positions, all positions before them fed too. */
async function rowsOf(source: LogitsSource, positions: readonly number[]): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  for (const position of positions) {
    await source.feed(golden.tokenIds.subarray(source.length, position), { rows: 'none' }, () => {});
    await source.feed(golden.tokenIds.subarray(position, position + 1), { rows: 'last' }, ({ logits }) => {
      rows.push(logits.slice());
    });
  }
  await source.close();
  return rows;
}

async function runDevice(
  options: string,
  positions: readonly number[] = POSITIONS,
  opened: Checkpoint = checkpoint,
): Promise<Float32Array[]> {
  return rowsOf(await createN150Source(opened, parseDeviceOptions(options), engine), positions);
}

/** PCC at each of POSITIONS, which docs/numerics.md quotes; vitest shows the line beside the test. */
function pccs(name: string, rows: readonly Float32Array[]): number[] {
  const found = rows.map((row, i) => {
    const correlation = correlate(reference[i]!, row);
    return correlation.kind === 'defined' ? correlation.pcc : Number.NaN;
  });
  const texts = found.map((pcc, i) => `${pcc.toFixed(6)} at ${POSITIONS[i]}`);
  process.stdout.write(`quirk-yarn, ${name}: PCC against the reference ${texts.join(', ')}\n`);
  return found;
}

describe('the device with YaRN', () => {
  it(
    'keeps above the floor of the original up to position 131,071',
    async () => {
      for (const pcc of pccs('default device', await runDevice(''))) expect(pcc).toBeGreaterThan(MODEL_PCC_MINIMUM);
    },
    LONG_TIMEOUT_MS,
  );

  it(
    'loses nothing to the position but by the fast exponential, whose error grows with the chunks of keys',
    async () => {
      const exact = pccs('sdpaExp=exact', await runDevice('sdpaExp=exact'));
      for (const pcc of exact) expect(pcc).toBeGreaterThan(LAYER_PCC_MINIMUM);
    },
    LONG_TIMEOUT_MS,
  );

  it(
    'without rounding is as near to the truth as the reference has to be, although its angles are float32',
    async () => {
      const rows = await runDevice(NO_NOISE);
      pccs('no rounding', rows);
      for (const [i, row] of rows.entries()) {
        expect(maxDistance(row, reference[i]!)).toBeLessThanOrEqual(golden.tolerance);
      }
    },
    LONG_TIMEOUT_MS,
  );

  it.each([
    { what: "YaRN's own attention factor", attentionFactor: 0.1 * Math.log(4) + 1, isReference: true },
    { what: 'another attention factor', attentionFactor: 1, isReference: false },
  ])('multiplies its rotation by what the config gives: $what', async ({ attentionFactor, isReference }) => {
    const config: ModelConfig = { ...checkpoint.config, ropeScaling: { ...ropeScaling!, attentionFactor } };
    const changed = Object.assign(Object.create(checkpoint) as Checkpoint, { config });
    const [row] = await runDevice(NO_NOISE, [1000], changed);
    expect(maxDistance(row!, reference[0]!) <= golden.tolerance).toBe(isReference);
  });
});
