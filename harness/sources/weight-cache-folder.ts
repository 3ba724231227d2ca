// Where the N150 model's packed weights of a checkpoint are kept on disk, if anywhere: the path that each recipe adds its key to.
// Source: n150-numerics E: $QWEN_DIR/N150/tensor_cache_bfp8, and tensor_cache_instruct_bfp8 for the instruct weights.
import path from 'node:path';
import { cacheFolderName } from '../../src/device/n150/weight-cache/weight-cache.ts';
import type { WeightFormat } from '../../src/device/wormhole/matmul-engine.ts';

export interface WeightCacheRequest {
  /** Absolute path of the checkpoint. */
  readonly checkpointFolder: string;
  readonly format: WeightFormat;
  readonly isInstruct: boolean;
  /** Folder given on the command line: it has one folder a checkpoint. */
  readonly weightCache: string | undefined;
  /** $QWEN_DIR: counts for the checkpoint that it holds, so that no other one takes the place of its cache. */
  readonly qwenDir: string | undefined;
}

/** @returns the folder without the key of checkpoint and recipe (`openWeightCache`); undefined when nothing is to be kept on disk. */
export function weightCacheFolder(request: WeightCacheRequest): string | undefined {
  const { checkpointFolder, format, isInstruct, weightCache, qwenDir } = request;
  const parent =
    weightCache !== undefined
      ? path.resolve(weightCache, path.basename(checkpointFolder))
      : isWithin(checkpointFolder, qwenDir)
        ? path.resolve(qwenDir!, 'N150')
        : undefined;
  if (parent === undefined) return undefined;
  return path.join(parent, cacheFolderName(format, isInstruct || /instruct/i.test(path.basename(checkpointFolder))));
}

function isWithin(folder: string, parent: string | undefined): boolean {
  if (parent === undefined || parent === '') return false;
  const relative = path.relative(path.resolve(parent), folder);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}
