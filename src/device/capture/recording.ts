// Opens a recording: finds its prompts, checks that their parts fit together, and says what the file tells of itself.
// Source: recording-format.ts for the names, docs/recordings.md for people.
import { basename } from 'node:path';
import { z } from 'zod';
import { hashFiles } from '../../checkpoint/hash-files.ts';
import { InputError } from '../../errors.ts';
import { type LogitsFormat, parseLogitsFormat } from '../../numerics/logits-format.ts';
import { printable } from '../../text/printable.ts';
import { assemblePrompt, type PromptToAssemble } from './assemble-prompt.ts';
import { openContainer } from './containers.ts';
import type { RecordedPrompt } from './recorded-prompt.ts';
import { type Container, HIDDEN_MEANINGS, METADATA_NAMES, PROMPT_PREFIX } from './recording-format.ts';
import { type Problem, unusable } from './recording-problems.ts';
import type { StoredArray } from './stored-array.ts';

export interface Recording {
  readonly path: string;
  /** File or folder name. */
  readonly name: string;
  /** At least one sequence, each with a name of its own; all of the same vocabulary. */
  readonly prompts: readonly RecordedPrompt[];
  /** Columns of the logits as stored. */
  readonly vocabSize: number;
  /** Rows of all prompts: as many tokens have to be planned for the recording to be judged whole. */
  readonly rowCount: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** sha256 over the weights that the rows were made with, if the recording says. */
  readonly weightsSha256: string | undefined;
  /** sha256 over the config that they were made with, if the recording says. */
  readonly configSha256: string | undefined;
  /** Format of the logits, if the recording says. */
  readonly logitsFormat: LogitsFormat | undefined;
  /** Tokenizer that the ids are of, if the recording says: its name, sha256 of tokenizer.json. */
  readonly tokenizer: { readonly name?: string; readonly sha256?: string };
  /** What was cut, rounded or left out on opening, a sentence each. */
  readonly notes: readonly string[];
  /** The sequence of one user of a prompt, of the first if none is given. */
  find(prompt: string, user?: number): RecordedPrompt | undefined;
  /** Identity: hex sha256 of the file, or of the `sha256  name` lines of a folder's files; streamed once. */
  sha256(): Promise<string>;
}

export interface RecordingOptions {
  /** Name of the logits' array: `logits`, or another one such as `logits_f64`. */
  readonly logitsTensor?: string;
}

/**
 * Opens a recording; rows stay on disk.
 *
 * @throws InputError for files that are broken, of another kind, or whose parts are missing or do not fit together.
 */
export function openRecording(path: string, { logitsTensor = 'logits' }: RecordingOptions = {}): Recording {
  const container = openContainer(path, logitsTensor);
  const meta = readMetadata(path, container.metadata);
  const listed = promptsOf(path, container, meta, logitsTensor);
  const assembled = listed.map((prompt) =>
    assemblePrompt(prompt, {
      logitsName: logitsTensor,
      hidden: meta.hidden,
      isOneOfSeveral: listed.length > 1,
      otherNames: container.otherNames,
    }),
  );
  const prompts = assembled.flatMap(({ sequences }) => sequences);
  const problems = assembled.flatMap((one) => one.problems);
  if (problems.length === 0) problems.push(...requireOneVocabulary(prompts), ...requireOwnNames(prompts));
  const [first] = prompts;
  if (problems.length === 0 && first === undefined) {
    problems.push({ code: 'EMPTY', where: 'prompts', found: 'none', wanted: 'at least one with input_ids and logits' });
  }
  if (problems.length > 0) throw unusable(path, problems);
  const usersOf = new Map<string, Map<number, RecordedPrompt>>();
  for (const one of prompts) {
    const users = usersOf.get(one.prompt) ?? new Map<number, RecordedPrompt>();
    if (!users.has(one.user)) users.set(one.user, one);
    usersOf.set(one.prompt, users);
  }
  let digest: Promise<string> | undefined;
  return {
    path,
    name: basename(path),
    prompts,
    vocabSize: first!.vocabSize,
    rowCount: prompts.reduce((sum, { positions }) => sum + positions.length, 0),
    metadata: container.metadata,
    weightsSha256: meta.source?.weightsSha256,
    configSha256: meta.source?.configSha256,
    logitsFormat:
      meta.logits_format === undefined
        ? undefined
        : parseLogitsFormat(meta.logits_format, `${printable(basename(path))}, logits_format`),
    tokenizer: {
      ...(meta.tokenizer === undefined ? {} : { name: printable(meta.tokenizer) }),
      ...(meta.tokenizer_sha256 === undefined ? {} : { sha256: meta.tokenizer_sha256 }),
    },
    notes: assembled.flatMap(({ notes }) => notes),
    find: (prompt, user = 0) => usersOf.get(prompt)?.get(user),
    sha256() {
      digest ??= hashFiles(container.files);
      return digest;
    },
  };
}

/** Whether two recordings are the same bytes, under whatever name. */
export async function sameRecording(a: Recording, b: Recording): Promise<boolean> {
  return (await a.sha256()) === (await b.sha256());
}

const metadataSchema = z.looseObject({
  hidden: z.enum(HIDDEN_MEANINGS).optional(),
  logits_format: z.string().optional(),
  prompts: jsonText(z.array(z.string())).optional(),
  prompt_lengths: jsonText(z.record(z.string(), z.int())).optional(),
  source: jsonText(z.looseObject({ weightsSha256: z.string(), configSha256: z.string().optional() })).optional(),
  tokenizer: z.string().optional(),
  tokenizer_sha256: z.string().optional(),
});

function jsonText<T extends z.ZodType>(schema: T): z.ZodType<z.infer<T>, string> {
  const parsed = z.string().transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'not JSON' });
      return z.NEVER;
    }
  });
  return parsed.pipe(schema as z.ZodType<z.infer<T>, unknown>);
}

function readMetadata(path: string, metadata: Readonly<Record<string, string>>): z.infer<typeof metadataSchema> {
  const own = Object.fromEntries(METADATA_NAMES.flatMap((name) => (name in metadata ? [[name, metadata[name]]] : [])));
  const result = metadataSchema.safeParse(own);
  if (result.success) return result.data;
  throw new InputError(`${printable(basename(path))}: the metadata is malformed.`, {
    code: 'RECORDING_METADATA',
    facts: { found: printable(z.prettifyError(result.error)) },
    hint: 'prompts, prompt_lengths and source are JSON text; leave out what you do not know.',
  });
}

/** The prompts that the arrays' names tell, in the order that the metadata gives. */
function promptsOf(
  path: string,
  { arrays }: Container,
  meta: z.infer<typeof metadataSchema>,
  logitsName: string,
): PromptToAssemble[] {
  const names = new Set<string>();
  for (const array of arrays.keys()) {
    for (const ending of ['.input_ids', `.${logitsName}`]) {
      if (!array.startsWith(PROMPT_PREFIX) || !array.endsWith(ending)) continue;
      names.add(array.slice(PROMPT_PREFIX.length, -ending.length));
    }
  }
  const lengthOf = (name: string): number | undefined =>
    meta.prompt_lengths !== undefined && Object.hasOwn(meta.prompt_lengths, name)
      ? meta.prompt_lengths[name]
      : undefined;
  if (names.size === 0) {
    const stated = meta.prompts?.[0];
    const name = stated ?? basename(path).replace(/\.(safetensors|npz)$/, '');
    if ((meta.prompts?.length ?? 1) === 0) return [];
    return [{ name, isNamed: stated !== undefined, arrays, promptLength: lengthOf(name) }];
  }
  const ordered = meta.prompts ?? [...names].sort();
  const listed = new Set(ordered);
  const unlisted = [...names].filter((name) => !listed.has(name));
  if (unlisted.length > 0) {
    throw unusable(path, [
      {
        code: 'PROMPTS',
        where: 'prompts',
        found: `arrays of ${unlisted.map((name) => JSON.stringify(name)).join(', ')}, which the metadata does not list`,
        wanted: 'every recorded prompt in the list, or no list',
      },
    ]);
  }
  const arraysOf = arraysByPrompt(arrays, listed);
  return ordered.map((name) => ({
    name,
    isNamed: true,
    arrays: arraysOf.get(name) ?? new Map(),
    promptLength: lengthOf(name),
  }));
}

/** The arrays of each prompt, without its name, in one walk over them; a name may have dots itself. */
function arraysByPrompt(
  arrays: Container['arrays'],
  names: ReadonlySet<string>,
): ReadonlyMap<string, PromptToAssemble['arrays']> {
  const arraysOf = new Map<string, Map<string, readonly StoredArray[]>>();
  for (const [array, pieces] of arrays) {
    if (!array.startsWith(PROMPT_PREFIX)) continue;
    for (let dot = array.indexOf('.', PROMPT_PREFIX.length); dot >= 0; dot = array.indexOf('.', dot + 1)) {
      const name = array.slice(PROMPT_PREFIX.length, dot);
      if (!names.has(name)) continue;
      const own = arraysOf.get(name) ?? new Map<string, readonly StoredArray[]>();
      arraysOf.set(name, own.set(array.slice(dot + 1), pieces));
    }
  }
  return arraysOf;
}

function requireOneVocabulary(prompts: readonly RecordedPrompt[]): Problem[] {
  const [first] = prompts;
  return prompts
    .filter(({ vocabSize }) => vocabSize !== first!.vocabSize)
    .map(({ name, vocabSize }) => ({
      code: 'VOCABULARY',
      where: `prompt "${name}"`,
      found: `${vocabSize} columns`,
      wanted: `${first!.vocabSize} as "${first!.name}" has`,
    }));
}

function requireOwnNames(prompts: readonly RecordedPrompt[]): Problem[] {
  const seen = new Set<string>();
  return prompts.flatMap(({ name }) => {
    const isSecond = seen.has(name);
    seen.add(name);
    return isSecond
      ? [{ code: 'PROMPT', where: `prompt "${name}"`, found: 'two of this name', wanted: 'a name of its own for each' }]
      : [];
  });
}
