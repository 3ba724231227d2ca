// The N150 model of a checkpoint with its kernels and weight cache, as every command opens it.
import { dirname } from 'node:path';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { checkedSource } from '../../src/device/checked-source.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { coreCounts } from '../../src/device/n150/chip.ts';
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import { type PackingProgress, requireWeightPlan } from '../../src/device/n150/device-weights.ts';
import { createN150Source } from '../../src/device/n150/n150-source.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { UsageError } from '../../src/errors.ts';
import { defaultThreads } from '../../src/machine.ts';
import { weightCacheFolder } from './weight-cache-folder.ts';
import { WrappedSource } from './wrapped-source.ts';

/** What the device may use of this machine; changes no bit. */
export interface DeviceResources {
  /** `defaultThreads()` if absent. */
  readonly threads?: number;
  /** Most bytes of packed device weights in memory; 70 % of the free memory if absent. */
  readonly memoryBytes?: number;
  /** Folder for packed weights, and $QWEN_DIR (`weightCacheFolder`). */
  readonly weightCache?: string;
  readonly qwenDir?: string;
  readonly onPacking?: PackingProgress;
}

/** @param isInstruct - names the checkpoint's folder in the weight cache. */
export async function openN150(
  checkpoint: Checkpoint,
  isInstruct: boolean,
  config: N150Config,
  resources: DeviceResources,
): Promise<LogitsSource> {
  const { threads, memoryBytes, onPacking } = resources;
  const folder = planN150(checkpoint, isInstruct, config, resources);
  const engine = await createKernelMatmulEngine({ threads: config.threads || threads || defaultThreads() });
  const weights = {
    ...(folder === undefined ? {} : { weightCache: folder }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(onPacking === undefined ? {} : { onPacking }),
  };
  try {
    const source = await createN150Source(checkpoint, config, engine, weights);
    return checkedSource(new OwningSource(source, () => engine.close()), 'device', checkpoint.config);
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/**
 * Refuses what the device model cannot run with these resources, before anything is opened or made; to be asked while a run is planned.
 *
 * @returns as `rememberInWeightCache`, which it calls.
 * @throws UsageError `WEIGHTS_TOO_LARGE`, `KNOB_VALUE` for a layer to skip that is not there; UnsupportedError as `coreCounts`.
 */
export function planN150(
  checkpoint: Checkpoint,
  isInstruct: boolean,
  config: N150Config,
  resources: Omit<DeviceResources, 'onPacking' | 'threads'>,
): string | undefined {
  coreCounts(checkpoint.config, config.gridRows);
  requireLayer(config.skipLayer, checkpoint);
  const weightCache = rememberInWeightCache(checkpoint, isInstruct, config, resources);
  const { memoryBytes } = resources;
  requireWeightPlan(checkpoint, config, {
    ...(weightCache === undefined ? {} : { weightCache }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  });
  return weightCache;
}

/**
 * Lets a checkpoint that has a weight cache keep its digest there, so that gigabytes are not hashed in every run.
 *
 * @returns the cache's folder without its key, if there is one.
 */
export function rememberInWeightCache(
  checkpoint: Checkpoint,
  isInstruct: boolean,
  { weightFormat }: N150Config,
  { weightCache, qwenDir }: { readonly weightCache?: string | undefined; readonly qwenDir?: string | undefined },
): string | undefined {
  const folder = weightCacheFolder({
    checkpointFolder: checkpoint.folder,
    format: weightFormat,
    isInstruct,
    weightCache,
    qwenDir,
  });
  if (folder !== undefined) checkpoint.keepDigestIn(dirname(folder));
  return folder;
}

/** A source that closes what it was built on. */
class OwningSource extends WrappedSource {
  readonly #closeRest: () => Promise<void>;

  constructor(inner: LogitsSource, closeRest: () => Promise<void>) {
    super(inner);
    this.#closeRest = closeRest;
  }

  /** Of the same model: what this was built on is not its own to close. */
  sequence(): LogitsSource {
    return this.inner.sequence!();
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#closeRest();
  }
}

/** A layer that is not there would be left out without a trace. */
function requireLayer(skipLayer: number, { name, config: { layers } }: Checkpoint): void {
  if (skipLayer < layers) return;
  throw new UsageError(`skipLayer=${skipLayer}: ${name} has no such layer.`, {
    code: 'KNOB_VALUE',
    facts: { found: String(skipLayer), wanted: `0 … ${layers - 1}, or -1 for none` },
    hint: `write skipLayer=${layers - 1}, or less.`,
  });
}
