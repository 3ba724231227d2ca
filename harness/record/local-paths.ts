// Where the files of a run are on this machine: beside the log, no artefact; resume and inspect open them again.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { InputError } from '../../src/errors.ts';

export const LOCAL_FILE = 'local.json';

/** Absolute paths. */
export interface CasePaths {
  readonly weights: string;
  /** The golden recording, if one stands in for the reference. */
  readonly golden?: string | undefined;
  /** How the ONNX reference holds its weights: chosen once, since it decides last bits. */
  readonly referenceWeights?: 'mapped' | 'resident' | 'streamed' | undefined;
  /** By the variant's name. */
  readonly variants: Readonly<Record<string, VariantPaths>>;
}

export interface VariantPaths {
  /** The device's checkpoint, if it is not the reference's. */
  readonly weights?: string | undefined;
  readonly recording?: string | undefined;
}

/** What a run used of this machine; it decides about no number. */
export interface LocalPaths {
  /** The folder that the command was typed in. */
  readonly currentFolder: string;
  readonly arguments: readonly string[];
  /** By the case's name. */
  readonly cases: Readonly<Record<string, CasePaths>>;
  readonly threads?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly weightCache?: string | undefined;
  /** Where rows of the ONNX reference are kept, if anywhere. */
  readonly goldenCache?: string | undefined;
  readonly qwenDir?: string | undefined;
  /** How long a device may hand out nothing; absent: for ever. */
  readonly stepTimeoutMs?: number | undefined;
}

const absolute = z.string().min(1);
const whole = z.int().min(1);

export const LocalPathsSchema: z.ZodType<LocalPaths, unknown> = z.strictObject({
  currentFolder: absolute,
  arguments: z.array(z.string()),
  cases: z.record(
    z.string(),
    z.strictObject({
      weights: absolute,
      golden: absolute.optional(),
      referenceWeights: z.enum(['mapped', 'resident', 'streamed']).optional(),
      variants: z.record(z.string(), z.strictObject({ weights: absolute.optional(), recording: absolute.optional() })),
    }),
  ),
  threads: whole.optional(),
  memoryBytes: whole.optional(),
  weightCache: absolute.optional(),
  goldenCache: absolute.optional(),
  qwenDir: absolute.optional(),
  stepTimeoutMs: whole.optional(),
});

/**
 * @param hint - what can be done without them.
 * @throws InputError LOCAL_PATHS when the folder has none that can be used, e.g. because it came from another machine.
 */
export function readLocalPaths(folder: string, hint: string): LocalPaths {
  const file = path.join(folder, LOCAL_FILE);
  try {
    return LocalPathsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new InputError(`${file}: nothing says where this run's files are.`, {
      code: 'LOCAL_PATHS',
      facts: { found: cause instanceof Error ? cause.message.split('\n')[0]! : String(cause) },
      hint,
      cause,
    });
  }
}
