// The files that recordings come in: safetensors, .npz archives and folders of .npy files, each as named arrays and metadata.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { recogniseFile } from '../../checkpoint/files.ts';
import { readSafetensorsHeader } from '../../checkpoint/safetensors.ts';
import type { FileKind } from '../../checkpoint/what-is-this-file.ts';
import { InputError } from '../../errors.ts';
import { isTorchArchive, refuseForeign } from './foreign-file.ts';
import { npyText, openNpy } from './npy.ts';
import { INDEX_FILE, readIndexedFolder } from './npy-index.ts';
import { type Container, isRecordedArray, METADATA_NAMES } from './recording-format.ts';
import { fileRange, type StoredArray, storedArray } from './stored-array.ts';
import { readZip } from './zip-archive.ts';

/**
 * Opens whatever lies at `path`.
 *
 * @param logitsName - name of the logits' array; other arrays of an archive are not inflated.
 * @throws InputError, UnsupportedError for files that are broken, or of another kind: then with the way to convert them.
 */
export function openContainer(path: string, logitsName: string): Container {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) {
    return existsSync(join(path, INDEX_FILE)) ? readIndexedFolder(path) : readPlainFolder(path, logitsName);
  }
  const kind = recogniseFile(path);
  if (kind === undefined) return readSafetensorsArrays(path);
  if (kind.kind === 'npz' || kind.kind === 'zip') return readNpz(path, kind, logitsName);
  return refuseForeign(path, kind);
}

function readSafetensorsArrays(path: string): Container {
  const { tensors, metadata } = readSafetensorsHeader(path);
  const arrays = new Map<string, readonly StoredArray[]>();
  for (const [name, { dtype, shape, offsetBytes, lengthBytes }] of tensors) {
    arrays.set(name, [storedArray(fileRange(path, offsetBytes, lengthBytes), dtype, shape)]);
  }
  return { arrays, metadata, otherNames: [], files: [path] };
}

function readNpz(path: string, kind: FileKind, logitsName: string): Container {
  const entries = readZip(path);
  if (isTorchArchive(entries)) refuseForeign(path, { ...kind, kind: 'pytorch' });
  const arrays = new Map<string, readonly StoredArray[]>();
  const metadata: Record<string, string> = {};
  const otherNames: string[] = [];
  for (const entry of entries) {
    if (!entry.name.endsWith('.npy')) continue;
    const name = entry.name.slice(0, -'.npy'.length);
    if ((METADATA_NAMES as readonly string[]).includes(name)) {
      const texts = npyText(entry.open());
      if (texts !== undefined) metadata[name] = metadataText(name, texts);
    } else if (isRecordedArray(name, logitsName)) arrays.set(name, [openNpy(entry.open())]);
    else otherNames.push(name);
  }
  if (arrays.size + otherNames.length === 0) refuseForeign(path, { ...kind, kind: 'zip' });
  return { arrays, metadata, otherNames, files: [path] };
}

/** The names of prompts may be an array of text, or its JSON as in a safetensors file. */
function metadataText(name: string, texts: readonly string[]): string {
  const isJson = texts.length === 1 && texts[0]!.startsWith('[');
  return name === 'prompts' && !isJson ? JSON.stringify(texts) : texts.join('');
}

/** `logits_0000.npy`, `logits-1.npy`, `logits.12.npy`: pieces of `logits`. */
const STEP = /^(.+)[._-](\d+)$/;

/** Files named as the arrays of a safetensors recording are; numbered ones are the steps of one array. */
function readPlainFolder(folder: string, logitsName: string): Container {
  const whole = new Map<string, string>();
  const steps = new Map<string, Map<number, string>>();
  const otherNames: string[] = [];
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.npy')) continue;
    const name = file.slice(0, -'.npy'.length);
    const [, base, number] = STEP.exec(name) ?? [];
    if (isRecordedArray(name, logitsName)) whole.set(name, file);
    else if (base !== undefined && isRecordedArray(base, logitsName)) {
      const pieces = steps.get(base) ?? new Map<number, string>();
      if (pieces.has(Number(number))) throw twice(folder, base, [pieces.get(Number(number))!, file]);
      pieces.set(Number(number), file);
      steps.set(base, pieces);
    } else otherNames.push(name);
  }
  const files: string[] = [];
  const open = (file: string): StoredArray => {
    const path = join(folder, file);
    files.push(path);
    return openNpy(fileRange(path, 0, statSync(path).size));
  };
  const arrays = new Map<string, readonly StoredArray[]>();
  for (const [name, file] of whole) arrays.set(name, [open(file)]);
  for (const [name, pieces] of steps) {
    if (arrays.has(name)) throw twice(folder, name, [whole.get(name)!, [...pieces.values()][0]!]);
    arrays.set(name, stepsInOrder(folder, name, pieces).map(open));
  }
  return { arrays, metadata: {}, otherNames, files: files.sort() };
}

/** @throws InputError RECORDING_STEPS for a number that is missing: the rows after it would belong to other tokens. */
function stepsInOrder(folder: string, name: string, pieces: ReadonlyMap<number, string>): string[] {
  const numbers = [...pieces.keys()].sort((a, b) => a - b);
  const missing = numbers.findIndex((number, i) => number !== numbers[0]! + i);
  if (missing < 0 && numbers[0]! <= 1) return numbers.map((number) => pieces.get(number)!);
  throw new InputError(`${basename(folder)}: a step of ${name} is missing.`, {
    code: 'RECORDING_STEPS',
    facts: {
      found: `${numbers.length} files, ${pieces.get(numbers[0]!)} … ${pieces.get(numbers.at(-1)!)}`,
      wanted: `the file with number ${missing < 0 ? 0 : numbers[missing - 1]! + 1}`,
    },
    hint: 'add it, or number the files from 0 on if these are all and say with positions.npy which tokens they are of.',
  });
}

function twice(folder: string, name: string, files: readonly string[]): InputError {
  return new InputError(`${basename(folder)}: ${name} is there twice.`, {
    code: 'RECORDING_TWICE',
    facts: { found: files.join(' and ') },
    hint: 'keep one of the two.',
  });
}
