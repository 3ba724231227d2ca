// A GGUF model in one file or in shards, NAME-00001-of-00003.gguf: which files there are, and that they belong together.
// Source: llama.cpp, gguf-split and llama_split_path: `split.no` counts from 0, `split.tensors.count` is that of all files; the first has
// the model's metadata.
import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError, listNames } from '../../../errors.ts';
import { unreadable } from '../../files.ts';
import { brokenGguf } from './cursor.ts';
import { numberField } from './fields.ts';
import { type GgufHeader, readGgufHeader } from './header.ts';

const SHARD = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s;

/**
 * @param path - of a model, or of any of its shards.
 * @returns absolute paths, in order.
 * @throws InputError `CHECKPOINT_SHARDS` if one is not there.
 */
export function shardPaths(path: string): string[] {
  const absolute = resolve(path);
  const [, prefix, number, total] = SHARD.exec(basename(absolute)) ?? [];
  const count = Number(total);
  if (prefix === undefined || number === '00000' || Number(number) > count) return [absolute];
  const folder = dirname(absolute);
  const names = Array.from({ length: count }, (_, i) => `${prefix}-${String(i + 1).padStart(5, '0')}-of-${total}.gguf`);
  const there = new Set(listed(folder));
  const absent = names.filter((name) => !there.has(name));
  if (absent.length === 0) return names.map((name) => join(folder, name));
  throw new InputError(`${absolute}: ${absent.length} of the model's ${count} shards are not there.`, {
    code: 'CHECKPOINT_SHARDS',
    facts: { missing: listNames(absent) },
    hint: 'download them into the folder, beside the others',
  });
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

/** @throws InputError `GGUF_HEADER` if the files are not the shards of one model. */
export function readShards(files: readonly string[]): GgufHeader[] {
  const headers = files.map((file) => readGgufHeader(file));
  for (const [index, header] of headers.entries()) {
    const { path } = header;
    const count = numberField(header, 'split.count') ?? 1;
    const number = numberField(header, 'split.no') ?? 0;
    if (count === files.length && number === index) continue;
    throw brokenGguf(path, 'the file is another shard than its name says', {
      found: `split.no ${number}, split.count ${count}`,
      wanted: `split.no ${index}, split.count ${files.length}`,
    });
  }
  const stated = numberField(headers[0]!, 'split.tensors.count');
  const found = headers.reduce((sum, { tensors }) => sum + tensors.size, 0);
  if (stated === undefined || stated === found) return headers;
  throw brokenGguf(files[0]!, 'the shards do not hold all tensors', { found, wanted: `split.tensors.count ${stated}` });
}
