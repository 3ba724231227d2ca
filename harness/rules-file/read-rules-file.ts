// Finds and reads the rules file: the one that was named, or the one of that exact name in the working folder.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { InputError, UsageError } from '../../src/errors.ts';
import { RulesFileSchema } from './config-schema.ts';
import { firstKeyTwice, firstNoData } from './plain-data.ts';
import type { ReadRulesFile, RulesFile } from './rules-file.ts';
import { describeIssues } from './schema-issues.ts';

const STEM = 'qwen-pcc.config';
const ENDINGS = ['.json', '.ts', '.mjs', '.js'] as const;
const BYTES_MAX = 4 * 2 ** 20;
const ISSUES_SHOWN = 8;

/**
 * @param given - of --config; false for --no-config.
 * @param folder - the working folder.
 * @returns undefined if none was named and there is none.
 * @throws UsageError CONFIG_TWICE, CONFIG_NOT_FOUND, InputError CONFIG_FILE, CONFIG_KEYS, UnsupportedError.
 */
export async function findRulesFile(
  given: string | false | undefined,
  folder: string,
): Promise<ReadRulesFile | undefined> {
  if (given === false) return undefined;
  if (given !== undefined) return readRulesFile(given);
  const found = ENDINGS.map((ending) => `${STEM}${ending}`).filter((name) => existsSync(path.join(folder, name)));
  if (found.length > 1) {
    throw new UsageError(`there are ${found.length} rules files here.`, {
      code: 'CONFIG_TWICE',
      facts: { found: found.join(', '), wanted: 'one' },
      hint: `name the one that counts: --config ${found[0]}, or none: --no-config.`,
    });
  }
  return found[0] === undefined ? undefined : readRulesFile(found[0]);
}

/** @throws as `findRulesFile`. */
export async function readRulesFile(file: string): Promise<ReadRulesFile> {
  const bytes = readBytes(file);
  const value = path.extname(file) === '.json' ? parseJson(bytes, file) : await importValue(file);
  return { path: file, sha256: createHash('sha256').update(bytes).digest('hex'), content: parseRulesFile(value, file) };
}

/** @param file - names it in errors. @throws InputError CONFIG_KEYS. */
export function parseRulesFile(value: unknown, file: string): RulesFile {
  const result = RulesFileSchema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const issues = describeIssues(RulesFileSchema, result.error);
  const meant = issues.find((issue) => issue.meant !== undefined);
  throw new InputError(`${file}: what stands there is not understood.`, {
    code: 'CONFIG_KEYS',
    facts: Object.fromEntries(
      issues
        .slice(0, ISSUES_SHOWN)
        .map(({ place, words }): [string, string] => [place === '' ? 'the file' : place, words]),
    ),
    hint:
      meant === undefined
        ? 'docs/rules-file.md describes every key, docs/schema/config.schema.json is for your editor.'
        : `did you mean ${meant.meant} at ${meant.place}?`,
  });
}

function readBytes(file: string): Buffer {
  try {
    const found = statSync(file);
    if (!found.isFile()) throw unreadable(file, 'no file', 'name a file with --config.');
    if (found.size > BYTES_MAX)
      throw unreadable(file, `${found.size} bytes`, 'a rules file is some kilobytes; name another.');
    return readFileSync(file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw unreadable(
      file,
      (error as Error).message,
      'name a file that is there and may be read, or leave --config out.',
    );
  }
}

/** As `selftest --with-damage > qwen-pcc.config.json` finds it. */
const EMPTY_HINT =
  'write {} or rules into it; a shell empties the file that it sends output to before the command can read it, so send it to another one.';

function parseJson(bytes: Buffer, file: string): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (text.trim() === '') throw unreadable(file, 'nothing', EMPTY_HINT);
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw unreadable(file, (error as Error).message, 'write JSON in UTF-8.', error);
  }
  const twice = firstKeyTwice(text);
  if (twice === undefined) return value;
  throw unreadable(file, `${twice} twice`, 'take one of the two out: only the last would be read.');
}

const COMMONJS_HINT = `the package.json of its folder makes it CommonJS: call it ${STEM}.mjs, or for TypeScript name it with --config ${STEM}.mts.`;

/** What Node says of an ES module that it takes for a script. */
function isCommonJs(message: string): boolean {
  return /^Unexpected token 'export'|^Cannot use import statement outside a module/.test(message);
}

/** Code of the user's own, run by Node itself: the file that stands here or was named, and nothing else. */
async function importValue(file: string): Promise<unknown> {
  if (/\.[cm]?ts$/.test(file) && !('typescript' in process.features && process.features.typescript)) {
    throw unreadable(
      file,
      `TypeScript, which Node ${process.versions.node} does not run`,
      `write it as ${STEM}.mjs or ${STEM}.json, or use Node 22.18 or newer.`,
    );
  }
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(path.resolve(file)).href)) as typeof module;
  } catch (error) {
    const found = String((error as Error).message ?? error);
    throw unreadable(file, found, isCommonJs(found) ? COMMONJS_HINT : 'mend it, or write it as JSON.', error);
  }
  if (module.default === undefined) throw unreadable(file, 'no default export', 'write export default { … }.');
  return dataOf(module.default, file);
}

/** Data alone: what JSON cannot hold is no part of a plan. */
function dataOf(value: unknown, file: string): unknown {
  const noData = (found: string, cause?: unknown): InputError =>
    unreadable(file, `a default export that is no data: ${found}`, 'export an object of data.', cause);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw noData((error as Error).message, error);
  }
  const found = firstNoData(value);
  if (found !== undefined || text === undefined) throw noData(found ?? typeof value);
  return JSON.parse(text);
}

function unreadable(file: string, found: string, hint: string, cause?: unknown): InputError {
  return new InputError(`${file}: the rules file cannot be read.`, {
    code: 'CONFIG_FILE',
    facts: { found },
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
