// Writes docs/schema anew from the code: `npm run schemas`.
import { mkdirSync, writeFileSync } from 'node:fs';

const {
  baselineJsonSchema,
  bundleJsonSchema,
  compareRecordJsonSchema,
  historyJsonSchema,
  logLineJsonSchema,
  rulesFileJsonSchema,
  runDiffJsonSchema,
  runRecordJsonSchema,
  selfTestJsonSchema,
  weightComparisonJsonSchema,
  whyJsonSchema,
} = await import('../../dist/harness/index.js');
const folder = new URL('../../docs/schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, schema] of [
  ['run.schema.json', runRecordJsonSchema()],
  ['log-line.schema.json', logLineJsonSchema()],
  ['baseline.schema.json', baselineJsonSchema()],
  ['history.schema.json', historyJsonSchema()],
  ['selftest.schema.json', selfTestJsonSchema()],
  ['run-diff.schema.json', runDiffJsonSchema()],
  ['weights.schema.json', weightComparisonJsonSchema()],
  ['compare.schema.json', compareRecordJsonSchema()],
  ['why.schema.json', whyJsonSchema()],
  ['bundle.schema.json', bundleJsonSchema()],
  ['config.schema.json', rulesFileJsonSchema()],
]) {
  writeFileSync(new URL(name, folder), `${JSON.stringify(schema, null, 2)}\n`);
}
