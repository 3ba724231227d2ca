// Toy runs whose device goes wrong at chosen tokens, for tests of what compares runs.
import type { LogitsSource } from '../../../src/device/logits-source.ts';
import type { CaseSpec } from '../../record/run-spec.ts';
import { runToy, TOY_VOCABULARY, type ToyOptions, toyCase, toyCaseOf } from '../../run/toy-run.fixture.ts';
import { ToySource } from '../../sequence/toy-source.fixture.ts';
import type { OpenableCase } from '../../sources/openable-case.ts';
import { type CompareRunsOptions, compareRuns } from './compare-runs.ts';
import type { RunDiff } from './run-diff.ts';

/** fail: the row backwards; drift: one entry far off; near: one entry a little off. */
export type Plant = 'fail' | 'drift' | 'near';

/** Token id of each prompt of a toy case, all of whose prompt tokens are one. */
export const PROMPT_TOKENS = { first: 7, second: 8, third: 9 } as const;
export type ToyPrompt = keyof typeof PROMPT_TOKENS;

/** Plants by `prompt:position`, positions within the prompt only (0 … 4). */
export type Plants = Readonly<Record<string, Plant>>;

/** A device that gives the reference's rows but where something is planted. */
export function plantedDevice(plants: Plants): () => LogitsSource {
  const byToken = new Map(
    Object.entries(plants).map(([place, plant]) => {
      const [prompt, position] = place.split(':') as [ToyPrompt, string];
      return [`${PROMPT_TOKENS[prompt]}:${position}`, plant];
    }),
  );
  return () =>
    new ToySource(TOY_VOCABULARY, (row) => {
      const plant = row.position < 5 ? byToken.get(`${row.tokenId}:${row.position}`) : undefined;
      if (plant === 'fail') row.logits.reverse();
      if (plant === 'drift') row.logits[row.position + 1]! += 6;
      if (plant === 'near') row.logits[row.position + 1]! += 2 ** -7;
      return row;
    });
}

export function plantedCase(plants: Plants, variant = 'toy', name = 'a'): OpenableCase {
  return toyCase(name, { [variant]: plantedDevice(plants) });
}

/** A toy case with its spec changed. */
export function changedCase(change: (spec: CaseSpec) => CaseSpec, plants: Plants = {}): OpenableCase {
  const { spec } = toyCase('a');
  return toyCaseOf(change(spec), { toy: plantedDevice(plants) });
}

/** @returns the run's folder. */
export async function plantedRun(
  parent: string,
  cases: OpenableCase | readonly OpenableCase[],
  options: ToyOptions = {},
): Promise<string> {
  const { folder } = await runToy(parent, Array.isArray(cases) ? cases : [cases as OpenableCase], options);
  return folder;
}

export async function plantedDiff(
  parent: string,
  a: OpenableCase | readonly OpenableCase[],
  b: OpenableCase | readonly OpenableCase[],
  options: CompareRunsOptions = {},
): Promise<RunDiff> {
  return compareRuns({ a: await plantedRun(parent, a), b: await plantedRun(parent, b) }, options);
}

/** `prompt:position` of tokens. */
export function placesOf(tokens: readonly { readonly prompt: string; readonly position: number }[]): string[] {
  return tokens.map(({ prompt, position }) => `${prompt}:${position}`);
}
