// The N150 model of a checkpoint with its kernels and weight cache, as every command opens it.
import { availableParallelism } from 'node:os';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { checkedSource } from '../../src/device/checked-source.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import type { PackingProgress } from '../../src/device/n150/device-weights.ts';
import { createN150Source } from '../../src/device/n150/n150-source.ts';
import { createKernelMatmulEngine } from '../../src/device/wormhole/kernels/kernel-matmul-engine.ts';
import { weightCacheFolder } from './weight-cache-folder.ts';
import { WrappedSource } from './wrapped-source.ts';

/** What the device may use of this machine; changes no bit. */
export interface DeviceResources {
  /** As many as the machine has if absent. */
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
  const folder = rememberInWeightCache(checkpoint, isInstruct, config, resources);
  const engine = await createKernelMatmulEngine({ threads: config.threads || threads || availableParallelism() });
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
 * Lets a checkpoint that has a weight cache keep its digest there, so that gigabytes are not hashed in every run.
 *
 * @returns the cache's folder, if there is one.
 */
export function rememberInWeightCache(
  checkpoint: Checkpoint,
  isInstruct: boolean,
  { weightFormat }: N150Config,
  { weightCache, qwenDir }: Pick<DeviceResources, 'weightCache' | 'qwenDir'>,
): string | undefined {
  const folder = weightCacheFolder({
    checkpointFolder: checkpoint.folder,
    format: weightFormat,
    isInstruct,
    weightCache,
    qwenDir,
  });
  if (folder !== undefined) checkpoint.keepDigestIn(folder);
  return folder;
}

/** A source that closes what it was built on. */
class OwningSource extends WrappedSource {
  readonly #closeRest: () => Promise<void>;

  constructor(inner: LogitsSource, closeRest: () => Promise<void>) {
    super(inner);
    this.#closeRest = closeRest;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#closeRest();
  }
}
