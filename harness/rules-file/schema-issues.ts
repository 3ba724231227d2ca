// What is wrong with a rules file, in words that name the place in it: unknown keys come with the nearest key that there is.
import type { z } from 'zod';
import { nearestName } from '../../src/errors.ts';

export interface FileIssue {
  /** `rules[2].treshold`; the file itself if empty. */
  readonly place: string;
  readonly words: string;
  /** What was meant, if something is near. */
  readonly meant?: string;
}

export function describeIssues(schema: z.ZodType, error: z.ZodError): FileIssue[] {
  return error.issues.flatMap((issue): FileIssue[] => {
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, issue.path);
      return issue.keys.map((key) => {
        const meant = nearestName(key, known);
        return {
          place: placeText([...issue.path, key]),
          words: 'is no key there',
          ...(meant === undefined ? {} : { meant }),
        };
      });
    }
    if (issue.code === 'invalid_value') {
      const values = issue.values.map(String);
      const meant = typeof issue.input === 'string' ? nearestName(issue.input, values) : undefined;
      const words = `must be ${values.length === 1 ? values[0] : `one of ${values.join(', ')}`}`;
      return [{ place: placeText(issue.path), words, ...(meant === undefined ? {} : { meant }) }];
    }
    return [{ place: placeText(issue.path), words: issue.message }];
  });
}

/** `rules[2].applies` */
export function placeText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
}

interface SchemaDef {
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
}

/** The keys that an object has at a place. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: z.ZodType | undefined = schema;
  for (const part of path) {
    const def: SchemaDef = defOf(at);
    at = typeof part === 'number' ? def.element : def.shape?.[String(part)];
    if (at === undefined) return [];
  }
  return Object.keys(defOf(at).shape ?? {});
}

function defOf(schema: z.ZodType | undefined): SchemaDef {
  const def = (schema as unknown as { readonly def: SchemaDef } | undefined)?.def ?? {};
  return def.innerType === undefined ? def : defOf(def.innerType);
}
