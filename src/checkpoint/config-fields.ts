// Fields of config.json: checked against a schema, and how it is said that one is wrong or not modelled.
import type { z } from 'zod';
import { InputError, UnsupportedError } from '../errors.ts';

/** Reference and device compute with float32: a larger number would become an infinity. */
export const FLOAT32_MAX = 3.4028234663852886e38;

const AS_PUBLISHED = 'correct what is named in config.json, or take the file from where the checkpoint came from';

/** @throws InputError `CONFIG_MALFORMED` that names every field. */
export function parseFields<T extends z.ZodType>(schema: T, json: unknown, path: string): z.infer<T> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const facts = Object.fromEntries(result.error.issues.map((issue) => [issue.path.join('.') || 'file', issue.message]));
  throw new InputError(`${path}: fields are missing or of the wrong kind.`, {
    code: 'CONFIG_MALFORMED',
    facts,
    hint: AS_PUBLISHED,
  });
}

/** An UnsupportedError `CONFIG_<code>` about one file. */
export function unsupported(path: string, code: string, what: string, found: string): UnsupportedError {
  return new UnsupportedError(`${path}: ${what}.`, {
    code: `CONFIG_${code}`,
    facts: { found },
    hint: 'use a dense Qwen2 or Qwen2.5 checkpoint in BF16, F16 or F32',
  });
}

export function malformed(path: string, what: string, found: string | number, wanted: string | number): InputError {
  return new InputError(`${path}: ${what}.`, {
    code: 'CONFIG_MALFORMED',
    facts: { found, wanted },
    hint: AS_PUBLISHED,
  });
}
