// What ttnn's comparison mode left beside a graph report: tensors that were held against their CPU goldens, and those that never were.
// Source: tt-metal, ttnn/ttnn/graph.py (`_write_comparison_records_sidecar`, `_write_python_io_sidecar`) and the comparison decorator in
// ttnn/ttnn/decorators.py: an operation without a golden function is left out with a word at debug level only.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { InputError } from '../../src/errors.ts';
import { printable } from '../../src/text/printable.ts';
import { readError } from '../record/file-errors.ts';

/** Tensors of one kind of comparison. local: golden of the device's own inputs; global: golden of golden inputs, all the way. */
export interface ComparedTensors {
  readonly compared: number;
  /** Below the PCC that ttnn was asked for. */
  readonly below: number;
  /** The lowest PCCs, first the lowest; a PCC that does not exist is lower than any. */
  readonly lowest: readonly ComparedTensor[];
}

export interface ComparedTensor {
  readonly tensor: number;
  /** Operation that made it; null: the report does not say. */
  readonly operation: string | null;
  readonly pcc: number | null;
  readonly wanted: number;
}

export interface ComparisonRecords {
  /** File name. */
  readonly file: string;
  readonly local: ComparedTensors;
  readonly global: ComparedTensors;
  /** Output tensors of operations that no local record is of, by operation; null: the list of operations is not beside the file. */
  readonly skipped: readonly { readonly operation: string; readonly tensors: number }[] | null;
}

export const RECORDS_SUFFIX = '.comparison_records.json';
const OPERATIONS_SUFFIX = '.python_io.json';
const LOWEST_KEPT = 5;

const RecordSchema = z.looseObject({
  tensor_id: z.int(),
  golden_tensor_id: z.int().nullable(),
  matches: z.union([z.boolean(), z.literal(0), z.literal(1)]),
  desired_pcc: z.number(),
  actual_pcc: z.number().nullable(),
});
const SidecarSchema = z.looseObject({
  tensors: z.array(z.unknown()),
  local_tensor_comparison_records: z.array(RecordSchema),
  global_tensor_comparison_records: z.array(RecordSchema),
});
const OperationsSchema = z.array(
  z.looseObject({ name: z.string(), output_tensor_ids: z.array(z.int().nullable()).optional() }),
);
type TensorRecord = z.infer<typeof RecordSchema>;

/** @throws InputError FILE_UNREADABLE, COMPARISON_RECORDS. */
export function readComparisonRecords(file: string): ComparisonRecords {
  const sidecar = parse(file, SidecarSchema);
  const beside = file.endsWith(RECORDS_SUFFIX) ? file.slice(0, -RECORDS_SUFFIX.length) + OPERATIONS_SUFFIX : undefined;
  const operations = beside !== undefined && existsSync(beside) ? parse(beside, OperationsSchema) : undefined;
  const makers = new Map<number, string>();
  for (const { name, output_tensor_ids: outputs = [] } of operations ?? []) {
    for (const tensor of outputs) if (tensor !== null) makers.set(tensor, printable(name));
  }
  const { local_tensor_comparison_records: local, global_tensor_comparison_records: global } = sidecar;
  const compared = new Set(local.map(({ tensor_id: id }) => id));
  return {
    file: path.basename(file),
    local: summarize(local, makers),
    global: summarize(global, makers),
    skipped: operations === undefined ? null : countByOperation(makers, compared),
  };
}

function countByOperation(makers: ReadonlyMap<number, string>, compared: ReadonlySet<number>) {
  const counts = new Map<string, number>();
  for (const [tensor, operation] of makers) {
    if (!compared.has(tensor)) counts.set(operation, (counts.get(operation) ?? 0) + 1);
  }
  return Array.from(counts, ([operation, tensors]) => ({ operation, tensors })).sort(
    (a, b) => b.tensors - a.tensors || (a.operation < b.operation ? -1 : 1),
  );
}

function summarize(records: readonly TensorRecord[], makers: ReadonlyMap<number, string>): ComparedTensors {
  const lowest = [...records].sort((a, b) => orderOf(a) - orderOf(b) || a.tensor_id - b.tensor_id);
  return {
    compared: records.length,
    below: records.filter(({ matches }) => !matches).length,
    lowest: lowest.slice(0, LOWEST_KEPT).map(({ tensor_id: tensor, actual_pcc: pcc, desired_pcc: wanted }) => ({
      tensor,
      operation: makers.get(tensor) ?? null,
      pcc,
      wanted,
    })),
  };
}

const orderOf = ({ actual_pcc: pcc }: TensorRecord): number => pcc ?? Number.NEGATIVE_INFINITY;

function parse<T>(file: string, schema: z.ZodType<T>): T {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw readError(error, file);
  }
  try {
    // Python writes NaN and infinities as they are, which is no JSON.
    return schema.parse(JSON.parse(text.replaceAll(/(?<=[:,[]\s*)(?:NaN|-?Infinity)(?=\s*[,}\]])/g, 'null')));
  } catch (error) {
    const [first] = error instanceof z.ZodError ? error.issues : [];
    const found = first === undefined ? String(error) : `${first.path.join('.')}: ${first.message}`;
    throw new InputError(`${file}: this is not what ttnn's comparison mode writes.`, {
      code: 'COMPARISON_RECORDS',
      facts: {
        found: printable(found),
        wanted: 'tensors, local_ and global_tensor_comparison_records, as ttnn 0.81 has them',
      },
      hint: `name REPORT${RECORDS_SUFFIX}, as ttnn.graph.full_graph_capture leaves it with enable_comparison_mode.`,
      cause: error,
    });
  }
}
