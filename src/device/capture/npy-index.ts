// A folder of .npy files with a recording.json that says which file is what; ids and positions may stand in it as lists.
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../errors.ts';
import { isTapName } from '../taps.ts';
import { openNpy } from './npy.ts';
import { type Container, PROMPT_PREFIX, TAP_PREFIX } from './recording-format.ts';
import { fileRange, memoryBytes, type StoredArray, storedArray } from './stored-array.ts';

export const INDEX_FILE = 'recording.json';

const list = z.array(z.int());
/** A file, a list, or a list for each user of a batch. */
const integers = z.union([z.string(), list, z.array(list).min(1)]);
const files = z.union([z.string(), z.array(z.string()).min(1)]);

const indexSchema = z.strictObject({
  label: z.string().exactOptional(),
  model: z.string().exactOptional(),
  hidden: z.string().exactOptional(),
  logits_format: z.string().exactOptional(),
  tokenizer: z.string().exactOptional(),
  tokenizer_sha256: z.string().exactOptional(),
  prompts: z.array(
    z.strictObject({
      name: z.string(),
      input_ids: integers,
      positions: integers.exactOptional(),
      attention_mask: integers.exactOptional(),
      logits: files,
      taps: z.record(z.string().refine(isTapName, 'not a tap name'), files).exactOptional(),
      prompt_length: z.int().exactOptional(),
    }),
  ),
});

/** @throws InputError RECORDING_UNREADABLE. */
export function readIndexedFolder(folder: string): Container {
  const indexPath = join(folder, INDEX_FILE);
  const { prompts, ...metadata } = parseIndex(indexPath);
  const read = new Set([indexPath]);
  const open = (fileName: string): StoredArray => {
    if (fileName !== basename(fileName)) {
      throw unreadable(indexPath, 'arrays lie beside the file that names them', {
        found: fileName,
        wanted: 'a file name',
      });
    }
    const path = join(folder, fileName);
    const bytes = fileSize(path);
    if (bytes === undefined) throw unreadable(indexPath, 'a file that it names is missing', { found: fileName });
    read.add(path);
    return openNpy(fileRange(path, 0, bytes));
  };
  const openIntegers = (source: z.infer<typeof integers>): StoredArray =>
    typeof source === 'string' ? open(source) : arrayOfLists(indexPath, source);
  const arrays = new Map<string, readonly StoredArray[]>();
  for (const { name, logits, taps = {}, prompt_length: promptLength, ...lists } of prompts) {
    const set = (array: string, pieces: readonly StoredArray[]): void => {
      const key = `${PROMPT_PREFIX}${name}.${array}`;
      if (arrays.has(key))
        throw unreadable(indexPath, 'two prompts have the same name', { found: JSON.stringify(name) });
      arrays.set(key, pieces);
    };
    for (const [array, source] of Object.entries(lists)) set(array, [openIntegers(source)]);
    set('logits', [logits].flat().map(open));
    for (const [tap, source] of Object.entries(taps))
      set(`${TAP_PREFIX}${tap}`, [source as string | string[]].flat().map(open));
    if (promptLength !== undefined) set('prompt_length', [arrayOfLists(indexPath, [promptLength])]);
  }
  return {
    arrays,
    metadata: { ...metadata, prompts: JSON.stringify(prompts.map(({ name }) => name)) },
    otherNames: [],
    files: [...read].sort(),
  };
}

/** Undefined for what is no regular file, and for names that no file can have: too long, or with a NUL. */
function fileSize(path: string): number | undefined {
  try {
    const stats = statSync(path);
    return stats.isFile() ? stats.size : undefined;
  } catch {
    return undefined;
  }
}

function parseIndex(indexPath: string): z.infer<typeof indexSchema> {
  try {
    return indexSchema.parse(JSON.parse(readFileSync(indexPath, 'utf8')));
  } catch (cause) {
    const found = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw unreadable(indexPath, 'the recording cannot be read', {
      found,
      wanted: '{ "prompts": [{ "name": "a", "input_ids": [...], "logits": "FILE.npy" }] }',
    });
  }
}

/** [n], or [B, n] of lists that are of one length. */
function arrayOfLists(indexPath: string, lists: readonly number[] | readonly (readonly number[])[]): StoredArray {
  const isBatch = Array.isArray(lists[0]);
  const rows = (isBatch ? lists : [lists]) as readonly (readonly number[])[];
  const length = rows[0]!.length;
  if (rows.some((row) => row.length !== length)) {
    throw unreadable(indexPath, 'the lists of a batch have different lengths', {
      found: rows.map((row) => row.length).join(', '),
      wanted: 'padded lists with an attention_mask, or a prompt for each user',
    });
  }
  const values = Int32Array.from(rows.flat());
  const bytes = memoryBytes(indexPath, new Uint8Array(values.buffer));
  return storedArray(bytes, 'I32', isBatch ? [rows.length, length] : [length]);
}

function unreadable(indexPath: string, what: string, facts: Readonly<Record<string, string>>): InputError {
  return new InputError(`${indexPath}: ${what}.`, {
    code: 'RECORDING_UNREADABLE',
    facts,
    hint: 'docs/recordings.md shows a folder with its recording.json.',
  });
}
