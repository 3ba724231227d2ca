// Writes a bundle: the token's rows and taps, what its numbers follow from, and the weights that it needs where they are asked for.
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { UsageError } from '../../src/errors.ts';
import { replaceFile } from '../../src/files/replace-file.ts';
import { guardWrite } from '../record/file-errors.ts';
import type { InspectedToken } from '../record/inspected-token.ts';
import {
  BUNDLE_FILE,
  BUNDLE_SCHEMA_VERSION,
  type BundledFile,
  type BundleRecord,
  BundleRecordSchema,
  ROWS_FILE,
  TAPS_FILE,
  WEIGHTS_PREFIX,
  type WeightSlice,
} from './bundle-record.ts';
import { encodeFloatTensors } from './float-tensors.ts';
import { readPieces } from './read-pieces.ts';
import { embeddingSlice, slicedFile } from './weight-slices.ts';
import { type ArchiveEntry, ArchiveWriter, type StreamedEntry } from './zip-file.ts';

/** What `inspect` knows of a token; the rows are in the bundle's own files. */
export type BundledToken = Omit<BundleRecord, 'schemaVersion' | 'slices' | 'files'>;

/** The files of a checkpoint folder that a bundle takes along, with what a token needs of them. */
export interface BundledWeights {
  readonly files: readonly StreamedEntry[];
  /** Of all of them, as they go into the bundle. */
  readonly bytes: number;
  /** What stays behind. */
  readonly bytesLeftOut: number;
  readonly slices: readonly WeightSlice[];
}

const OF_A_CHECKPOINT =
  /^(?:(?:generation_|tokenizer_|quantize_)?config\.json|tokenizer\.json|[\w.-]+\.safetensors(?:\.index\.json)?)$/;

/**
 * What --with-weights would take along; no weight is read yet.
 *
 * @param tokenIds - the token's context.
 * @throws UsageError BUNDLE_WEIGHTS for a place that is no folder of safetensors; errors of the checkpoint.
 */
export function weightsToBundle(place: string, tokenIds: Iterable<number>): BundledWeights {
  const refuse = (found: string, wanted: string): UsageError =>
    new UsageError('these weights do not go into a bundle.', {
      code: 'BUNDLE_WEIGHTS',
      facts: { found, wanted },
      hint: 'leave --with-weights out: `qwen-pcc replay` needs none for the numbers, and takes a checkpoint with --weights.',
    });
  if (statSync(place, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw refuse(`${path.basename(place)}, no folder`, 'one checkpoint folder');
  }
  const names = readdirSync(place)
    .filter((name) => OF_A_CHECKPOINT.test(name))
    .sort();
  if (!names.some((name) => name.endsWith('.safetensors'))) throw refuse('no safetensors', 'a folder of safetensors');
  const slice = embeddingSlice(openCheckpoint(place), tokenIds);
  let bytesLeftOut = 0;
  const files = names.map((name): StreamedEntry => {
    const file = path.join(place, name);
    const { size } = statSync(file);
    const whole = { lengthBytes: size, pieces: () => readPieces(file, [{ at: 0, bytes: size }]) };
    const taken = name === slice?.file ? slicedFile(file, slice) : whole;
    bytesLeftOut += size - taken.lengthBytes;
    return { name: `${WEIGHTS_PREFIX}${name}`, ...taken };
  });
  const bytes = files.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  return { files, bytes, bytesLeftOut, slices: slice === undefined ? [] : [slice] };
}

/**
 * @param rows - [V] each, as compared.
 * @throws InputError WRITE_FAILED, DISK_FULL, FILE_UNREADABLE.
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
  ];
  guardWrite(file, () =>
    replaceFile(file, (append, writeAt) => {
      const archive = new ArchiveWriter({ append, writeAt });
      const files: BundledFile[] = [];
      for (const { name, bytes } of entries) {
        archive.add({ name, bytes });
        files.push({ name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
      }
      for (const entry of weights?.files ?? []) {
        const digest = createHash('sha256');
        archive.addStream(entry, (piece) => digest.update(piece));
        files.push({ name: entry.name, bytes: entry.lengthBytes, sha256: digest.digest('hex') });
      }
      const record: BundleRecord = {
        schemaVersion: BUNDLE_SCHEMA_VERSION,
        ...token,
        slices: weights?.slices ?? [],
        files,
      };
      // Last: it has the digests of all others.
      const text = `${JSON.stringify(z.encode(BundleRecordSchema, record), null, 2)}\n`;
      archive.add({ name: BUNDLE_FILE, bytes: Buffer.from(text) });
      archive.finish();
    }),
  );
}
