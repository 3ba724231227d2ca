// Named sets of the N150's knobs for comparisons: what people try to save memory or to win accuracy.
import { UsageError } from '../../src/errors.ts';

interface NamedKnobs {
  readonly knobs: string;
  /** One line for `--help`. */
  readonly doc: string;
}

/** By the name that `compare` takes. */
const NAMED: Readonly<Record<string, NamedKnobs>> = {
  bfp8: { knobs: 'weightFormat=BFP8_B,lmHeadFormat=BFP8_B', doc: 'all matrices in BFP8_B, the default' },
  bf16: { knobs: 'weightFormat=BF16,lmHeadFormat=BF16', doc: 'all matrices in BF16: twice the memory' },
  'bfp4-mlp': { knobs: 'mlpFormat=BFP4_B', doc: 'gate, up and down projections in BFP4_B' },
  bfp4: { knobs: 'weightFormat=BFP4_B,lmHeadFormat=BFP4_B', doc: 'all matrices in BFP4_B' },
  'kv-bf16': { knobs: 'kvFormat=BF16', doc: 'KV cache in BF16: large key biases keep their neighbours' },
  'bias-bf16': { knobs: 'biasFormat=BF16', doc: 'q, k and v biases in BF16' },
  'ttnn-0.81': { knobs: 'recipe=ttnn-0.81', doc: 'the kernels of ttnn 0.81 instead of the 2024 demo' },
};

/** Names and lines, for `--help` and messages. */
export const RECIPE_HELP: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(NAMED).map(([name, { knobs, doc }]) => [name, `${doc} (${knobs})`]),
);

/** A named recipe as `--device` takes it; undefined for other texts. */
export function deviceRecipe(name: string): string | undefined {
  return Object.hasOwn(NAMED, name) ? `n150:${NAMED[name]!.knobs}` : undefined;
}

/** @throws UsageError OPTION_VALUE for a name that is none. */
export function recipeList(text: string): string[] {
  return text.split(',').map((name) => {
    if (deviceRecipe(name.trim()) !== undefined) return name.trim();
    throw new UsageError(`--recipes: there is no recipe "${name}".`, {
      code: 'OPTION_VALUE',
      facts: { wanted: Object.keys(NAMED).join(', ') },
      hint: 'write knobs as an argument of its own: n150:KNOB=VALUE.',
    });
  });
}
