// Patterns of modules' names out of a config: Python's `re.match`, that is from the beginning of the name, run where it can be stopped.
import { createContext, Script } from 'node:vm';
import { notRead } from './format.ts';
import { shown } from './settings.ts';

/** Some hundred names take far below a millisecond, on a busy machine a second perhaps; `(a+)+b` takes for ever. */
const MATCH_MS_MAX = 20_000;

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
  limitMs: number = MATCH_MS_MAX,
): ReadonlyMap<string, ReadonlySet<string>> {
  const matched = new Map<string, ReadonlySet<string>>();
  for (const pattern of patterns) {
    try {
      // By itself first: a parenthesis too many must not find ours.
      const { source } = new RegExp(pattern, 'u');
      const expression = new RegExp(`^(?:${source})`, 'u');
      const context = createContext({ expression, names });
      const script = new Script('names.filter((name) => expression.test(name))');
      matched.set(pattern, new Set(script.runInContext(context, { timeout: limitMs }) as string[]));
    } catch (cause) {
      const what = `a pattern of modules' names is not read: ${(cause as Error).message}`;
      throw notRead(path, what, shown(pattern), 'a pattern of the kind "model\\.layers\\.0\\..*"');
    }
  }
  return matched;
}
