// Which scheme of a config applies to which module: names before patterns before classes, as compressed-tensors looks them up.
// Source: compressed-tensors 0.20.0, utils/match.py `match_targets`, `is_match`; quantization/lifecycle/apply.py.

import { matchPatterns } from '../module-patterns.ts';
import { EMBEDDING } from '../packed-modules.ts';
import type { CompressedSettings, Scheme } from './scheme.ts';

const PATTERN = 're:';
/** Any module is one. */
const ANY_CLASS = 'Module';

/**
 * The schemes of modules; those that are ignored or in no group have none.
 *
 * @throws UnsupportedError `QUANTISED_UNSUPPORTED` for patterns.
 */
export function schemesOf(
  path: string,
  { schemes, ignore }: CompressedSettings,
  modules: readonly string[],
): ReadonlyMap<string, Scheme> {
  // A target that two groups name is the later one's.
  const schemeOf = new Map(schemes.flatMap((scheme) => scheme.targets.map((target) => [target, scheme] as const)));
  const patterns = [...schemeOf.keys(), ...ignore].filter((target) => target.startsWith(PATTERN));
  const matched = matchPatterns(
    path,
    patterns.map((pattern) => pattern.slice(PATTERN.length)),
    modules,
  );
  const isNamed = (module: string, target: string): boolean =>
    target.startsWith(PATTERN) ? matched.get(target.slice(PATTERN.length))!.has(module) : target === module;
  const targets = [...schemeOf.keys()].sort(
    (a, b) => Number(a.includes(PATTERN)) - Number(b.includes(PATTERN)) || (a < b ? -1 : 1),
  );
  const found = new Map<string, Scheme>();
  for (const module of modules) {
    const classes = [module === EMBEDDING ? 'Embedding' : 'Linear', ANY_CLASS];
    if (ignore.some((target) => isNamed(module, target) || classes.includes(target))) continue;
    const target = targets.find((one) => isNamed(module, one)) ?? targets.find((one) => classes.includes(one));
    if (target !== undefined) found.set(module, schemeOf.get(target)!);
  }
  return found;
}
