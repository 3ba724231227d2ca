// diff.json as a zod schema, and its text written and read.
import { z } from 'zod';
import { describeSchema } from '../../record/json-schema.ts';
import { RealNumberSchema } from '../../record/real-number.ts';
import { PHASES, TOKEN_STATUSES } from '../../record/token-record.ts';
import {
  DIFF_SCHEMA_VERSION,
  RULE_CHANGES,
  RULE_STATUSES,
  type RunDiff,
  SHOWN_CHANGES,
  TOKEN_CHANGES,
} from './run-diff.ts';

const count = z.int().min(0);
const real = RealNumberSchema;
const name = z.string();

function sides<T extends z.ZodType>(of: T): z.ZodObject<{ a: T; b: T }, z.core.$strict> {
  return z.strictObject({ a: of, b: of });
}

const SideSchema = z.strictObject({
  status: z.enum(TOKEN_STATUSES),
  failedRules: z.array(z.string()),
  pcc: real.nullable(),
  klNats: real.nullable(),
  regretNats: real.nullable(),
});
const TokenSchema = z.strictObject({
  case: name,
  variant: sides(name),
  prompt: name,
  user: count,
  position: count,
  phase: z.enum(PHASES),
  step: count.nullable(),
  text: z.string(),
  a: SideSchema,
  b: SideSchema,
  drift: real,
  inspect: sides(z.string()),
});
const GroupSchema = z.strictObject({
  tokens: count,
  changes: z.strictObject(Object.fromEntries(TOKEN_CHANGES.map((change) => [change, count]))),
  unchanged: count,
  pccLowest: sides(real.nullable()),
  klMean: sides(real.nullable()),
  top1: sides(real.nullable()),
});
const phased = {
  all: GroupSchema,
  byPhase: z.strictObject(Object.fromEntries(PHASES.map((phase) => [phase, GroupSchema.exactOptional()]))),
};
const RunSchema = z.strictObject({
  folder: z.string(),
  runId: z.string(),
  tool: z.string(),
  command: z.string(),
  status: z.enum(['pass', 'fail', 'invalid', 'error']),
  headline: z.string(),
  tokensJudged: count,
  tokensPlanned: count,
});
const shownTokens = z.array(TokenSchema).max(10);

/** Field order here is the key order of diff.json. */
export const RunDiffSchema: z.ZodType<RunDiff, unknown> = z.strictObject({
  schemaVersion: z.string().regex(/^1\./, { error: `this version reads diffs ${DIFF_SCHEMA_VERSION}` }),
  exitCode: z.union([z.literal(0), z.literal(1)]),
  a: RunSchema,
  b: RunSchema,
  margins: z.strictObject({ klNats: real, pccLoss: real, regretNats: real }),
  differences: z.array(z.strictObject({ what: z.string(), a: z.string(), b: z.string() })),
  alone: z.array(z.strictObject({ side: z.enum(['a', 'b']), case: name, variant: name, prompt: name, user: count })),
  total: z.strictObject(phased),
  tokensAlone: sides(count),
  prompts: z.array(
    z.strictObject({
      case: name,
      variant: sides(name),
      prompt: name,
      user: count,
      tokensAlone: sides(count),
      ...phased,
    }),
  ),
  tokens: z.strictObject(Object.fromEntries(SHOWN_CHANGES.map((change) => [change, shownTokens]))),
  rules: z.array(
    z.strictObject({
      id: z.string(),
      scope: z.enum(['token', 'prompt', 'run']),
      change: z.enum(RULE_CHANGES),
      status: sides(z.enum(RULE_STATUSES)),
      observed: sides(real.nullable()),
      limit: sides(z.string().nullable()),
      failures: sides(count),
    }),
  ),
}) as unknown as z.ZodType<RunDiff, unknown>;

/** The text of diff.json. */
export function formatRunDiff(diff: RunDiff): string {
  return `${JSON.stringify(z.encode(RunDiffSchema, diff), null, 2)}\n`;
}

/** @throws ZodError or SyntaxError; readers name the file. */
export function parseRunDiff(text: string): RunDiff {
  return z.decode(RunDiffSchema, JSON.parse(text));
}

/** JSON Schema (draft 2020-12) of diff.json. */
export function runDiffJsonSchema(): Record<string, unknown> {
  return describeSchema(RunDiffSchema, 'qwen-pcc comparison of two runs (diff.json)', DIFF_SCHEMA_VERSION);
}
