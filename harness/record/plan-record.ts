// A plan as `qwen-pcc plan --json` has it: units that a log runs as a whole, with ids and costs; a reading of a spec, no files.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type RunSpec, RunSpecSchema, type RunUnit, tokensPlannedMax, unitsOf } from './run-spec.ts';
import type { ToolInfo } from './tool-info.ts';

/** Of the plan's own format; the major part grows when a reader must change. */
export const PLAN_VERSION = '1.0.0';

/** A prompt of a case with all its variants. */
export interface PlanUnit {
  /** Place in the plan, 0-based, as `part` of a log counts. */
  readonly index: number;
  /** sha256 of the spec that has this unit alone: the same in every plan that asks the same of it. */
  readonly id: string;
  readonly case: string;
  readonly prompt: string;
  readonly user: number;
  readonly variants: readonly string[];
  /** Fed to each side. */
  readonly positions: number;
  /** The text is the reference's own choice and may end earlier. */
  readonly isUpperBound: boolean;
  /** Positions fed in all: to the reference and to every variant. */
  readonly cost: number;
  /** 1-based; only where the plan was shared out. */
  readonly shard?: number;
}

export interface PlanRecord {
  readonly schemaVersion: string;
  readonly tool: Pick<ToolInfo, 'name' | 'version'>;
  /** Of the whole spec: logs of one plan have the same. */
  readonly specSha256: string;
  readonly cost: number;
  /** Shares of the plan, if it was shared out. */
  readonly shards?: readonly { readonly shard: number; readonly units: number; readonly cost: number }[];
  readonly units: readonly PlanUnit[];
  /** What a reader of the numbers has to know. */
  readonly notes: readonly string[];
}

export const UPPER_BOUND_NOTE =
  'positions of greedy texts are an upper bound: they end where the reference chooses an end token';

/** Units with what they cost, in the order of the plan. */
export function planUnits(spec: RunSpec): PlanUnit[] {
  return unitsOf(spec).map((unit, index) => {
    const { case: one, prompt } = unit;
    // Positions that are not judged are fed all the same.
    const positions = tokensPlannedMax({ ...prompt, positions: null }, spec.limits);
    return {
      index,
      id: unitHash(spec, unit),
      case: one.name,
      prompt: prompt.name,
      user: prompt.user,
      variants: one.variants.map(({ name }) => name),
      positions,
      isUpperBound: prompt.continuationIds === null && positions > prompt.promptIds.length,
      cost: positions * (1 + one.variants.length),
    };
  });
}

export function specHash(spec: RunSpec): string {
  return createHash('sha256')
    .update(JSON.stringify(z.encode(RunSpecSchema, spec)))
    .digest('hex');
}

function unitHash(spec: RunSpec, { case: one, prompt }: RunUnit): string {
  return specHash({ ...spec, cases: [{ ...one, prompts: [prompt] }] });
}

const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const PlanRecordSchema: z.ZodType<PlanRecord, unknown> = z.strictObject({
  schemaVersion: z.string().regex(/^1\./, { error: `this version reads plans of schema ${PLAN_VERSION}` }),
  tool: z.strictObject({ name: z.string(), version: z.string() }),
  specSha256: sha256,
  cost: count,
  shards: z.array(z.strictObject({ shard: z.int().min(1), units: count, cost: count })).exactOptional(),
  units: z.array(
    z.strictObject({
      index: count,
      id: sha256,
      case: z.string().min(1),
      prompt: z.string().min(1),
      user: count,
      variants: z.array(z.string().min(1)).min(1),
      positions: z.int().min(1),
      isUpperBound: z.boolean(),
      cost: z.int().min(1),
      shard: z.int().min(1).exactOptional(),
    }),
  ),
  notes: z.array(z.string()),
});
