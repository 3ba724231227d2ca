// Prompt files: a JSON array of named prompts, given as text, chat messages or token ids.
import { z } from 'zod';
import { InputError, nearestName } from '../errors.ts';
import type { ChatMessage } from './chat-template.ts';
import { changedOnTheWay, readPromptJson } from './prompt-json.ts';
import { isPromptName, PROMPT_NAME_RULE } from './prompt-name.ts';

const tokenIds = z.array(z.int().nonnegative());
const textPart = z.looseObject({
  type: z.literal('text', { error: 'only parts of type "text": Qwen2 reads nothing else' }),
  text: z.string(),
});
const message = z.looseObject({ role: z.string().min(1), content: z.union([z.string(), z.array(textPart)]).nullish() });

const entrySchema = z.strictObject({
  name: z.string().refine(isPromptName, PROMPT_NAME_RULE),
  why: z.string().exactOptional(),
  text: z.string().exactOptional(),
  messages: z.array(message).exactOptional(),
  tools: z.array(z.looseObject({})).nullable().exactOptional(),
  documents: z.array(z.looseObject({})).nullable().exactOptional(),
  ids: tokenIds.exactOptional(),
  continuation: z.union([z.string(), tokenIds]).exactOptional(),
});

/** Exactly one of `text`, `messages` and `ids` is present; messages and ids are not empty. */
export interface PromptEntry {
  readonly name: string;
  /** Why the prompt is there; for readers of the file. */
  readonly why?: string;
  readonly text?: string;
  readonly messages?: readonly ChatMessage[];
  /** Beside messages: what the chat template gets as `tools`. */
  readonly tools?: readonly object[];
  /** Beside messages: what the chat template gets as `documents`. */
  readonly documents?: readonly object[];
  readonly ids?: readonly number[];
  /** Forced instead of the reference's greedy continuation: text, or token ids. */
  readonly continuation?: string | readonly number[];
}

const SOURCES = ['text', 'messages', 'ids'] as const;
const ISSUES_MAX = 5;
const FORM = '[{ "name": "…", "text": "…" }, …]';

/** Reads and checks a prompt file. @throws InputError `PROMPTS_*`. */
export function readPrompts(path: string): readonly PromptEntry[] {
  return parsePrompts(readPromptJson(path, FORM), path);
}

/** `readPrompts` on parsed JSON; `path` only names the file in errors. */
export function parsePrompts(json: unknown, path: string): readonly PromptEntry[] {
  if (!Array.isArray(json) || json.length === 0) {
    const facts = { found: (JSON.stringify(json) ?? String(json)).slice(0, 60), wanted: FORM };
    throw malformed(path, 'a prompt file is an array of at least one prompt', facts, `write ${FORM}`);
  }
  const entries = json.map((value, index) => parseEntry(value, path, index));
  const names = new Set<string>();
  for (const { name } of entries) {
    if (names.has(name))
      throw malformed(path, 'two prompts have the same name', { name }, 'give each prompt a name of its own');
    names.add(name);
  }
  return entries;
}

function parseEntry(value: unknown, path: string, index: number): PromptEntry {
  const result = entrySchema.safeParse(value);
  if (!result.success) {
    const issues = result.error.issues.flatMap(innermost);
    const facts = Object.fromEntries(
      issues.slice(0, ISSUES_MAX).map((issue) => [issue.path.join('.') || `prompt ${index}`, issue.message]),
    );
    throw malformed(
      path,
      `prompt ${nameOf(value) ?? index} has missing, unknown or wrong fields`,
      facts,
      unknownFieldHint(value) ?? 'correct what is named; docs/prompts.md describes every field',
    );
  }
  const { tools, documents, ...entry } = result.data;
  const given = SOURCES.filter((source) => entry[source] !== undefined);
  if (given.length !== 1) {
    throw malformed(
      path,
      `prompt "${entry.name}" has to be given in exactly one way`,
      { found: given.join(', ') || 'none', wanted: SOURCES.join(', ') },
      `give "${given[0] ?? SOURCES[0]}" and no other of them`,
    );
  }
  if (entry.messages === undefined && (tools ?? documents) != null) {
    throw malformed(
      path,
      `prompt "${entry.name}" has tools or documents, which only a chat template reads`,
      { found: `beside ${given[0]}`, wanted: 'beside messages' },
      'take them out, or give the prompt as messages',
    );
  }
  if (entry.messages?.length === 0 || entry.ids?.length === 0) throw emptyPrompt(path, entry.name, given[0]!);
  const changed = changedOnTheWay(value);
  if (changed !== undefined) {
    throw malformed(
      path,
      `prompt "${entry.name}" would be fed changed`,
      { found: changed, wanted: 'what can be fed as it is written' },
      'take it out, or write it as a text with whole characters',
    );
  }
  return { ...entry, ...(tools == null ? {} : { tools }), ...(documents == null ? {} : { documents }) };
}

type Issue = z.core.$ZodIssue;

/** Of a choice that failed, what its nearest branch says: content given as parts fails as parts, not as text. */
function innermost(issue: Issue): { readonly path: readonly PropertyKey[]; readonly message: string }[] {
  const branches = issue.code === 'invalid_union' ? issue.errors : [];
  const deepest = branches.toSorted((a, b) => depthOf(b) - depthOf(a))[0];
  if (deepest === undefined || depthOf(deepest) === 0) return [issue];
  return deepest.flatMap((inner) => innermost({ ...inner, path: [...issue.path, ...inner.path] } as Issue));
}

function depthOf(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.slice(0, ISSUES_MAX).map(({ path }) => path.length));
}

function nameOf(value: unknown): string | undefined {
  const name = (value as { name?: unknown } | null)?.name;
  return typeof name === 'string' && isPromptName(name) ? `"${name}"` : undefined;
}

function unknownFieldHint(value: unknown): string | undefined {
  const fields = Object.keys(entrySchema.shape);
  for (const key of Object.keys(Object(value))) {
    const near = fields.includes(key) ? undefined : nearestName(key, fields);
    if (near !== undefined) return `did you mean "${near}" instead of "${key}"?`;
  }
  return undefined;
}

function emptyPrompt(path: string, name: string, source: string): InputError {
  return new InputError(`${path}: prompt "${name}" is empty.`, {
    code: 'PROMPT_EMPTY',
    facts: { found: `no ${source}`, wanted: 'at least one token' },
    hint: `put at least one into "${source}", or take the prompt out of the file`,
  });
}

function malformed(
  path: string,
  what: string,
  facts: Readonly<Record<string, string | number>>,
  hint: string,
): InputError {
  return new InputError(`${path}: ${what}.`, { code: 'PROMPTS_MALFORMED', facts, hint });
}
