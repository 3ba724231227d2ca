// A device model opened for experiments: its own weights, those of a healthy device of the same settings, and exact ones.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import { type DeviceWeights, loadDeviceWeights } from '../../src/device/n150/device-weights.ts';
import { RECIPES } from '../../src/device/n150/recipes.ts';
import { defaultBudget, planWeights } from '../../src/device/n150/weight-cache/memory-plan.ts';
import { weightUnits } from '../../src/device/n150/weight-cache/weight-units.ts';
import type { DeviceEngine } from '../../src/device/wormhole/attention-engine.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { defaultThreads } from '../../src/machine.ts';
import { type LabPlan, planLab, type SetSizes } from './lab-plan.ts';
import { type DeviceResources, planN150 } from './open-n150.ts';

/** `device`: its own. `healthy`: the reference's checkpoint in the device's formats. `exact`: the same, unrounded. */
export type WeightSet = 'device' | 'healthy' | 'exact';

export interface Lab {
  readonly label: string;
  readonly engine: DeviceEngine;
  readonly threads: number;
  /** Of the device's own checkpoint, and of the reference's. */
  readonly model: ModelConfig;
  readonly healthyModel: ModelConfig;
  readonly config: N150Config;
  /** The device's settings without what only debugging sets. */
  readonly healthyConfig: N150Config;
  readonly exactConfig: N150Config;
  /** Where the device is a healthy one, both names have one set. */
  readonly weights: ReadonlyMap<WeightSet, DeviceWeights>;
  /** How they share memory; without exact matrices the exact set has vectors and embeddings only. */
  readonly plan: LabPlan;
  /** Whether the device differs from a healthy one in anything. */
  readonly isHealthy: boolean;
  close(): Promise<void>;
}

export interface LabSides {
  readonly device: Checkpoint;
  readonly reference: Checkpoint;
  readonly config: N150Config;
  /** Names the checkpoint's folder in the weight cache. */
  readonly isInstruct: boolean;
}

/** @throws UsageError, UnsupportedError as `planN150`. */
export async function openLab(sides: LabSides, resources: DeviceResources): Promise<Lab> {
  const { device, reference, config, isInstruct } = sides;
  const folder = planN150(device, isInstruct, config, resources);
  const healthyConfig = healthyOf(config);
  const exactConfig = exactOf(config, reference.config);
  const { threads, memoryBytes = defaultBudget(), onPacking } = resources;
  const threadsUsed = config.threads || threads || defaultThreads();
  const isOwn =
    (await device.sha256()) === (await reference.sha256()) && device.configSha256 === reference.configSha256;
  const plan = planLab({
    packed: [sizesOf(device, config), ...(isOwn ? [] : [sizesOf(reference, healthyConfig)])],
    exact: sizesOf(reference, exactConfig),
    budgetBytes: memoryBytes,
    hasCache: folder !== undefined,
  });
  const engine = await createKernelMatmulEngine({ threads: threadsUsed });
  const weights = new Map<WeightSet, DeviceWeights>();
  const options = {
    ...(onPacking === undefined ? {} : { onPacking }),
    ...(folder === undefined ? {} : { weightCache: folder }),
    // Without a cache a set that is too large is refused, as a run refuses it.
    ...(folder === undefined ? { memoryBytes } : { memoryBytes: plan.packed === 'resident' ? Infinity : 0 }),
  };
  const close = async (): Promise<void> => {
    for (const set of new Set(weights.values())) await set.release();
    await engine.close();
  };
  try {
    const own = await loadDeviceWeights(device, config, engine, options);
    weights.set('device', own);
    weights.set('healthy', isOwn ? own : await loadDeviceWeights(reference, healthyConfig, engine, options));
    const exact = plan.exact === 'resident' ? { memoryBytes: Infinity } : { packsEachTime: true };
    weights.set('exact', await loadDeviceWeights(reference, exactConfig, engine, exact));
    const sameKnobs = JSON.stringify(config) === JSON.stringify(healthyConfig);
    return {
      label: `N150 device model, tier ${config.tier}, recipe ${config.recipe}`,
      engine,
      threads: threadsUsed,
      model: device.config,
      healthyModel: reference.config,
      config,
      healthyConfig,
      exactConfig,
      weights,
      plan,
      isHealthy: isOwn && sameKnobs,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function sizesOf(checkpoint: Checkpoint, config: N150Config): SetSizes {
  return planWeights(weightUnits(checkpoint, config), 0);
}

/** Debugging knobs are neutral, and epsilon is the recipe's. */
function healthyOf(config: N150Config): N150Config {
  const { rmsEps } = RECIPES[config.recipe];
  return { ...config, rmsEps, skipLayer: -1, ropePositionOffset: 0, demoRotOffByOne: false };
}

/** No rounding but that of the checkpoint's own weights to bfloat16; the epsilon of config.json. */
function exactOf(config: N150Config, { rmsNormEps }: ModelConfig): N150Config {
  return {
    ...healthyOf(config),
    tier: 'fp32',
    weightFormat: 'BF16',
    mlpFormat: 'auto',
    lmHeadFormat: 'BF16',
    biasFormat: 'BF16',
    kvFormat: 'BF16',
    rmsEps: rmsNormEps,
  };
}
