// Lists of modules that a format leaves plain, held against what the files hold: modules_to_not_convert, llm_int8_skip_modules.
// Source: Transformers 5.24.0 `should_convert_module`: a pattern from the beginning of the name to a dot or its end, or the name's end.
import { listNames } from '../../errors.ts';
import { notRead, type StoredWeights } from './format.ts';
import { matchPatterns } from './module-patterns.ts';
import { namesOf } from './settings.ts';

/**
 * @param key - of the settings.
 * @param quantised - names of weights that are stored as codes.
 * @returns notes for a report.
 * @throws UnsupportedError `QUANTISED_UNSUPPORTED` for a module that is listed and quantised nevertheless.
 */
export function heldAgainstSkipped(
  { path, settings, stored, expected }: StoredWeights,
  key: string,
  quantised: Iterable<string>,
): string[] {
  const patterns = namesOf(path, 'quantization_config', settings, key);
  const matrices = [...expected]
    .filter(([, shape]) => shape.length === 2)
    .map(([name]) => name.slice(0, -'.weight'.length));
  const skipped = skippedBy(path, patterns, matrices);
  const codes = new Set([...quantised].map((name) => name.slice(0, -'.weight'.length)));
  const contrary = [...codes].filter((name) => skipped.has(name));
  if (contrary.length > 0) {
    throw notRead(path, `${key} lists modules that are quantised`, listNames(contrary), 'the two to agree');
  }
  // Embedding and head are left plain by default.
  const plain = matrices.filter((name) => {
    const isDefault = /(^|\.)(embed_tokens|lm_head)$/.test(name);
    return !isDefault && !codes.has(name) && !skipped.has(name) && stored.has(`${name}.weight`);
  });
  if (plain.length === 0) return [];
  return [`config.json: stored plain and read so, though ${key} does not list them: ${listNames(plain)}`];
}

/** The names that one of the patterns matches. */
export function skippedBy(path: string, patterns: readonly string[], names: readonly string[]): ReadonlySet<string> {
  const isPlainName = (pattern: string): boolean => /^[\w.]*$/.test(pattern);
  const expressions = patterns
    .filter((pattern) => !isPlainName(pattern))
    .map((pattern) => `(?:${pattern})(?:(?<=\\.)|(?=\\.|$))`);
  const matched = [...matchPatterns(path, expressions, names).values()];
  return new Set(
    names.filter(
      (name) =>
        patterns.some((pattern) => name.endsWith(pattern) || name.startsWith(`${pattern}.`)) ||
        matched.some((found) => found.has(name)),
    ),
  );
}
