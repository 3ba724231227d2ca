// The compute grid that a core descriptor of tt-metal gives an N150: by the file's known name, or read from a file.
// Source: tt-metal's core_descriptors/wormhole_b0_80_arch*.yaml, product nebula_x1 (one row of cores disabled, as on every
// N150), one command queue; `core_descriptor.cpp` for how the grid follows from the range.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { InputError, nearestName, UsageError } from '../../errors.ts';
import { GRID_COLUMNS, GRID_ROWS_MAX, gridText } from './chip.ts';

/** Rows of eight compute cores by the descriptors' file names; fabric_mux gives a row to the fabric. */
const ROWS_BY_NAME: ReadonlyMap<string, number> = new Map([
  ['wormhole_b0_80_arch_eth_dispatch.yaml', 8],
  ['wormhole_b0_80_arch.yaml', 8],
  ['wormhole_b0_80_arch_fabric_mux.yaml', 7],
]);

export const CORE_DESCRIPTOR_NAMES: readonly string[] = [...ROWS_BY_NAME.keys()];

const PRODUCT = 'nebula_x1';
const RANGE = 'compute_with_storage_grid_range';

const corner = z.tuple([z.int().min(0), z.int().min(0)]);
const queueSchema = z.object({ 1: z.object({ [RANGE]: z.object({ start: corner, end: corner }) }) });
/** Since 2025 a level says whether a row or a column of cores dispatches; Wormhole's default is a row. */
const dispatchByRow = (product: unknown): unknown =>
  typeof product === 'object' && product !== null && 'row' in product ? product.row : product;
const descriptorSchema = z.object({ [PRODUCT]: z.preprocess(dispatchByRow, queueSchema) });

/**
 * Rows of the compute grid.
 *
 * @param nameOrPath - one of tt-metal's own file names, or the path of a core descriptor.
 * @throws UsageError for a name that is neither, InputError for a file that gives no grid the demo's programs fit.
 */
export function gridRowsOf(nameOrPath: string): number {
  return ROWS_BY_NAME.get(nameOrPath) ?? gridRowsOfText(readDescriptor(nameOrPath), nameOrPath);
}

function readDescriptor(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const nearest = nearestName(path, CORE_DESCRIPTOR_NAMES);
    throw new UsageError('WH_ARCH_YAML names no core descriptor.', {
      code: 'CORE_DESCRIPTOR_UNKNOWN',
      facts: {
        found: `${path} (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`,
        wanted: `${CORE_DESCRIPTOR_NAMES.join(', ')}, or the path of a file`,
      },
      hint:
        nearest === undefined
          ? `write WH_ARCH_YAML=${CORE_DESCRIPTOR_NAMES[0]}, with which the original demo runs.`
          : `did you mean ${nearest}?`,
      cause: error,
    });
  }
}

/** @param path - for messages. */
function gridRowsOfText(text: string, path: string): number {
  const { start, end } = rangeOf(text, path);
  const columns = end[0] - start[0] + 1;
  const rows = end[1] - start[1] + 1;
  if (columns === GRID_COLUMNS && rows >= 1 && rows <= GRID_ROWS_MAX) return rows;
  throw new InputError(`${path}: the demo's programs do not fit the grid that this core descriptor gives an N150.`, {
    code: 'CORE_DESCRIPTOR_GRID',
    facts: {
      found: `${columns}x${rows} (${PRODUCT}, ${RANGE} [${start}] … [${end}])`,
      wanted: `${gridText(1)} … ${gridText(GRID_ROWS_MAX)}, columns x rows`,
    },
    hint: `give WH_ARCH_YAML another file, for example ${CORE_DESCRIPTOR_NAMES[0]}.`,
  });
}

interface GridRange {
  readonly start: readonly [number, number];
  readonly end: readonly [number, number];
}

function rangeOf(text: string, path: string): GridRange {
  const document = parseYaml(text, path);
  const parsed = descriptorSchema.safeParse(document);
  if (parsed.success) return parsed.data[PRODUCT][1][RANGE];
  throw new InputError(`${path} is no core descriptor of a Wormhole.`, {
    code: 'CORE_DESCRIPTOR_MALFORMED',
    facts: {
      ...Object.fromEntries(
        parsed.error.issues.map(({ path: place, message }) => [place.join('.') || 'file', message]),
      ),
      wanted: `${PRODUCT}: 1: ${RANGE}: { start: [x, y], end: [x, y] }`,
    },
    hint: `take the file from tt-metal's core_descriptors, or write WH_ARCH_YAML=${CORE_DESCRIPTOR_NAMES[0]}.`,
  });
}

function parseYaml(text: string, path: string): unknown {
  // Loaded here because loading takes 60 ms, which every command would pay.
  const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  try {
    return parse(text, { logLevel: 'error' });
  } catch (error) {
    throw new InputError(`${path} is no YAML.`, {
      code: 'CORE_DESCRIPTOR_MALFORMED',
      facts: { found: (error as Error).message.split('\n')[0]! },
      hint: `give WH_ARCH_YAML another file, for example ${CORE_DESCRIPTOR_NAMES[0]}.`,
      cause: error,
    });
  }
}
