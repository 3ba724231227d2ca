// The sidecar of ttnn's comparison mode: counts of what was compared and what was skipped, NaN as Python writes it, other files refused.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Chalk } from 'chalk';
import { afterAll, describe, expect, it } from 'vitest';
import { readComparisonRecords } from './comparison-records.ts';
import { comparisonText } from './comparison-text.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-ttnn-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function write(name: string, text: string): string {
  const file = path.join(scratch, name);
  writeFileSync(file, text);
  return file;
}
const record = (id: number, pcc: string, matches: boolean): string =>
  `{"tensor_id": ${id}, "golden_tensor_id": ${id + 1000}, "matches": ${matches}, "desired_pcc": 0.9999, "actual_pcc": ${pcc}}`;
const sidecar = (local: string, global = ''): string =>
  `{"tensors": [{"tensor_id": 1}], "local_tensor_comparison_records": [${local}], "global_tensor_comparison_records": [${global}]}`;

describe("ttnn's comparison records", () => {
  const LOCAL = [record(7, '0.99995', true), record(8, '0.9', false), record(9, 'NaN', false)].join(', ');
  const file = write('run.comparison_records.json', sidecar(LOCAL, record(8, '0.5', false)));
  const lonely = write('lonely.comparison_records.json', sidecar(LOCAL));
  const operation = (name: string, ids: string): string =>
    `{"name": "${name}", "arguments": {}, "output_tensor_ids": ${ids}}`;
  const operations = [
    operation('ttnn.linear', '[7, 8, 9]'),
    operation('ttnn.embedding', '[10]'),
    operation('ttnn.transformer.sdpa', '[11, 12]'),
    '{"name": "ttnn.deallocate", "arguments": {}}',
  ];
  write('run.python_io.json', `[${operations.join(', ')}]`);

  it('are counted with what was skipped, the lowest first and a PCC of NaN lower than any', () => {
    const { local, global, skipped } = readComparisonRecords(file);
    expect(local).toMatchObject({ compared: 3, below: 2 });
    expect(local.lowest.map(({ tensor, operation: by, pcc }) => [tensor, by, pcc])).toEqual([
      [9, 'ttnn.linear', null],
      [8, 'ttnn.linear', 0.9],
      [7, 'ttnn.linear', 0.99995],
    ]);
    expect(global).toMatchObject({ compared: 1, below: 1 });
    expect(skipped).toEqual([
      { operation: 'ttnn.transformer.sdpa', tensors: 2 },
      { operation: 'ttnn.embedding', tensors: 1 },
    ]);
  });

  it('say that nobody knows what was skipped where the operations are not beside them', () => {
    const text = comparisonText(readComparisonRecords(lonely), new Chalk({ level: 0 }));
    expect(text).toMatch(/local: golden of the same inputs +3 +2 +none +tensor 9/);
    expect(text).toContain('skipped: unknown');
    expect(comparisonText(readComparisonRecords(file), new Chalk({ level: 0 }))).toContain(
      'skipped: 3 outputs never compared: ttnn.transformer.sdpa 2, ttnn.embedding 1',
    );
  });

  it.each([
    ['no JSON', 'PCC'],
    ['another object', '{"cases": []}'],
    ['a record without its PCC', sidecar('{"tensor_id": 1, "golden_tensor_id": 2, "matches": true}')],
  ])('are refused where the file is %s', (_what, text) => {
    const other = write('other.comparison_records.json', text);
    expect(() => readComparisonRecords(other)).toThrow(expect.objectContaining({ code: 'COMPARISON_RECORDS' }));
  });
});
