// Runs every known vector file of a folder through the device model and counts what differs.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, QwenPccError } from '../../../errors.ts';
import type { DeviceEngine } from '../../wormhole/attention-engine.ts';
import { createPlainMatmulEngine } from '../../wormhole/matrix-unit/matmul.ts';
import type { Comparison } from './comparison.ts';
import { KNOWN_VECTOR_FILES, type VectorSubject, vectorFileByName } from './vector-files.ts';

/** checked: compared. absent: a known name that the folder lacks. unreadable: present, of another layout. unknown: not ours. */
export type VectorFileState = 'checked' | 'absent' | 'unreadable' | 'unknown';

export interface VectorFileResult {
  readonly name: string;
  readonly state: VectorFileState;
  /** What it is evidence about; undefined for an unknown file. */
  readonly subject: VectorSubject | undefined;
  /** What was found; undefined unless checked. */
  readonly comparison: Comparison | undefined;
  /** Why a file is unreadable. */
  readonly message: string | undefined;
}

export interface VectorReport {
  readonly folder: string;
  /** In the table's order, then files that the table does not name. */
  readonly files: readonly VectorFileResult[];
  /** Sum over all checked files. */
  readonly cases: number;
  readonly mismatches: number;
  /** At least one file was checked, none differs and none is unreadable. */
  readonly passed: boolean;
}

const VECTOR_EXTENSION = /\.(bin|safetensors)$/;

/**
 * @param folder - holds files named and laid out as fixtures/vectors/ or fixtures/vectors/ttnn-0.81.1/ (any subset).
 * @param engine - runs matmuls and attention; the plain TypeScript twin if not given.
 * @throws InputError if the folder cannot be listed, or a known file of it not be opened (`FILE_*`).
 */
export function checkVectors(folder: string, engine: DeviceEngine = createPlainMatmulEngine()): VectorReport {
  const present = listFolder(folder);
  const files: VectorFileResult[] = KNOWN_VECTOR_FILES.map(({ name, subject }) =>
    present.includes(name)
      ? checkFile(folder, name, engine)
      : { name, state: 'absent', subject, comparison: undefined, message: undefined },
  );
  const known = new Set(KNOWN_VECTOR_FILES.map(({ name }) => name));
  for (const name of present) {
    if (!known.has(name) && VECTOR_EXTENSION.test(name)) files.push(checkFile(folder, name, engine));
  }
  const comparisons = files.flatMap(({ comparison }) => comparison ?? []);
  const mismatches = comparisons.reduce((sum, comparison) => sum + comparison.mismatches, 0);
  return {
    folder,
    files,
    cases: comparisons.reduce((sum, comparison) => sum + comparison.cases, 0),
    mismatches,
    passed: comparisons.length > 0 && mismatches === 0 && files.every(({ state }) => state !== 'unreadable'),
  };
}

function checkFile(folder: string, name: string, engine: DeviceEngine): VectorFileResult {
  const known = vectorFileByName(name);
  if (known === undefined)
    return { name, state: 'unknown', subject: undefined, comparison: undefined, message: undefined };
  const { subject } = known;
  try {
    const comparison = known.check({ name, path: join(folder, name) }, engine);
    return { name, state: 'checked', subject, comparison, message: undefined };
  } catch (error) {
    // What cannot be opened is no evidence about the device, for or against: the caller's files have to be put right.
    if (!(error instanceof QwenPccError) || error.code.startsWith('FILE_')) throw error;
    return { name, state: 'unreadable', subject, comparison: undefined, message: error.message };
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (cause) {
    throw new InputError(`${folder}: the folder of vectors cannot be listed.`, {
      code: 'VECTOR_FOLDER',
      facts: { found: (cause as Error).message, wanted: 'a folder with files such as fpu-steps.bin' },
      hint: 'the vectors of this repository are in fixtures/vectors',
      cause,
    });
  }
}
