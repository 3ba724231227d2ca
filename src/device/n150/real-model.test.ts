// A real checkpoint, Qwen2.5-Coder-0.5B-Instruct, as real ttnn kernels computed it: every bit, in tier exact.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensorFloat32, readTensorInt32 } from '../../checkpoint/safetensors.ts';
import { openCheckpoint } from '../../checkpoint/weights.ts';
import type { TapName } from '../logits-source.ts';
import { createKernelMatmulEngine } from '../wormhole/kernels/kernel-matmul-engine.ts';
import { parseDeviceOptions } from './device-options.ts';
import { equalShare, fixturePath } from './graph.fixture.ts';
import { createN150Source } from './n150-source.ts';

const VARIABLE = 'QWEN_PCC_CODER_DIR';
const folder = process.env[VARIABLE] ?? '';
const isThere = folder !== '' && existsSync(join(folder, 'config.json'));
const reason = isThere ? '' : ` [not run: ${VARIABLE} names no checkpoint folder, see fixtures/golden-real/README.md]`;

/** 128 positions of 24 layers in integers: a minute and a half on two cores, several times that on shared ones. */
const EXACT_TIMEOUT_MS = 3_600_000;

describe.skipIf(!isThere)(`recipe ttnn-0.81 on Qwen2.5-Coder-0.5B-Instruct${reason}`, () => {
  it(
    'gives every bit of 128 x 151,936 logits and of the residual stream that real ttnn kernels gave',
    async () => {
      const recording = readSafetensorsHeader(fixturePath('golden-ttnn/qwen25-coder-capital.safetensors'));
      const { epsilon, logits_sha256_f32_128_rows: wantedDigest } = JSON.parse(recording.metadata['config'] ?? '{}');
      const tokenIds = readTensorInt32(recording, 'input_ids');
      const positions = [...readTensorInt32(recording, 'positions')];
      const recordedLogits = readTensorFloat32(recording, 'logits');
      const checkpoint = openCheckpoint(folder);
      const { layers, hiddenSize, vocabSize } = checkpoint.config;
      const taps = Array.from({ length: layers }, (_, layer): TapName => `layers.${layer}.out`);
      const recordedHidden = taps.map((_, layer) => readTensorFloat32(recording, `hidden.${layer + 1}`));

      const engine = await createKernelMatmulEngine({ threads: 2 });
      const source = await createN150Source(
        checkpoint,
        parseDeviceOptions(`tier=exact,recipe=ttnn-0.81,rmsEps=${epsilon}`),
        engine,
      );
      const digest = createHash('sha256');
      const differing: string[] = [];
      const compare = (name: string, actual: Float32Array, recorded: Float32Array): void => {
        const share = equalShare(actual, recorded);
        if (share !== 1) differing.push(`${name}: ${(100 * share).toFixed(2)} % of the bits`);
      };
      await source.feed(tokenIds, { rows: 'all', taps }, (row) => {
        digest.update(new Uint8Array(row.logits.buffer, row.logits.byteOffset, row.logits.byteLength));
        const index = positions.indexOf(row.position);
        if (index < 0) return;
        taps.forEach((tap, layer) => {
          const recorded = recordedHidden[layer]!.subarray(index * hiddenSize, (index + 1) * hiddenSize);
          compare(`position ${row.position}, ${tap}`, row.taps.get(tap)!, recorded);
        });
        const recorded = recordedLogits.subarray(index * vocabSize, (index + 1) * vocabSize);
        compare(`position ${row.position}, logits`, row.logits, recorded);
      });
      await source.close();
      engine.close();

      expect(differing).toEqual([]);
      expect(positions).toHaveLength(8);
      expect(digest.digest('hex')).toBe(wantedDigest);
    },
    EXACT_TIMEOUT_MS,
  );
});
