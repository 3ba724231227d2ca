// Opens a recording: a safetensors file, or a folder of .npy files with a recording.json.
// Source: recording-format.ts.
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { hashFiles } from '../../checkpoint/hash-files.ts';
import {
  readBytes,
  readSafetensorsHeader,
  readTensorInt32,
  type SafetensorsHeader,
} from '../../checkpoint/safetensors.ts';
import { InputError } from '../../errors.ts';
import { int32FromBytes } from '../../tensor/dtypes.ts';
import { isTapName, type TapName } from '../taps.ts';
import { readNpyHeader } from './npy.ts';
import {
  createRecordedPrompt,
  HIDDEN_MEANINGS,
  invalid,
  PROMPT_PREFIX,
  type RecordedPrompt,
  type StoredTensor,
  tapsFromTensorNames,
} from './recording-format.ts';

export interface Recording {
  readonly path: string;
  /** File or folder name. */
  readonly name: string;
  /** At least one; all of the same vocabulary. */
  readonly prompts: readonly RecordedPrompt[];
  readonly vocabSize: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Hex sha256 of the file, or of the `sha256  name` lines of a folder's files; streamed. */
  sha256(): Promise<string>;
}

export interface RecordingOptions {
  /** Name of the logits tensor of a safetensors file: `logits`, or another one such as `logits_f64`. */
  readonly logitsTensor?: string;
}

const INDEX_FILE = 'recording.json';

/**
 * Opens a recording; rows stay on disk.
 *
 * @throws InputError for files that cannot be read, ComparisonInvalidError for parts that are missing or do not fit together.
 */
export function openRecording(path: string, { logitsTensor = 'logits' }: RecordingOptions = {}): Recording {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const { prompts, metadata, files } = isFolder ? readNpyFolder(path) : readSafetensorsRecording(path, logitsTensor);
  const [first] = prompts;
  if (first === undefined) throw invalid(path, 'EMPTY', 'the recording holds no prompt', {});
  for (const [index, { name, vocabSize }] of prompts.entries()) {
    if (prompts.findIndex((prompt) => prompt.name === name) !== index) {
      throw invalid(path, 'PROMPT', 'two prompts have the same name', { name });
    }
    if (vocabSize === first.vocabSize) continue;
    throw invalid(path, 'VOCABULARY', 'prompts were recorded with different vocabularies', {
      [first.name]: first.vocabSize,
      [name]: vocabSize,
    });
  }
  return {
    path,
    name: basename(path),
    prompts,
    vocabSize: first.vocabSize,
    metadata,
    sha256: () => hashFiles(files),
  };
}

interface Parts {
  readonly prompts: readonly RecordedPrompt[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

const metadataSchema = z.looseObject({
  hidden: z.enum(HIDDEN_MEANINGS).optional(),
  prompts: jsonText(z.array(z.string())).optional(),
  prompt_lengths: jsonText(z.record(z.string(), z.int())).optional(),
  source: jsonText(z.looseObject({ weightsSha256: z.string() })).optional(),
});

function jsonText<T extends z.ZodType>(schema: T): z.ZodType<z.infer<T>, string> {
  const parsed = z.string().transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'not JSON' });
      return z.NEVER;
    }
  });
  return parsed.pipe(schema as z.ZodType<z.infer<T>, unknown>);
}

function readSafetensorsRecording(path: string, logitsTensor: string): Parts {
  const header = readSafetensorsHeader(path);
  const meta = metadataSchema.safeParse(header.metadata);
  if (!meta.success)
    throw invalid(path, 'METADATA', 'the metadata is malformed', { found: z.prettifyError(meta.error) });
  const names = [...header.tensors.keys()];
  const recorded = names
    .filter((name) => name.startsWith(PROMPT_PREFIX) && name.endsWith('.input_ids'))
    .map((name) => name.slice(PROMPT_PREFIX.length, -'.input_ids'.length))
    .sort();
  const order = meta.data.prompts ?? recorded;
  const isSingle = recorded.length === 0;
  const listed = isSingle ? [order[0] ?? basename(path).replace(/\.safetensors$/, '')] : order;
  const prompts = listed.map((name) => {
    const prefix = isSingle ? '' : `${PROMPT_PREFIX}${name}.`;
    const own = names.filter((tensor) => tensor.startsWith(prefix)).map((tensor) => tensor.slice(prefix.length));
    const tapTensors = [...tapsFromTensorNames(`${basename(path)}, prompt "${name}"`, own, meta.data.hidden)];
    return createRecordedPrompt({
      name,
      path,
      inputIds: requireIntegers(header, `${prefix}input_ids`),
      positions: requireIntegers(header, `${prefix}positions`),
      logits: requirePart(header, `${prefix}${logitsTensor}`),
      taps: new Map(
        tapTensors.map(([tap, tensor]): [TapName, StoredTensor] => [tap, requirePart(header, prefix + tensor)]),
      ),
      promptLength: meta.data.prompt_lengths?.[name],
    });
  });
  return { prompts, metadata: header.metadata, files: [path] };
}

function requirePart(header: SafetensorsHeader, name: string): StoredTensor {
  const entry = header.tensors.get(name);
  if (entry !== undefined) return { ...entry, file: header.path };
  throw invalid(
    header.path,
    'MISSING',
    `the recording has no tensor "${name}"`,
    { found: [...header.tensors.keys()].join(', ') },
    'a recording holds input_ids, positions and logits',
  );
}

function requireIntegers(header: SafetensorsHeader, name: string): Int32Array {
  const { shape, dtype } = requirePart(header, name);
  if (shape.length === 1 && (dtype === 'I32' || dtype === 'I64')) return readTensorInt32(header, name);
  throw invalid(header.path, 'IDS', `"${name}" is not a list of integers`, {
    found: `${dtype} [${shape.join(', ')}]`,
    wanted: 'I32 or I64 [n]',
  });
}

const integers = z.union([z.string(), z.array(z.int().nonnegative())]);
const folderSchema = z.strictObject({
  label: z.string().optional(),
  model: z.string().optional(),
  prompts: z.array(
    z.strictObject({
      name: z.string().min(1),
      input_ids: integers,
      positions: integers,
      logits: z.string(),
      taps: z.record(z.string().refine(isTapName, 'not a tap name'), z.string()).optional(),
      prompt_length: z.int().optional(),
    }),
  ),
});

/** recording.json names the .npy files beside it; ids and positions may also stand in it as arrays. */
function readNpyFolder(folder: string): Parts {
  const indexPath = join(folder, INDEX_FILE);
  let index: z.infer<typeof folderSchema>;
  try {
    index = folderSchema.parse(JSON.parse(readFileSync(indexPath, 'utf8')));
  } catch (cause) {
    throw new InputError(`${indexPath}: the recording cannot be read.`, {
      code: 'RECORDING_UNREADABLE',
      facts: {
        found: (cause as Error).message,
        wanted: '{ "prompts": [{ "name", "input_ids", "positions", "logits": "FILE.npy" }] }',
      },
      cause,
    });
  }
  const files = new Set([indexPath]);
  const open = (fileName: string): StoredTensor => {
    if (fileName !== basename(fileName)) {
      throw new InputError(`${indexPath}: arrays lie beside the file that names them.`, {
        code: 'RECORDING_UNREADABLE',
        facts: { found: fileName, wanted: 'a file name' },
      });
    }
    const file = join(folder, fileName);
    files.add(file);
    return { ...readNpyHeader(file), file };
  };
  const readIntegers = (source: string | number[]): Int32Array => {
    if (typeof source !== 'string') return Int32Array.from(source);
    const { file, dtype, shape, offsetBytes, lengthBytes } = open(source);
    if (shape.length === 1 && (dtype === 'I32' || dtype === 'I64')) {
      return int32FromBytes(dtype, readBytes(file, offsetBytes, lengthBytes));
    }
    throw invalid(file, 'IDS', 'this is not a list of integers', { found: `${dtype} [${shape.join(', ')}]` });
  };
  const prompts = index.prompts.map((entry) =>
    createRecordedPrompt({
      name: entry.name,
      path: folder,
      inputIds: readIntegers(entry.input_ids),
      positions: readIntegers(entry.positions),
      logits: open(entry.logits),
      taps: new Map(Object.entries(entry.taps ?? {}).map(([tap, file]) => [tap as TapName, open(file)])),
      promptLength: entry.prompt_length,
    }),
  );
  const { label, model } = index;
  const metadata = { ...(label === undefined ? {} : { label }), ...(model === undefined ? {} : { model }) };
  return { prompts, metadata, files: [...files].sort() };
}
