// Judged tokens by prompt and by variant of a case: the groups that rules over several tokens look at.
import type { TokenGroup } from './evaluate-rule.ts';

/** The sequences of each variant of a case, in order of their first. */
export function groupByVariant(prompts: readonly TokenGroup[]): Map<string, TokenGroup[]> {
  const variants = new Map<string, TokenGroup[]>();
  for (const group of prompts) {
    const id = JSON.stringify([group.key.case, group.key.variant]);
    const known = variants.get(id);
    if (known === undefined) variants.set(id, [group]);
    else known.push(group);
  }
  return variants;
}

export function joinByVariant(prompts: readonly TokenGroup[]): TokenGroup[] {
  return Array.from(groupByVariant(prompts).values(), (groups) => ({
    key: groups[0]!.key,
    tokens: joinTokens(groups),
  }));
}

export function joinTokens(groups: readonly TokenGroup[]): Int32Array {
  const joined = new Int32Array(groups.reduce((total, { tokens }) => total + tokens.length, 0));
  let filled = 0;
  for (const { tokens } of groups) {
    joined.set(tokens, filled);
    filled += tokens.length;
  }
  return joined;
}
