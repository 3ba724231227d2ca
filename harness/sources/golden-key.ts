// What decides the bits of reference rows that are kept on disk, as names: of the folder of a reference, of the file of a context.
import { createHash } from 'node:crypto';
import { arch, cpus } from 'node:os';
import { REFERENCE_REVISION } from '../../reference/reference-options.ts';
import type { SourceInfo } from '../../src/device/logits-source.ts';
import { packageVersion } from './package-root.ts';

/** Which reference makes the rows, without taps. */
export interface GoldenKey {
  /** What it says of itself once it is open: weights, config, precision, ONNX Runtime, threads, chunk, how weights live in memory. */
  readonly info: SourceInfo;
  readonly vocabSize: number;
}

/** What makes rows beside weights and settings. */
export interface GoldenMaker {
  readonly toolVersion: string;
  readonly revision: number;
  /** Its instructions decide how ONNX Runtime adds. */
  readonly processor: string;
}

export function thisMaker(): GoldenMaker {
  return {
    toolVersion: packageVersion(),
    revision: REFERENCE_REVISION,
    processor: `${arch()} ${cpus()[0]?.model ?? 'unknown'}`,
  };
}

/** Name of the folder of all rows of a reference: hex sha256. What a checkpoint is called or where it lies does not count. */
export function goldenFolderName({ info, vocabSize }: GoldenKey, maker: GoldenMaker = thisMaker()): string {
  const { weightsSha256, configSha256 = null, dtypes, logitsFormat } = info;
  const key = [
    maker.toolVersion,
    maker.revision,
    maker.processor,
    weightsSha256,
    configSha256,
    sorted(dtypes),
    logitsFormat,
    sorted(info.settings),
    vocabSize,
  ];
  return createHash('sha256').update(JSON.stringify(key)).digest('hex');
}

/**
 * Name of a context: all tokens fed so far, and where one feed ended and the next began, since that decides last bits.
 *
 * @param before - name of the context before this feed; the folder's where a sequence begins.
 * @param tokenIds - [P] of the feed.
 * @returns hex sha256.
 */
export function contextName(before: string, tokenIds: Int32Array): string {
  return createHash('sha256').update(before).update(tokenIds).digest('hex');
}

function sorted<T>(record: Readonly<Record<string, T>>): readonly (readonly [string, T])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
