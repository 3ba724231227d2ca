// Reads a bundle with distrust: every file by its digest, every number measured again from the rows, or it is refused by name.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { InputError } from '../../src/errors.ts';
import { writeFully } from '../../src/files/replace-file.ts';
import { printable } from '../../src/text/printable.ts';
import type { Pair } from '../record/row-metrics.ts';
import { firstDifference } from '../record/run-spec.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { measureTap } from '../run/inspect-token.ts';
import {
  BUNDLE_FILE,
  BUNDLE_SCHEMA_VERSION,
  type BundleRecord,
  BundleRecordSchema,
  ROWS_FILE,
  TAPS_FILE,
  WEIGHTS_PREFIX,
} from './bundle-record.ts';
import { decodeFloatTensors, type FloatTensors } from './float-tensors.ts';
import { judgeRows, numbersOf } from './judge-rows.ts';
import { openFile, readAt } from './read-pieces.ts';
import { fitsFile, putBack } from './weight-slices.ts';
import { type ArchiveBytes, type ReadableEntry, readArchive } from './zip-file.ts';

export interface OpenedBundle {
  readonly record: BundleRecord;
  /** Of the archive, as a person can send it along. */
  readonly sha256: string;
  /** [V] each. */
  readonly rows: Pair<Float32Array>;
  /** Measured and judged from the rows just now; equal to what the bundle says. */
  readonly token: TokenRecord;
  readonly hasWeights: boolean;
  /**
   * Writes the checkpoint's files into an empty folder, rows that were left out as zeros.
   *
   * @throws InputError BUNDLE_BROKEN if the file is another one by now.
   */
  readonly extractWeights: (folder: string) => void;
}

const RECORD_BYTES_MAX = 64 << 20;
const ROWS_BYTES_MAX = 256 << 20;
const TAPS_BYTES_MAX = 512 << 20;
/** More than any checkpoint has. */
const WEIGHTS_BYTES_MAX = 2 ** 42;

/**
 * @throws InputError FILE_UNREADABLE, BUNDLE_BROKEN for a file that is no whole bundle, BUNDLE_DIFFERS for one whose numbers are not those of
 * its rows.
 */
export function openBundle(file: string): OpenedBundle {
  return withArchive(file, (archive) => {
    const entries = readArchive(file, archive, limitOf);
    const record = readRecord(file, entries.get(BUNDLE_FILE)?.read());
    requireFiles(file, record, entries);
    const rows = rowsOf(file, record, entries.get(ROWS_FILE)?.read());
    requireContext(file, record);
    const token = judgeAgain(file, record, rows);
    requireTaps(file, record, entries.get(TAPS_FILE)?.read());
    const sha256 = createHash('sha256');
    for (let at = 0; at < archive.length; at += PIECE_BYTES) {
      sha256.update(archive.read(at, Math.min(PIECE_BYTES, archive.length - at)));
    }
    return {
      record,
      sha256: sha256.digest('hex'),
      rows,
      token,
      hasWeights: weightNames(entries).length > 0,
      extractWeights: (folder) => extractWeights(file, record, folder),
    };
  });
}

const PIECE_BYTES = 1 << 22;

type Entries = ReadonlyMap<string, ReadableEntry>;

function weightNames(entries: Entries): string[] {
  return [...entries.keys()].filter((name) => name.startsWith(WEIGHTS_PREFIX));
}

function extractWeights(file: string, record: BundleRecord, folder: string): void {
  withArchive(file, (archive) => {
    const entries = readArchive(file, archive, limitOf);
    // Names are those of files in one folder: limitOf lets no other through.
    for (const name of weightNames(entries)) {
      const target = path.join(folder, name.slice(WEIGHTS_PREFIX.length));
      const opened = openSync(target, 'wx');
      try {
        for (const piece of entries.get(name)!.pieces()) writeFully(opened, piece);
      } finally {
        closeSync(opened);
      }
    }
  });
  for (const slice of record.slices) {
    const target = path.join(folder, slice.file);
    if (!fitsFile(target, slice)) throw broken(file, `other rows of ${printable(slice.tensor)}`, 'those of its list');
    putBack(target, slice);
  }
}

function limitOf(name: string): number | undefined {
  if (name === BUNDLE_FILE) return RECORD_BYTES_MAX;
  if (name === ROWS_FILE) return ROWS_BYTES_MAX;
  if (name === TAPS_FILE) return TAPS_BYTES_MAX;
  // A file beside others in one folder: no separators, no dots alone.
  return /^weights\/\w[\w.-]*$/.test(name) ? WEIGHTS_BYTES_MAX : undefined;
}

function withArchive<T>(file: string, use: (archive: ArchiveBytes) => T): T {
  const opened = openFile(file);
  try {
    const { size } = fstatSync(opened);
    return use({ length: size, read: (at, bytes) => readAt(file, opened, at, bytes) });
  } finally {
    closeSync(opened);
  }
}

function readRecord(file: string, bytes: Buffer | undefined): BundleRecord {
  if (bytes === undefined) throw broken(file, `no ${BUNDLE_FILE}`, `${BUNDLE_FILE} and ${ROWS_FILE}`);
  try {
    return z.decode(BundleRecordSchema, JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    const [first] = error instanceof z.ZodError ? error.issues : [];
    const found = first === undefined ? String(error) : `${first.path.join('.')}: ${first.message}`;
    throw broken(file, `${BUNDLE_FILE}: ${printable(found)}`, `schema ${BUNDLE_SCHEMA_VERSION}`);
  }
}

function requireFiles(file: string, { files, slices }: BundleRecord, entries: Entries): void {
  const others = [...entries.keys()].filter((name) => name !== BUNDLE_FILE);
  const unlisted = others.find((name) => !files.some((one) => one.name === name));
  if (unlisted !== undefined || new Set(files.map(({ name }) => name)).size !== files.length) {
    throw broken(file, `${unlisted ?? 'a file twice'} in its list`, 'a list of every file');
  }
  for (const { name, bytes, sha256 } of files) {
    const entry = entries.get(name);
    const found = entry === undefined ? 'nothing' : `sha256 ${digestOf(entry)}`;
    if (entry?.lengthBytes !== bytes || found !== `sha256 ${sha256}`) {
      throw broken(file, `${name}: ${found}`, `${bytes} bytes of sha256 ${sha256}`);
    }
  }
  const sliced = slices.map((slice) => slice.file);
  const isWhole = sliced.every((name) => entries.has(`${WEIGHTS_PREFIX}${name}`));
  if (!isWhole || new Set(sliced).size !== sliced.length) {
    throw broken(file, `rows of ${printable(sliced.join(', '))}`, 'rows of files that are there, once each');
  }
}

function digestOf(entry: ReadableEntry): string {
  const digest = createHash('sha256');
  for (const piece of entry.pieces()) digest.update(piece);
  return digest.digest('hex');
}

function rowsOf(file: string, { vocabSize }: BundleRecord, bytes: Buffer | undefined): Pair<Float32Array> {
  const tensors: FloatTensors = bytes === undefined ? new Map() : decodeFloatTensors(`${file}, ${ROWS_FILE}`, bytes);
  const [golden, actual] = [tensors.get('golden'), tensors.get('actual')];
  if (golden?.length !== vocabSize || actual?.length !== vocabSize || tensors.size !== 2) {
    const found = Array.from(tensors, ([name, { length }]) => `${name} [${length}]`).join(', ');
    throw broken(file, found || `no ${ROWS_FILE}`, `golden and actual [${vocabSize}]`);
  }
  return { golden, actual };
}

/** The token is one of the spec's, and its context begins as the spec's prompt does. */
function requireContext(file: string, { spec, key, tokenIds, promptLength }: BundleRecord): void {
  const [one, ...others] = spec.cases;
  const [prompt] = one!.prompts;
  const known = [...(prompt?.promptIds ?? []), ...(prompt?.continuationIds ?? [])].slice(0, tokenIds.length);
  const fits =
    others.length === 0 &&
    one!.prompts.length === 1 &&
    one!.name === key.case &&
    prompt!.name === key.prompt &&
    prompt!.user === key.user &&
    one!.variants.some(({ name }) => name === key.variant) &&
    tokenIds.length === key.position + 1 &&
    promptLength === prompt!.promptIds.length &&
    known.every((id, i) => tokenIds[i] === id);
  if (!fits) throw broken(file, 'a token that its spec does not have', 'the spec of that token alone');
}

function judgeAgain(file: string, record: BundleRecord, rows: Pair<Float32Array>): TokenRecord {
  const texts = new Map(record.texts);
  const token = judgeRows(record, rows, (id) => texts.get(id) ?? `<id ${id}>`);
  const difference = firstDifference(record.token, numbersOf(token), '');
  if (difference === undefined) return token;
  throw differs(file, difference.path, difference.a, difference.b);
}

function requireTaps(file: string, { taps }: BundleRecord, bytes: Buffer | undefined): void {
  const rows: FloatTensors = bytes === undefined ? new Map() : decodeFloatTensors(`${file}, ${TAPS_FILE}`, bytes);
  for (const said of taps) {
    const [golden, actual] = [rows.get(`golden.${said.tap}`), rows.get(`actual.${said.tap}`)];
    const isPair = golden?.length === actual?.length;
    const difference = firstDifference(said, isPair ? measureTap(said.tap, golden, actual) : null, said.tap);
    if (difference !== undefined) throw differs(file, difference.path, difference.a, difference.b);
  }
}

function differs(file: string, place: string, said: string, measured: string): InputError {
  return new InputError(`${path.basename(file)}: its numbers are not those of its rows.`, {
    code: 'BUNDLE_DIFFERS',
    facts: { field: place, 'the bundle': said, 'its rows': measured },
    hint: 'somebody changed it, or another version of qwen-pcc wrote it; ask for it anew.',
  });
}

function broken(file: string, found: string, wanted: string): InputError {
  return new InputError(`${file}: this is no bundle of qwen-pcc, or a damaged one.`, {
    code: 'BUNDLE_BROKEN',
    facts: { found, wanted },
    hint: 'copy it again, or write it anew with `qwen-pcc inspect --token N --bundle FILE`.',
  });
}
