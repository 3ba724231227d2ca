// Writes a synthetic Qwen2 checkpoint as a stream: the shapes, names and files of a real one, values out of a seed.
import { existsSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type ModelConfig, parseModelConfig } from '../../src/checkpoint/config.ts';
import { InputError, QwenPccError, UnsupportedError, UsageError } from '../../src/errors.ts';
import { makeFolder } from '../../src/files/make-folder.ts';
import { elementCount } from '../../src/tensor/dtypes.ts';
import type { ConfigJson } from './model-shapes.ts';
import { planShards, type Shard, shardIndexJson } from './shard-plan.ts';
import { createTensorFill, type SyntheticModel } from './synthetic-weights.ts';

/** Elements made and written at a time; two such buffers, so that one is made while the other is written. */
const CHUNK_ELEMENTS = 1 << 22;
/** A shape from which fewer elements than this are made cannot overrun the 32 bits of a pair's number. */
const TENSOR_ELEMENTS_MAX = 2 ** 33;
const INDEX_FILE = 'model.safetensors.index.json';
/** What `force` replaces: the files that say what the model is. All others in the folder stay. */
const MODEL_FILE = /^(model.*\.safetensors|model\.safetensors\.index\.json|config\.json|generation_config\.json)$/;

export interface SynthesizeOptions {
  /** Written as config.json; decides every shape. */
  readonly config: ConfigJson;
  readonly generationConfig: ConfigJson;
  /** Selects the values, a whole number from 0 on. */
  readonly seed: number;
  /** Replaces the model files of a folder that is not empty; its other files stay. */
  readonly force?: boolean;
  /** Largest weight file, bytes; 4e9 as Qwen's own if absent. */
  readonly shardBytesMax?: number;
  /** Stops the run; nothing is left of it. */
  readonly signal?: AbortSignal;
  /** Called often, with the bytes of weights written so far and in the end. */
  readonly onBytes?: (done: number, total: number) => void;
}

export interface SynthesizedCheckpoint {
  readonly config: ModelConfig;
  readonly tensors: number;
  /** Weight files, in order. */
  readonly files: readonly string[];
  /** Weights and headers. */
  readonly bytes: number;
}

/**
 * Writes into a folder inside `folder` and moves the files into place when all are whole, config.json last: whatever
 * stops the run, no file under its final name is half written.
 *
 * @throws UsageError `FOLDER_NOT_EMPTY`, `FOLDER_IS_FILE`; InputError `DISK_FULL` before anything is written, `FILE_WRITE`;
 *   UnsupportedError and InputError from the config; the signal's reason.
 */
export async function synthesizeCheckpoint(folder: string, options: SynthesizeOptions): Promise<SynthesizedCheckpoint> {
  const config = parseModelConfig(options.config);
  const shards = planShards(config, options.shardBytesMax);
  const bytes = shards.reduce((sum, { header, dataBytes }) => sum + header.length + dataBytes, 0);
  const replaced = filesToReplace(folder, options.force === true);
  requireTensorSizes(shards);
  requireFreeSpace(folder, bytes);
  const existed = existsSync(folder);
  let working: string | undefined;
  try {
    makeFolder(folder);
    working = mkdtempSync(join(folder, '.synthesize-'));
    await writeShards(working, shards, { config, seed: options.seed }, options);
    const texts = textFiles(shards, options);
    for (const [name, json] of texts) await writeFile(join(working, name), `${JSON.stringify(json, null, 2)}\n`);
    for (const name of replaced) rmSync(join(folder, name));
    const names = [...shards.map(({ fileName }) => fileName), ...texts.map(([name]) => name)];
    for (const name of names) renameSync(join(working, name), join(folder, name));
    rmdirSync(working);
  } catch (cause) {
    if (working !== undefined) rmSync(working, { recursive: true, force: true });
    if (!existed) rmSync(folder, { recursive: true, force: true });
    if (options.signal?.aborted === true || cause instanceof QwenPccError) throw cause;
    throw new InputError(`${folder}: the checkpoint could not be written.`, {
      code: 'FILE_WRITE',
      facts: { found: (cause as Error).message },
      hint: 'check the folder, its permissions and the free space',
      cause,
    });
  }
  const tensors = shards.reduce((sum, shard) => sum + shard.tensors.length, 0);
  return { config, tensors, files: shards.map(({ fileName }) => join(folder, fileName)), bytes };
}

/** In the order in which they are put in place: config.json is what makes the folder a checkpoint. */
function textFiles(shards: readonly Shard[], options: SynthesizeOptions): [name: string, json: unknown][] {
  return [
    ...(shards.length === 1 ? [] : [[INDEX_FILE, shardIndexJson(shards)] satisfies [string, unknown]]),
    ['generation_config.json', options.generationConfig],
    ['config.json', options.config],
  ];
}

async function writeShards(
  working: string,
  shards: readonly Shard[],
  model: SyntheticModel,
  { signal, onBytes }: SynthesizeOptions,
): Promise<void> {
  const total = shards.reduce((sum, { dataBytes }) => sum + dataBytes, 0);
  const buffers = [new Uint16Array(CHUNK_ELEMENTS), new Uint16Array(CHUNK_ELEMENTS)] as const;
  let turn = 0;
  let done = 0;
  for (const shard of shards) {
    const file = await open(join(working, shard.fileName), 'w');
    try {
      let writing = writeAll(file, shard.header);
      for (const { name, shape } of shard.tensors) {
        const fill = createTensorFill(name, shape, model);
        const elements = elementCount(shape);
        for (let first = 0; first < elements; first += CHUNK_ELEMENTS) {
          const chunk = buffers[turn % 2]!.subarray(0, Math.min(CHUNK_ELEMENTS, elements - first));
          turn += 1;
          fill(chunk, first);
          await writing;
          signal?.throwIfAborted();
          writing = writeAll(file, chunk);
          done += chunk.byteLength;
          onBytes?.(done, total);
        }
      }
      await writing;
    } finally {
      await file.close();
    }
  }
}

async function writeAll(file: FileHandle, data: Uint8Array | Uint16Array): Promise<void> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
}

/** The model files that are in the way. */
function filesToReplace(folder: string, force: boolean): readonly string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new UsageError(`${folder}: the checkpoint's folder cannot be used.`, {
      code: 'FOLDER_UNUSABLE',
      facts: { found: (cause as Error).message, wanted: 'an empty folder, or one that does not exist' },
      hint: 'give another folder.',
      cause,
    });
  }
  if (names.length > 0 && !force) {
    throw new UsageError(`${folder} is not empty.`, {
      code: 'FOLDER_NOT_EMPTY',
      facts: {
        found: names.length > 4 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(', '),
      },
      hint: 'give another folder, or replace the model files in it with --force.',
    });
  }
  return names.filter((name) => MODEL_FILE.test(name));
}

function requireTensorSizes(shards: readonly Shard[]): void {
  for (const { name, shape } of shards.flatMap(({ tensors }) => tensors)) {
    if (elementCount(shape) <= TENSOR_ELEMENTS_MAX) continue;
    throw new UnsupportedError(`synthesize: ${name} is too large.`, {
      code: 'SYNTHETIC_SIZE',
      facts: { found: `[${shape.join(', ')}]`, wanted: `at most ${TENSOR_ELEMENTS_MAX} elements` },
      hint: 'choose a smaller model with --like.',
    });
  }
}

/** What `force` replaces is only removed in the end, so it does not count as free. */
function requireFreeSpace(folder: string, bytes: number): void {
  let existing = resolve(folder);
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  if (bavail * bsize >= bytes) return;
  throw new InputError(`${folder}: the disk is too small for the checkpoint.`, {
    code: 'DISK_FULL',
    facts: { free: `${((bavail * bsize) / 1e9).toFixed(1)} GB`, wanted: `${(bytes / 1e9).toFixed(1)} GB` },
    hint: 'free some space, or make fewer layers with --layers.',
  });
}
