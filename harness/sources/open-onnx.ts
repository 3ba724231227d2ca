// Opens the ONNX reference of a checkpoint, behind a golden cache where there is one.
import { createReference, type Reference } from '../../reference/onnx-reference.ts';
import { type ReferenceOptions, referenceInfo } from '../../reference/reference-options.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { checkedSource, type SourceSide } from '../../src/device/checked-source.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { cachedReference, type GoldenCacheUse } from './golden-cache.ts';

/** Where rows are kept, and who counts them. */
export interface GoldenCachePlace {
  readonly folder: string;
  readonly use: GoldenCacheUse;
}

/** Taps are made for one token now and then, by a graph that has them for outputs: such a reference has no cache. */
export async function openOnnx(
  checkpoint: Checkpoint,
  options: ReferenceOptions,
  side: SourceSide,
  cache: GoldenCachePlace | undefined,
): Promise<LogitsSource> {
  const open = (): Promise<Reference> => createReference(checkpoint, options);
  const checked = (source: LogitsSource): LogitsSource => checkedSource(source, side, checkpoint.config);
  if (cache === undefined || (options.taps ?? []).length > 0) return checked(await open());
  const key = { info: await referenceInfo(checkpoint, options), vocabSize: checkpoint.config.vocabSize };
  const requireUnchanged = (): Promise<void> => checkpoint.requireUnchanged();
  return checked(await cachedReference(key, cache.folder, open, { use: cache.use, requireUnchanged }));
}
