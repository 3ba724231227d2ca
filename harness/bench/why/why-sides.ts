// What the benchmark of attribution asks both of devices that run and of recordings: sides, tokens, a defect in its random layer.
import { createReference } from '../../../reference/onnx-reference.ts';
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import type { LogitsSource } from '../../../src/device/logits-source.ts';
import { parseDeviceOptions } from '../../../src/device/n150/device-options.ts';
import { allTaps } from '../../../src/device/taps.ts';
import { randomOf } from '../../faults/random.ts';
import { type Lab, openLab } from '../../sources/open-lab.ts';
import type { PlantedFault } from '../../why/device-lanes.ts';
import type { Defect } from './planted-defects.ts';

/** Of layers, places and tokens; another one with QWEN_PCC_BENCH_SEED. */
export const SEED: number = Number(process.env['QWEN_PCC_BENCH_SEED'] ?? 11);
export const POSITIONS = 48;
const THREADS = 2;

/** Ids that no text has: attribution does not ask for sense. */
export function randomTokens(vocabSize: number, count: number, name: string): Int32Array {
  const random = randomOf(SEED, name);
  return Int32Array.from({ length: count }, () => Math.floor(random() * vocabSize));
}

export async function withReference<T>(
  checkpoint: Checkpoint,
  use: (reference: LogitsSource) => Promise<T>,
): Promise<T> {
  const reference = await createReference(checkpoint, {
    precision: 'fp32',
    threads: THREADS,
    taps: allTaps(checkpoint.config.layers),
  });
  try {
    return await use(reference);
  } finally {
    await reference.close();
  }
}

export async function withLab<T>(
  device: Checkpoint,
  reference: Checkpoint,
  options: string,
  use: (lab: Lab) => Promise<T>,
): Promise<T> {
  const sides = { device, reference, config: parseDeviceOptions(options), isInstruct: false };
  const lab = await openLab(sides, { threads: THREADS });
  try {
    return await use(lab);
  } finally {
    await lab.close();
  }
}

export interface Planted {
  readonly device: Checkpoint;
  readonly faults: readonly PlantedFault[];
  /** The layer that is right to blame first. */
  readonly wanted: number | null;
  readonly tokenIds: Int32Array;
}

export function planted(defect: Defect, checkpoint: Checkpoint): Planted {
  const random = randomOf(SEED, defect.id);
  const layer = Math.floor(random() * checkpoint.config.layers);
  const { checkpoint: device = checkpoint, faults = [] } = defect.plant(checkpoint, layer, POSITIONS, random);
  const wanted = defect.where === 'none' ? null : defect.where === 'all' ? 0 : layer;
  return { device, faults, wanted, tokenIds: randomTokens(checkpoint.config.vocabSize, POSITIONS, defect.id) };
}

export function place(layer: number | null, op: string): string {
  return layer === null ? op : `layer ${layer} ${op}`;
}
