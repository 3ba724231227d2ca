// Patterns of modules' names out of a config: Python's `re.match`, that is from the beginning of the name, run where it can be stopped.
import { createContext, Script } from 'node:vm';
import { notRead } from './format.ts';
import { shown } from './settings.ts';

/** Some hundred names and a few patterns take far below a millisecond; `(a+)+b` takes for ever. */
const MATCH_MS_MAX = 500;

/**
 * Which names each pattern matches.
 *
 * @param patterns - regular expressions that Python and JavaScript read alike.
 * @returns pattern -> the names.
 * @throws UnsupportedError `QUANTISED_UNSUPPORTED` for a pattern that JavaScript does not know, or that takes too long.
 */
export function matchPatterns(
  path: string,
  patterns: readonly string[],
  names: readonly string[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const matched = new Map<string, ReadonlySet<string>>();
  for (const pattern of patterns) {
    try {
      const expression = new RegExp(`^(?:${pattern})`, 'u');
      const context = createContext({ expression, names });
      const script = new Script('names.filter((name) => expression.test(name))');
      matched.set(pattern, new Set(script.runInContext(context, { timeout: MATCH_MS_MAX }) as string[]));
    } catch (cause) {
      const what = `a pattern of modules' names is not read: ${(cause as Error).message}`;
      throw notRead(path, what, shown(pattern), 'a pattern of the kind "model\\.layers\\.0\\..*"');
    }
  }
  return matched;
}
