// The table of taps is kept by both sides: every tap at its width, and without device noise the same values.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReference } from '../../reference/onnx-reference.ts';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { parseDeviceOptions } from '../../src/device/n150/device-options.ts';
import { fixturePath, openFixture, readGoldenCase } from '../../src/device/n150/graph.fixture.ts';
import { createN150Source } from '../../src/device/n150/n150-source.ts';
import { allTaps, type TapName, tapWidth } from '../../src/device/taps.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { roundAllToBf16TiesEven } from '../../src/numerics/bf16.ts';

const NO_NOISE = 'tier=fp32,weightFormat=BF16,lmHeadFormat=BF16,biasFormat=BF16,rmsEps=1e-6';
const POSITIONS = 24;

let engine: Awaited<ReturnType<typeof createKernelMatmulEngine>>;
beforeAll(async () => {
  engine = await createKernelMatmulEngine({ threads: 2 });
});
afterAll(() => engine.close());

/** Every tap [P * width] of a source, in the order of its rows. */
async function tapsOf(
  source: LogitsSource,
  tokenIds: Int32Array,
  taps: readonly TapName[],
): Promise<Map<TapName, number[]>> {
  const values = new Map<TapName, number[]>();
  await source.feed(tokenIds, { rows: 'all', taps }, (row) => {
    for (const [tap, own] of row.taps) {
      if (!values.has(tap)) values.set(tap, []);
      values.get(tap)!.push(...own);
    }
  });
  await source.close();
  return values;
}

/** |a - b| / |a|: unlike PCC it sees scale and offset too. */
function relativeDistance(a: readonly number[], b: readonly number[]): number {
  const squares = a.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / squares);
}

/** A cache without noise holds what it was given, so that its tap is that one's. */
function givenTo(tap: TapName): string {
  return tap.replace('k_cached', 'k_rotated').replace('v_cached', 'v_proj.out');
}

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-taps-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A fixture with every weight rounded to bfloat16, as the device stores it, so that both sides compute from the same weights. */
function openRounded(fixture: string): Checkpoint {
  const folder = join(scratch, basename(fixture));
  cpSync(fixturePath(fixture), folder, { recursive: true });
  const checkpoint = openFixture(fixture);
  writeSafetensors(
    join(folder, 'model.safetensors'),
    [...checkpoint.tensors].map(([name, { shape }]) => {
      const data = checkpoint.readFloat32(name);
      roundAllToBf16TiesEven(data);
      return { name, dtype: 'F32', shape, data };
    }),
  );
  return openCheckpoint(folder);
}

/** In float32 and from the same weights only the order of additions differs: measured 8e-7 of the norm at most. */
const LIMIT = 1e-5;

describe.each([
  { name: 'grouped heads (Q = 4, K = 2)', fixture: 'tiny-qwen2', golden: 'general-0' },
  {
    name: 'a head dimension of its own (D = 32, H / Q = 16)',
    fixture: 'golden-hf/quirk-headdim-f32',
    golden: 'quirk-headdim-f32',
  },
])('taps of a model with $name', ({ fixture, golden }) => {
  const checkpoint = openRounded(fixture);
  const model = checkpoint.config;
  const taps = allTaps(model.layers);
  let reference: Map<TapName, number[]>;
  let device: Map<TapName, number[]>;
  beforeAll(async () => {
    const tokenIds = readGoldenCase(golden).tokenIds.slice(0, POSITIONS);
    reference = await tapsOf(await createReference(checkpoint, { precision: 'fp32', taps }), tokenIds, taps);
    device = await tapsOf(await createN150Source(checkpoint, parseDeviceOptions(NO_NOISE), engine), tokenIds, taps);
  });

  it('are handed out by both sides in the order and at the widths of the table', () => {
    const widths = taps.map((tap) => [tap, POSITIONS * tapWidth(tap, model)]);
    const found = (values: Map<TapName, number[]>): unknown => [...values].map(([tap, own]) => [tap, own.length]);
    expect(found(reference)).toEqual(widths);
    expect(found(device)).toEqual(widths);
  });

  it('agree in tier fp32 but for the order of additions, and with no other tap', () => {
    let largest = 0;
    for (const tap of taps) {
      const own = reference.get(tap)!;
      largest = Math.max(largest, relativeDistance(own, device.get(tap)!));
      expect(relativeDistance(own, device.get(tap)!), tap).toBeLessThan(LIMIT);
      for (const other of taps) {
        if (device.get(other)!.length !== own.length || givenTo(tap) === givenTo(other)) continue;
        expect(relativeDistance(own, device.get(other)!), `${tap} beside ${other}`).toBeGreaterThan(10 * LIMIT);
      }
    }
    process.stdout.write(`taps of ${fixture}: largest distance ${largest.toExponential(2)} of ${LIMIT}\n`);
  });
});
