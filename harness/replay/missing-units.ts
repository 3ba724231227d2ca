// Prompts of a plan that no part has: their names, and the commands that run them.
import { assignShards } from '../record/assign-shards.ts';
import type { Failure, RunEvent } from '../record/events.ts';
import { planUnits } from '../record/plan-record.ts';
import { unitsOf } from '../record/run-spec.ts';
import { promptLabel } from '../record/token-record.ts';
import type { RunPart } from './run-part.ts';

const UNITS_NAMED = 20;
const COMMANDS_NAMED = 20;

/** Indices of the plan, rising. */
export function missingUnits(parts: readonly RunPart[]): number[] {
  const found = new Set(parts.flatMap(({ units }) => units));
  return [...unitsOf(parts[0]!.run.spec).keys()].filter((index) => !found.has(index));
}

/** What a merge without these units has for its end: no verdict, their names, and what to do. */
export function missingFailure(parts: readonly RunPart[], missing: readonly number[]): Failure {
  const all = unitsOf(parts[0]!.run.spec);
  const names = missing.map((index) => {
    const { case: one, prompt } = all[index]!;
    return `${one.name} › ${promptLabel({ prompt: prompt.name, user: prompt.user })}`;
  });
  const named = cut(names, UNITS_NAMED).join(', ');
  const commands = cut(commandsFor(parts, missing), COMMANDS_NAMED);
  return {
    code: 'SHARDS_MISSING',
    message: [
      `${missing.length} of ${all.length} prompts of the plan are in no log: ${named}`,
      ...(commands.length === 0 ? [] : ['run them, then merge again:', ...commands.map((command) => `  ${command}`)]),
    ].join('\n'),
    exitCode: 4,
  };
}

function cut(texts: readonly string[], most: number): string[] {
  return texts.length <= most ? [...texts] : [...texts.slice(0, most), `and ${texts.length - most} more`];
}

/** A log that was to have a unit goes on; a shard that left none is started. */
function commandsFor(parts: readonly RunPart[], missing: readonly number[]): string[] {
  const wanted = new Set(missing);
  const unfinished = parts.filter(({ planned }) => planned.some((index) => wanted.has(index)));
  for (const { planned } of unfinished) for (const index of planned) wanted.delete(index);
  const resumed = unfinished.map(
    ({ name, run }) =>
      `qwen-pcc validate --resume ${name}${run.shard === undefined ? '' : `   # ${shardWords(run.shard)}`}`,
  );
  const sharded = parts.find(({ run }) => run.shard !== undefined)?.run;
  if (sharded?.shard === undefined) return resumed;
  const { count } = sharded.shard;
  const shards = assignShards(planUnits(sharded.spec), count);
  const lost = shards.flatMap((units, i) => (units.some((index) => wanted.has(index)) ? [i + 1] : []));
  return [...resumed, ...lost.map((index) => `${commandWithoutShard(sharded)} --shard ${index}/${count}`)];
}

function shardWords({ index, count }: NonNullable<RunEvent['shard']>): string {
  return `shard ${index} of ${count}`;
}

/** What does the whole plan. */
export function commandWithoutShard({ command }: RunEvent): string {
  return command.replace(/ --shard(?:=| )\S+/, '');
}
