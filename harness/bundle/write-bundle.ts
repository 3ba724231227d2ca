// Writes a bundle: the token's rows and taps, what its numbers follow from, and the checkpoint's files where they are asked for.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../src/errors.ts';
import { replaceFile } from '../../src/files/replace-file.ts';
import { guardWrite, readError } from '../record/file-errors.ts';
import type { InspectedToken } from '../record/inspected-token.ts';
import {
  BUNDLE_FILE,
  BUNDLE_SCHEMA_VERSION,
  type BundleRecord,
  BundleRecordSchema,
  ROWS_FILE,
  TAPS_FILE,
  WEIGHTS_PREFIX,
} from './bundle-record.ts';
import { encodeFloatTensors } from './float-tensors.ts';
import { type ArchiveEntry, packArchive } from './zip-file.ts';

/** What `inspect` knows of a token; the rows are in the bundle's own files. */
export type BundledToken = Omit<BundleRecord, 'schemaVersion' | 'files'>;

/** A checkpoint folder's files that a bundle takes along. */
export interface BundledWeights {
  readonly folder: string;
  readonly files: readonly string[];
  readonly bytes: number;
}

/** Held in memory while the archive is written, beside it. */
const WEIGHTS_BYTES_MAX = 2 ** 30;
const OF_A_CHECKPOINT =
  /^(?:(?:generation_|tokenizer_)?config\.json|tokenizer\.json|[\w.-]+\.safetensors(?:\.index\.json)?)$/;

/**
 * What --with-weights would take along; nothing is read yet.
 *
 * @throws UsageError BUNDLE_WEIGHTS for a place that is no folder of safetensors, or too large.
 */
export function weightsToBundle(place: string): BundledWeights {
  const refuse = (found: string, wanted: string): UsageError =>
    new UsageError('these weights do not go into a bundle.', {
      code: 'BUNDLE_WEIGHTS',
      facts: { found, wanted },
      hint: 'leave --with-weights out: `qwen-pcc replay` needs none for the numbers, and takes a checkpoint with --weights.',
    });
  if (statSync(place, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw refuse(`${path.basename(place)}, no folder`, 'one checkpoint folder');
  }
  const files = readdirSync(place)
    .filter((name) => OF_A_CHECKPOINT.test(name))
    .sort();
  if (!files.some((name) => name.endsWith('.safetensors'))) throw refuse('no safetensors', 'a folder of safetensors');
  const bytes = files.reduce((sum, name) => sum + statSync(path.join(place, name)).size, 0);
  if (bytes > WEIGHTS_BYTES_MAX) throw refuse(`${bytes} bytes`, `at most ${WEIGHTS_BYTES_MAX} bytes`);
  return { folder: place, files, bytes };
}

/**
 * @param rows - [V] each, as compared.
 * @throws InputError WRITE_FAILED, FILE_UNREADABLE.
 */
export function writeBundle(
  file: string,
  token: BundledToken,
  rows: InspectedToken['logits'],
  tapRows: NonNullable<InspectedToken['tapRows']>,
  weights?: BundledWeights,
): void {
  const taps = new Map<string, Float32Array>();
  for (const [tap, { golden, actual }] of tapRows) taps.set(`golden.${tap}`, golden).set(`actual.${tap}`, actual);
  const entries: ArchiveEntry[] = [
    { name: ROWS_FILE, bytes: encodeFloatTensors(new Map(Object.entries(rows))) },
    ...(taps.size === 0 ? [] : [{ name: TAPS_FILE, bytes: encodeFloatTensors(taps) }]),
    ...(weights === undefined ? [] : weights.files.map((name) => readWeights(weights.folder, name))),
  ];
  const record: BundleRecord = {
    schemaVersion: BUNDLE_SCHEMA_VERSION,
    ...token,
    files: entries.map(({ name, bytes }) => ({
      name,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })),
  };
  const text = `${JSON.stringify(z.encode(BundleRecordSchema, record), null, 2)}\n`;
  const archive = packArchive([{ name: BUNDLE_FILE, bytes: Buffer.from(text) }, ...entries]);
  guardWrite(file, () => replaceFile(file, archive));
}

function readWeights(folder: string, name: string): ArchiveEntry {
  const file = path.join(folder, name);
  try {
    return { name: `${WEIGHTS_PREFIX}${name}`, bytes: readFileSync(file) };
  } catch (error) {
    throw readError(error, file);
  }
}
