// qwen-pcc plan: what validate would do with the same options, unit by unit, with costs; computes nothing.
import { Command } from 'commander';
import { z } from 'zod';
import { assignShards } from '../record/assign-shards.ts';
import {
  PLAN_VERSION,
  type PlanRecord,
  PlanRecordSchema,
  planUnits,
  specHash,
  UPPER_BOUND_NOTE,
} from '../record/plan-record.ts';
import type { RunSpec } from '../record/run-spec.ts';
import { promptLabel } from '../record/token-record.ts';
import { countOf } from '../report/format.ts';
import { createChalk, plainTable } from '../report/plain-table.ts';
import { packageVersion } from '../sources/package-root.ts';
import { addCaseOptions, addGoldenCacheOption, type CaseCommandOptions } from './case-options.ts';
import { addConfigOption, type ConfigOptions, planJudged, takeRulesFile } from './config-option.ts';
import { addJudgeOptions, type JudgeOptions, settingsOf } from './judge-options.ts';
import { shardCount } from './shard-choice.ts';

interface PlanOptions extends CaseCommandOptions, JudgeOptions, Pick<ConfigOptions, 'config'> {
  readonly shards?: number;
  readonly json?: boolean;
}

export function planCommand(): Command {
  const cases = addCaseOptions(
    new Command('plan').description('what validate would do with the same options: prompts of each case, with costs'),
  );
  return addGoldenCacheOption(addJudgeOptions(addConfigOption(cases)))
    .option('--shards <n>', 'say which of n shards does what', shardCount('--shards'))
    .option('--json', 'print the plan as data')
    .action(plan);
}

async function plan(options: PlanOptions, command: Command): Promise<void> {
  const file = await takeRulesFile(command);
  const { spec, notes } = await planJudged(command, file, { options, settings: settingsOf(options) });
  const record = planRecord(spec, notes, options.shards);
  process.stdout.write(
    options.json === true ? `${JSON.stringify(z.encode(PlanRecordSchema, record), null, 2)}\n` : planText(record),
  );
}

function planRecord(spec: RunSpec, notes: readonly string[], count: number | undefined): PlanRecord {
  const units = planUnits(spec);
  const shards = count === undefined ? undefined : assignShards(units, count);
  const shardOf = new Map((shards ?? []).flatMap((indices, i) => indices.map((index) => [index, { shard: i + 1 }])));
  const costOf = (indices: readonly number[]): number => indices.reduce((sum, index) => sum + units[index]!.cost, 0);
  return {
    schemaVersion: PLAN_VERSION,
    tool: { name: 'qwen-pcc', version: packageVersion() },
    specSha256: specHash(spec),
    cost: costOf(units.map(({ index }) => index)),
    ...(shards === undefined
      ? {}
      : { shards: shards.map((shard, i) => ({ shard: i + 1, units: shard.length, cost: costOf(shard) })) }),
    units: units.map((unit) => ({ ...unit, ...shardOf.get(unit.index) })),
    notes: [...notes, ...(units.some(({ isUpperBound }) => isUpperBound) ? [UPPER_BOUND_NOTE] : [])],
  };
}

function planText({ units, shards, specSha256, cost, notes }: PlanRecord): string {
  const chalk = createChalk(process.env);
  const rows = units.map(({ id, case: one, prompt, user, variants, positions, isUpperBound, cost: own, shard }) => [
    id.slice(0, 12),
    one,
    promptLabel({ prompt, user }),
    String(variants.length),
    `${isUpperBound ? 'at most ' : ''}${positions}`,
    String(own),
    ...(shard === undefined ? [] : [String(shard)]),
  ]);
  const header = [
    'unit',
    'case',
    'prompt',
    'variants',
    'positions',
    'cost',
    ...(shards === undefined ? [] : ['shard']),
  ];
  const shared = (shards ?? []).map(
    ({ shard, units: many, cost: own }) => `shard ${shard} of ${shards!.length}: ${countOf(many, 'unit')}, cost ${own}`,
  );
  return `${[
    plainTable(header, rows, 3, chalk),
    ...shared,
    ...notes.map((note) => `note: ${note}`),
    `${countOf(units.length, 'unit')}, cost ${cost} (positions fed to the reference and to every variant) · plan ${specSha256.slice(0, 12)}`,
  ].join('\n')}\n`;
}
