// Whether what a rules file says is all that is read of it: no key twice in JSON, nothing but data in what a module exports.
import { placeText } from './schema-issues.ts';

/**
 * JSON.parse keeps the last of two equal keys and says nothing of the first.
 *
 * @param text - that JSON.parse accepts.
 * @returns the place of the first key that its object has already.
 */
export function firstKeyTwice(text: string): string | undefined {
  const tokens = text.match(/"(?:[^"\\]+|\\.)*"|[{}[\]:,]/g) ?? [];
  const open: { readonly keys: Set<string> | undefined; at: string | number }[] = [];
  for (const [i, token] of tokens.entries()) {
    const inside = open.at(-1);
    if (token === '{') open.push({ keys: new Set(), at: '' });
    else if (token === '[') open.push({ keys: undefined, at: 0 });
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',' && typeof inside?.at === 'number') inside.at++;
    else if (tokens[i + 1] === ':' && inside?.keys !== undefined) {
      inside.at = JSON.parse(token) as string;
      if (inside.keys.has(inside.at)) return placeText(open.map(({ at }) => at));
      inside.keys.add(inside.at);
    }
  }
  return undefined;
}

/**
 * JSON.stringify leaves functions and undefined out and makes {} of a promise: a rule would be gone without a word.
 *
 * @param value - without cycles.
 * @returns the first place that holds something else than JSON can, with what it holds.
 */
export function firstNoData(value: unknown, path: readonly PropertyKey[] = []): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) {
    return undefined;
  }
  const isPlain =
    Array.isArray(value) ||
    (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value) as null));
  if (!isPlain) return `${wordFor(value)} at ${placeText(path) || 'the default export'}`;
  // Of an array also its holes.
  for (const [key, inner] of Array.isArray(value) ? value.entries() : Object.entries(value as object)) {
    const found = firstNoData(inner, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function wordFor(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value);
  const name: unknown = typeof value === 'object' ? value?.constructor?.name : undefined;
  return typeof name === 'string' && name !== '' ? `a ${name}` : `a ${typeof value}`;
}
