// From the arrays of one recorded prompt to its sequences: one, or one a user of a batch; what does not fit is listed.
import { printable } from '../../text/printable.ts';
import { arrangeRows, usersOfSharedIds } from './arrange-rows.ts';
import { arrangeTaps, type PromptArrays, readLists, readLogitsPieces, reportLogits } from './prompt-arrays.ts';
import { PromptFindings } from './prompt-findings.ts';
import { createRecordedPrompt, type RecordedPrompt, sequenceName } from './recorded-prompt.ts';
import type { HiddenMeaning } from './recording-format.ts';
import type { Problem } from './recording-problems.ts';
import type { StoredArray } from './stored-array.ts';
import { type UnpaddedSequence, unpad } from './unpad.ts';

export interface PromptToAssemble {
  readonly name: string;
  /** Whether the recording says the name; else it is the file's. */
  readonly isNamed: boolean;
  readonly arrays: PromptArrays;
  /** As the metadata says. */
  readonly promptLength: number | undefined;
}

export interface AssembleOptions {
  /** Name of the logits' array. */
  readonly logitsName: string;
  readonly hidden: HiddenMeaning | undefined;
  /** Several prompts: messages name this one. */
  readonly isOneOfSeveral: boolean;
  /** Names in the file that are no part of a recording, for messages. */
  readonly otherNames: readonly string[];
}

export interface Assembled {
  /** None if there are problems. */
  readonly sequences: readonly RecordedPrompt[];
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
}

/** Reports have a line for a name. */
const NAME_LENGTH_MAX = 200;
const IDS = '[T] integers: every token that was fed, from position 0';
const LOGITS = '[R, V] floats, one row for each position';

export function assemblePrompt(prompt: PromptToAssemble, options: AssembleOptions): Assembled {
  const findings = new PromptFindings(options.isOneOfSeveral ? prompt.name : undefined);
  requireName(prompt, findings);
  requirePresent(prompt, options, findings);
  const { arrays } = prompt;
  const pieces = arrays.has(options.logitsName) ? readLogitsPieces(arrays, options.logitsName, findings) : undefined;
  const ids = readLists(arrays, 'input_ids', IDS, findings);
  const given = {
    positions: readLists(arrays, 'positions', '[R] integers', findings),
    masks: readLists(arrays, 'attention_mask', '[T] of 0 and 1', findings),
    lengths: readLists(arrays, 'prompt_length', 'one integer', findings)?.flatMap((list) => [...list]),
  };
  const sequences =
    ids === undefined || pieces === undefined ? [] : assemble({ ...given, ids, pieces }, prompt, options, findings);
  const { problems, notes } = findings;
  return { sequences: problems.length > 0 ? [] : sequences, problems, notes };
}

interface Given {
  /** [T] of each user, or one list for all. */
  readonly ids: readonly Int32Array[];
  /** [R] of each user, or one list for all; undefined: a row for each token. */
  readonly positions: readonly Int32Array[] | undefined;
  /** [T] of each user, or one list for all. */
  readonly masks: readonly Int32Array[] | undefined;
  /** Of each user, or one for all. */
  readonly lengths: readonly number[] | undefined;
  readonly pieces: readonly StoredArray[];
}

function assemble(
  given: Given,
  prompt: PromptToAssemble,
  { logitsName, hidden }: AssembleOptions,
  findings: PromptFindings,
): RecordedPrompt[] {
  const { ids, positions, masks, pieces } = given;
  const lengths = prompt.promptLength === undefined ? given.lengths : [prompt.promptLength];
  const tokens = ids[0]!.length;
  const rows = positions?.[0]?.length ?? tokens;
  if (tokens === 0 || rows === 0) {
    findings.report('EMPTY', 'input_ids', `${tokens} tokens and ${rows} rows`, 'at least one of each');
    return [];
  }
  const users = ids.length > 1 ? ids.length : usersOfSharedIds(pieces, rows);
  if (!fitUsers({ positions, attention_mask: masks, prompt_length: lengths }, users, findings)) return [];
  if (masks !== undefined && masks[0]!.length !== tokens) {
    findings.report('MASK', 'attention_mask', `${masks[0]!.length} values`, `one for each of ${tokens} tokens`);
    return [];
  }
  const arranged = arrangeRows(pieces, users, rows);
  if (arranged === undefined) {
    reportLogits(logitsName, pieces, { users, rows, tokens, hasPositions: positions !== undefined }, findings);
    return [];
  }
  const taps = arrangeTaps(prompt.arrays, hidden, { users, rows }, findings);
  for (const note of arranged.notes) findings.note(note);
  const sequences: RecordedPrompt[] = [];
  for (let user = 0; user < users; user++) {
    const label = sequenceName({ prompt: prompt.name, user });
    const mask = of(masks, user);
    const tokensOnly = unpadded(of(ids, user)!, of(positions, user), mask, label, findings);
    if (tokensOnly === undefined) continue;
    sequences.push(
      createRecordedPrompt({
        prompt: prompt.name,
        user,
        isNamed: prompt.isNamed,
        ...withoutLastToken(tokensOnly, label, findings),
        logits: arranged.users[user]!,
        logitsDtype: pieces[0]!.data.dtype,
        promptLength: lengthOfPrompt(of(lengths, user), mask, tokensOnly, findings),
        taps: new Map([...taps].map(([tap, { users: tables }]) => [tap, tables[user]!])),
      }),
    );
  }
  return sequences;
}

/** Whether each list is one for all users, or one for each. */
function fitUsers(
  lists: Readonly<Record<string, readonly unknown[] | undefined>>,
  users: number,
  findings: PromptFindings,
): boolean {
  const misfits = Object.entries(lists).filter(
    ([, given]) => given !== undefined && given.length !== 1 && given.length !== users,
  );
  for (const [name, given] of misfits) {
    findings.report('USERS', name, `${given!.length} of them`, `one, or one for each of ${users} users`);
  }
  return misfits.length === 0;
}

function unpadded(
  inputIds: Int32Array,
  positions: Int32Array | undefined,
  mask: Int32Array | undefined,
  label: string,
  findings: PromptFindings,
): UnpaddedSequence | undefined {
  const negative = inputIds.find((tokenId) => tokenId < 0);
  if (negative !== undefined) {
    const repair = 'input_ids[input_ids < 0] = 0  # with attention_mask 0 there';
    findings.report('IDS', 'input_ids', `token id ${negative}`, 'ids from 0 on', repair);
    return undefined;
  }
  const sequence = unpad({ inputIds, positions, mask });
  if ('part' in sequence) {
    const code = sequence.part === 'positions' ? 'POSITIONS' : 'MASK';
    findings.report(code, `${sequence.part} of ${label}`, sequence.found, sequence.wanted, sequence.repair);
    return undefined;
  }
  const cut = inputIds.length - sequence.inputIds.length;
  if (cut > 0) findings.note(`${cut} tokens of padding were cut off ${label}`);
  return sequence;
}

/** `generate` of Transformers returns one token more than it fed. */
function withoutLastToken(sequence: UnpaddedSequence, label: string, findings: PromptFindings): UnpaddedSequence {
  const { inputIds, positions } = sequence;
  if (positions.at(-1) !== inputIds.length - 2) return sequence;
  findings.note(`the last token of ${label} has no row: it was generated, not fed`);
  return { ...sequence, inputIds: inputIds.subarray(0, -1) };
}

/** Tokens before the continuation; of a padded prompt they are counted as stored. */
function lengthOfPrompt(
  stated: number | undefined,
  mask: Int32Array | undefined,
  { inputIds }: UnpaddedSequence,
  findings: PromptFindings,
): number | undefined {
  if (stated === undefined) return undefined;
  const all = mask?.length ?? inputIds.length;
  const length = mask === undefined ? stated : mask.subarray(0, stated).reduce((sum, value) => sum + value, 0);
  if (stated >= 1 && stated <= all && length >= 1) return Math.min(length, inputIds.length);
  findings.report('PROMPT_LENGTH', 'prompt_length', String(stated), `1 … ${all}`);
  return undefined;
}

function requireName({ name }: PromptToAssemble, findings: PromptFindings): void {
  if (name !== '' && name.length <= NAME_LENGTH_MAX && name === printable(name)) return;
  const wanted = `1 to ${NAME_LENGTH_MAX} printable characters on one line`;
  findings.report('NAME', 'the name of a prompt', JSON.stringify(name), wanted);
}

function requirePresent(
  { arrays }: PromptToAssemble,
  { logitsName, otherNames }: AssembleOptions,
  findings: PromptFindings,
): void {
  const found = [...arrays.keys(), ...otherNames].slice(0, 12).join(', ') || 'no arrays';
  const repair = 'input_ids = numpy.array([...], dtype=numpy.int32)';
  if (!arrays.has('input_ids')) findings.report('MISSING', 'input_ids', found, IDS, repair);
  if (!arrays.has(logitsName)) findings.report('MISSING', logitsName, found, LOGITS);
}

/** The entry of one user, or the only one. */
function of<T>(entries: readonly T[] | undefined, user: number): T | undefined {
  return entries?.length === 1 ? entries[0] : entries?.[user];
}
