// From the arrays of one recorded prompt to its sequences: one, or one a user of a batch; what does not fit is listed.
import { isFloatDtype } from '../../tensor/dtypes.ts';
import { printable } from '../../text/printable.ts';
import type { TapName } from '../logits-source.ts';
import { type Arrangement, arrangeRows, usersOfSharedIds } from './arrange-rows.ts';
import { readIntegerLists } from './integer-lists.ts';
import { createRecordedPrompt, type RecordedPrompt, sequenceName } from './recorded-prompt.ts';
import { type HiddenMeaning, tapsFromTensorNames } from './recording-format.ts';
import type { Problem } from './recording-problems.ts';
import { bfloat16FromBits, describeArray, type StoredArray } from './stored-array.ts';
import { type UnpaddedSequence, unpad } from './unpad.ts';

/** Arrays of a prompt by their names; several pieces follow each other along the positions. */
export type PromptArrays = ReadonlyMap<string, readonly StoredArray[]>;

export interface PromptToAssemble {
  readonly name: string;
  /** Whether the recording says the name; else it is the file's. */
  readonly isNamed: boolean;
  readonly arrays: PromptArrays;
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
  readonly sequences: readonly RecordedPrompt[];
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
}

/** Reports have a line for a name. */
const NAME_LENGTH_MAX = 200;

export function assemblePrompt(prompt: PromptToAssemble, options: AssembleOptions): Assembled {
  return new Assembly(prompt, options).run();
}

interface Sequences {
  /** [T] of each user. */
  readonly ids: readonly Int32Array[];
  /** [R] of each user; undefined: a row for each token. */
  readonly positions: readonly Int32Array[] | undefined;
  readonly masks: readonly Int32Array[] | undefined;
}

class Assembly {
  readonly #prompt: PromptToAssemble;
  readonly #options: AssembleOptions;
  readonly #problems: Problem[] = [];
  readonly #notes: string[] = [];

  constructor(prompt: PromptToAssemble, options: AssembleOptions) {
    this.#prompt = prompt;
    this.#options = options;
  }

  run(): Assembled {
    this.#checkName();
    const logits = this.#logits();
    const ids = this.#integers('input_ids', '[T] integers: every token that was fed, from position 0');
    const positions = this.#integers('positions', '[R] integers', { isOptional: true });
    const masks = this.#integers('attention_mask', '[T] of 0 and 1', { isOptional: true });
    const lengths = this.#integers('prompt_length', 'one integer', { isOptional: true });
    const promptLength = this.#prompt.promptLength ?? lengths?.[0]?.[0];
    const sequences =
      ids === undefined || logits === undefined ? [] : this.#sequences({ ids, positions, masks }, logits, promptLength);
    return { sequences: this.#problems.length > 0 ? [] : sequences, problems: this.#problems, notes: this.#notes };
  }

  #sequences(given: Sequences, pieces: readonly StoredArray[], promptLength: number | undefined): RecordedPrompt[] {
    const tokens = given.ids[0]!.length;
    const rows = given.positions?.[0]?.length ?? tokens;
    if (tokens === 0 || rows === 0) {
      this.#report('EMPTY', 'input_ids', `${tokens} tokens and ${rows} rows`, 'at least one of each');
      return [];
    }
    const users = given.ids.length > 1 ? given.ids.length : usersOfSharedIds(pieces, rows);
    for (const [name, lists] of Object.entries({ positions: given.positions, attention_mask: given.masks })) {
      if (lists === undefined || lists.length === 1 || lists.length === users) continue;
      this.#report('USERS', name, `${lists.length} lists`, `one, or one for each of ${users} users`);
      return [];
    }
    if (given.masks !== undefined && given.masks[0]!.length !== tokens) {
      this.#report('MASK', 'attention_mask', `${given.masks[0]!.length} values`, `one for each of ${tokens} tokens`);
      return [];
    }
    const arranged = arrangeRows(pieces, users, rows);
    if (arranged === undefined) {
      this.#reportLogits(pieces, users, { rows, tokens, hasPositions: given.positions !== undefined });
      return [];
    }
    const taps = this.#taps(users, rows);
    this.#notes.push(...[...new Set(arranged.notes)].map((note) => this.#about(note)));
    const sequences: RecordedPrompt[] = [];
    for (let user = 0; user < users; user++) {
      const unpadded = this.#unpad(given, user, users);
      if (unpadded === undefined) continue;
      sequences.push(
        createRecordedPrompt({
          prompt: this.#prompt.name,
          user,
          isNamed: this.#prompt.isNamed,
          ...this.#withoutLastToken(unpadded, user),
          logits: arranged.users[user]!,
          logitsDtype: pieces[0]!.data.dtype,
          promptLength: this.#promptLength(promptLength, of(given.masks, user), unpadded),
          taps: new Map([...taps].map(([tap, { users: tables }]) => [tap, tables[user]!])),
        }),
      );
    }
    return sequences;
  }

  #nameOf(user: number): string {
    return sequenceName({ prompt: this.#prompt.name, user });
  }

  #unpad(given: Sequences, user: number, users: number): UnpaddedSequence | undefined {
    const name = this.#nameOf(user);
    const inputIds = of(given.ids, user)!;
    const negative = inputIds.find((tokenId) => tokenId < 0);
    if (negative !== undefined) {
      this.#report(
        'IDS',
        'input_ids',
        `token id ${negative}`,
        'ids from 0 on',
        'input_ids[input_ids < 0] = 0  # with attention_mask 0 there',
      );
      return undefined;
    }
    const unpadded = unpad({ inputIds, positions: of(given.positions, user), mask: of(given.masks, user) });
    if (unpadded === undefined) {
      this.#notes.push(this.#about(`${name} is padding alone and has no tokens`));
      return undefined;
    }
    if ('part' in unpadded) {
      const code = unpadded.part === 'positions' ? 'POSITIONS' : 'MASK';
      this.#report(
        code,
        users === 1 ? unpadded.part : `${unpadded.part} of user ${user}`,
        unpadded.found,
        unpadded.wanted,
        unpadded.repair,
      );
      return undefined;
    }
    const cut = inputIds.length - unpadded.inputIds.length;
    if (cut > 0) this.#notes.push(this.#about(`${cut} tokens of padding were cut off ${name}`));
    return unpadded;
  }

  /** `generate` of Transformers returns one token more than it fed. */
  #withoutLastToken(sequence: UnpaddedSequence, user: number): UnpaddedSequence {
    const { inputIds, positions } = sequence;
    if (positions.at(-1) !== inputIds.length - 2) return sequence;
    const name = this.#nameOf(user);
    this.#notes.push(this.#about(`the last token of ${name} has no row: it was generated, not fed`));
    return { ...sequence, inputIds: inputIds.subarray(0, -1) };
  }

  /** Tokens before the continuation; a padded prompt is counted as stored. */
  #promptLength(
    stated: number | undefined,
    mask: Int32Array | undefined,
    { inputIds }: UnpaddedSequence,
  ): number | undefined {
    if (stated === undefined) return undefined;
    const all = mask?.length ?? inputIds.length;
    const length = mask === undefined ? stated : mask.subarray(0, stated).reduce((sum, value) => sum + value, 0);
    if (stated >= 1 && stated <= all && length >= 1) return Math.min(length, inputIds.length);
    this.#report('PROMPT_LENGTH', 'prompt_length', String(stated), `1 … ${all}`);
    return undefined;
  }

  #logits(): readonly StoredArray[] | undefined {
    const { logitsName } = this.#options;
    const stored = this.#prompt.arrays.get(logitsName);
    if (stored === undefined) {
      this.#report('MISSING', logitsName, this.#names(), '[R, V] floats, one row for each position');
      return undefined;
    }
    const dtypes = [...new Set(stored.map(({ data }) => data.dtype))];
    const [dtype] = dtypes;
    if (dtypes.length > 1) {
      this.#report('LOGITS', logitsName, `pieces of ${dtypes.join(' and ')}`, 'pieces of one type');
      return undefined;
    }
    if (isBits(dtype!)) {
      this.#notes.push(this.#about('16-bit integers were read as the bits of bfloat16'));
      return stored.map(bfloat16FromBits);
    }
    if (dtype === 'F64') this.#notes.push(this.#about('float64 logits were rounded to float32'));
    else if (!isFloatDtype(dtype!)) {
      this.#report(
        'LOGITS',
        logitsName,
        describeArray(stored[0]!),
        'F32, BF16, F16 or F64',
        `${logitsName} = ${logitsName}.astype(numpy.float32)`,
      );
      return undefined;
    }
    return stored;
  }

  #reportLogits(
    pieces: readonly StoredArray[],
    users: number,
    { rows, tokens, hasPositions }: { readonly rows: number; readonly tokens: number; readonly hasPositions: boolean },
  ): void {
    const shapes = [...new Set(pieces.map(describeArray))];
    const count = pieces.length === 1 ? '' : `${pieces.length} pieces of `;
    const stored = pieces.reduce((sum, { shape }) => sum + shape.slice(0, -1).reduce((all, side) => all * side, 1), 0);
    const each = stored / users;
    const batch = users === 1 ? '' : `${users}, `;
    this.#report(
      'LOGITS',
      this.#options.logitsName,
      `${count}${shapes.slice(0, 3).join(', ')}`,
      `[${batch}${rows}, V], as ${hasPositions ? 'positions has' : 'input_ids has'} ${rows} entries${users === 1 ? '' : ` for each of ${users} users`}`,
      !hasPositions && Number.isInteger(each) && each < tokens
        ? `positions = numpy.arange(${tokens - each}, ${tokens})  # if these are the rows of the last tokens; else the positions that they are of`
        : undefined,
    );
  }

  get #subject(): string {
    return `prompt "${printable(this.#prompt.name)}"`;
  }

  #taps(users: number, rows: number): ReadonlyMap<TapName, Arrangement> {
    const { arrays } = this.#prompt;
    const taps = new Map<TapName, Arrangement>();
    for (const [tap, name] of tapsFromTensorNames(this.#subject, [...arrays.keys()], this.#options.hidden)) {
      const pieces = arrays.get(name)!;
      const dtype = pieces[0]!.data.dtype;
      const views = isBits(dtype) ? pieces.map(bfloat16FromBits) : pieces;
      const lengths = Array.from({ length: rows }, (_, i) => rows - i);
      const isFloat = isBits(dtype) || dtype === 'F64' || isFloatDtype(dtype);
      const arranged = isFloat ? firstOf(lengths, (length) => arrangeRows(views, users, length)) : undefined;
      if (arranged !== undefined) taps.set(tap, arranged);
      else {
        const batch = users === 1 ? '' : `${users}, `;
        this.#report(
          'TAP',
          name,
          describeArray(pieces[0]!),
          `floats [${batch}n, H], n at most ${rows}: the last n rows`,
        );
      }
    }
    return taps;
  }

  /** Lists of integers, one for each user; ids of one user may be shared by all. */
  #integers(name: string, wanted: string, { isOptional = false } = {}): readonly Int32Array[] | undefined {
    const stored = this.#prompt.arrays.get(name);
    if (stored === undefined) {
      if (!isOptional) {
        this.#report('MISSING', name, this.#names(), wanted, `${name} = numpy.array([...], dtype=numpy.int32)`);
      }
      return undefined;
    }
    const lists = readIntegerLists(name, stored);
    if (!('found' in lists)) return lists;
    const code = name === 'input_ids' ? 'IDS' : name === 'attention_mask' ? 'MASK' : name.toUpperCase();
    this.#report(code, name, lists.found, `${wanted}, or one list for each user [B, …]`, lists.repair);
    return undefined;
  }

  #checkName(): void {
    const { name } = this.#prompt;
    if (name !== '' && name.length <= NAME_LENGTH_MAX && name === printable(name)) return;
    this.#problems.push({
      code: 'NAME',
      where: 'the name of a prompt',
      found: JSON.stringify(name),
      wanted: `1 to ${NAME_LENGTH_MAX} printable characters on one line`,
    });
  }

  #names(): string {
    const names = [...this.#prompt.arrays.keys(), ...this.#options.otherNames];
    return names.slice(0, 12).join(', ') || 'no arrays';
  }

  #report(code: string, where: string, found: string, wanted: string, repair?: string): void {
    const place = this.#options.isOneOfSeveral ? `prompt "${printable(this.#prompt.name)}", ${where}` : where;
    this.#problems.push({ code, where: place, found, wanted, ...(repair === undefined ? {} : { repair }) });
  }

  #about(note: string): string {
    return this.#options.isOneOfSeveral ? `prompt "${printable(this.#prompt.name)}": ${note}` : note;
  }
}

/** NumPy has no bfloat16, so that its bits are saved as 16-bit integers. */
function isBits(dtype: string): boolean {
  return dtype === 'U16' || dtype === 'I16';
}

/** The list of one user, or the only one. */
function of<T>(lists: readonly T[] | undefined, user: number): T | undefined {
  return lists?.length === 1 ? lists[0] : lists?.[user];
}

function firstOf<T, R>(values: readonly T[], find: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
