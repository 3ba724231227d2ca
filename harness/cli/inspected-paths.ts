// Where the files of an inspected token are: as its run left them, or where --weights and --device-weights say.
import path from 'node:path';
import { absolutePlace } from '../../src/checkpoint/checkpoint-place.ts';
import { InputError } from '../../src/errors.ts';
import { type LocalPaths, readLocalPaths } from '../record/local-paths.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { quoteWord } from '../run/shown-command.ts';

export interface MovedFiles {
  readonly weights?: string;
  readonly deviceWeights?: string;
  /** Bytes of packed weights, where it is not the run's. */
  readonly memory?: number;
  readonly weightCache?: string;
}

/** @throws InputError LOCAL_PATHS when nothing says where the run's files are, neither the run nor --weights. */
export function inspectedPaths(folder: string, { case: name, variant }: TokenRecord, options: MovedFiles): LocalPaths {
  const local = readPaths(folder, options);
  const paths = local.cases[name];
  const weights = options.weights ?? paths?.weights ?? '';
  const own = options.deviceWeights ?? paths?.variants[variant]?.weights;
  return {
    ...local,
    ...(options.memory === undefined ? {} : { memoryBytes: options.memory }),
    ...(options.weightCache === undefined ? {} : { weightCache: path.resolve(options.weightCache) }),
    // A token that is looked at is made again.
    goldenCache: undefined,
    cases: {
      ...local.cases,
      [name]: {
        ...paths,
        weights: absolutePlace(weights),
        variants: {
          ...paths?.variants,
          [variant]: { ...paths?.variants[variant], ...(own === undefined ? {} : { weights: absolutePlace(own) }) },
        },
      },
    },
  };
}

/** A run folder from another machine has none: its reports are uploaded without them, and --weights says where the checkpoint is. */
function readPaths(folder: string, { weights }: MovedFiles): LocalPaths {
  const stored = `qwen-pcc inspect ${quoteWord(folder)} --stored`;
  try {
    return readLocalPaths(
      folder,
      `give its checkpoint with --weights, or look at what it has stored with \`${stored}\`.`,
    );
  } catch (error) {
    if (weights === undefined || !(error instanceof InputError)) throw error;
    return { currentFolder: process.cwd(), arguments: [], cases: {} };
  }
}

export function withVariant(
  local: LocalPaths,
  caseName: string,
  variant: string,
  paths: { readonly recording?: string },
): LocalPaths {
  const one = local.cases[caseName]!;
  return {
    ...local,
    cases: { ...local.cases, [caseName]: { ...one, variants: { ...one.variants, [variant]: paths } } },
  };
}
