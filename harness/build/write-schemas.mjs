// Writes docs/schema anew from the code: `npm run schemas`.
import { mkdirSync, writeFileSync } from 'node:fs';

const { logLineJsonSchema, runDiffJsonSchema, runRecordJsonSchema } = await import('../../dist/harness/index.js');
const folder = new URL('../../docs/schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, schema] of [
  ['run.schema.json', runRecordJsonSchema()],
  ['log-line.schema.json', logLineJsonSchema()],
  ['run-diff.schema.json', runDiffJsonSchema()],
]) {
  writeFileSync(new URL(name, folder), `${JSON.stringify(schema, null, 2)}\n`);
}
