// What the plan of a run and this machine say of its passes: how many prompts share them, and how the reference holds its weights.
import type { WeightMemory } from '../../reference/graph/checkpoint-weights.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import type { CasePaths, LocalPaths } from '../record/local-paths.ts';
import type { CaseSpec, RunSpec, RunUnit, SequenceLimits } from '../record/run-spec.ts';
import { positionsOf, promptsTogether, referencePasses, referenceWeights } from './batch-plan.ts';
import type { Models } from './models.ts';

/**
 * Says how the reference of each case holds its weights, for a run that begins: it goes on so.
 *
 * @param tell - takes a line for each case where there was a choice.
 * @returns the same places with that beside them.
 */
export function chooseReferenceWeights(
  { cases, limits }: RunSpec,
  local: LocalPaths,
  models: Models,
  tell: (line: string) => void,
): LocalPaths {
  const { threads, memoryBytes } = local;
  const chosen = cases.flatMap((one): [string, CasePaths][] => {
    const paths = local.cases[one.name];
    if (paths === undefined || one.reference.kind !== 'onnx') return [];
    const { checkpoint } = models.open(paths.weights);
    const units = one.prompts.map((prompt) => ({ prompt }));
    const together = togetherOf(one, checkpoint, [checkpoint, checkpoint], units, limits, local);
    const passes = referencePasses(one.prompts, limits, together);
    const { weights, because } = referenceWeights(checkpoint, { threads, memoryBytes, passes });
    if (because !== undefined) tell(`${one.name} · ${heldAs(weights)}: ${because}`);
    return [[one.name, { ...paths, referenceWeights: weights }]];
  });
  return { ...local, cases: { ...local.cases, ...Object.fromEntries(chosen) } };
}

function heldAs(weights: WeightMemory): string {
  return weights === 'resident'
    ? "the reference's weights stay in memory as float32"
    : "the reference's weights are widened at each pass";
}

/**
 * How many of these prompts may run together.
 *
 * @param sides - checkpoints of all that computes.
 */
export function togetherOf(
  { variants }: CaseSpec,
  { config }: Checkpoint,
  sides: readonly Checkpoint[],
  units: readonly Pick<RunUnit, 'prompt'>[],
  limits: SequenceLimits,
  { memoryBytes }: LocalPaths,
): number {
  const longest = Math.max(...units.map(({ prompt }) => positionsOf(prompt, limits)));
  const models = [config, ...sides.slice(1).map((side) => side.config)];
  return promptsTogether(models, variants.length, longest, memoryBytes);
}
