// One error code of the command line with its hint followed to the letter: what provokes it, what is done then, where that leads.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { callCommand } from '../in-process.fixture.ts';
import { ROOT } from '../spawned-command.fixture.ts';

/** A folder of its own for each case, and the words of a small run in it. */
export class Room {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-hint-'));
  /** What one step hands to the next. */
  readonly kept: Record<string, string> = {};
  /** Servers and the like that end with the room. */
  readonly closing: (() => Promise<void>)[] = [];

  path(name: string): string {
    return path.join(this.folder, name);
  }

  /** Writes a file; what is no text becomes JSON. @returns its path. */
  write(name: string, content: unknown): string {
    writeFileSync(this.path(name), typeof content === 'string' ? content : JSON.stringify(content));
    return this.path(name);
  }

  /** A copy of a checkpoint that may be damaged. */
  checkpoint(name = 'checkpoint', fixture = 'tiny-qwen2'): string {
    cpSync(fixtureOf(fixture), this.path(name), { recursive: true });
    return this.path(name);
  }

  /** Two tokens, of which no tokenizer needs to know. */
  ids(ids: readonly number[] = [5, 6], more: object = {}): string {
    return this.write('ids.json', [{ name: 'a', ids, ...more }]);
  }

  /** A validate of few tokens, whose report stays in this room; given options come last and win. */
  validate(...more: string[]): string[] {
    const small = ['--max-new-tokens', '0'];
    const ours = more.includes('--max-new-tokens') ? [] : small;
    return ['validate', '--out', this.path('reports'), ...ours, ...more];
  }

  /** The same on two ids of the general checkpoint. */
  validateIds(...more: string[]): string[] {
    return this.validate('--weights', 'general', '--prompts', this.ids(), ...more);
  }

  async remove(): Promise<void> {
    for (const close of this.closing) await close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function fixtureOf(name: string): string {
  return path.join(ROOT, 'fixtures', name);
}

export interface Call {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface HintCase {
  readonly code: string;
  /** Which of several causes of the code. */
  readonly what?: string;
  /** Makes the mistake. */
  readonly wrong: (room: Room) => readonly string[] | Call | Promise<readonly string[] | Call>;
  /** The hint as it is read; its groups are what the follower takes from it. */
  readonly hint: RegExp;
  /** Does what the hint says, with nothing that the hint does not say. */
  readonly follow: (room: Room, said: readonly string[], wrong: readonly string[]) => readonly string[] | Call;
  /** A later error's code; without it the command has to succeed or to judge: exit code 0 or 1. */
  readonly leadsTo?: string;
}

const callOf = (call: readonly string[] | Call): Call => ('args' in call ? call : { args: call });

/** What an error must not show: something that was not filled in. */
const LEFTOVERS = /(?<!received )\bundefined\b|\[object|\?\.(\s|$)|\.\.(?!\.)(\s|$)/m;

/** Makes the mistake, reads the hint, follows it. */
export async function followHint({ code, wrong, hint, follow, leadsTo }: HintCase, room: Room): Promise<void> {
  const mistake = callOf(await wrong(room));
  const { stderr, code: exitCode } = await callCommand(mistake.args, mistake);
  expect(stderr).toMatch(new RegExp(`(^|\\s)${code}: `, 'm'));
  expect(exitCode).not.toBe(0);
  expect(stderr).not.toMatch(LEFTOVERS);
  const [, given = ''] = /^ {2}hint: ((?:.*)(?:\n {8}.*)*)/m.exec(stderr) ?? [];
  expect(given).toMatch(hint);
  const next = callOf(follow(room, hint.exec(given)!.slice(1), mistake.args));
  const after = await callCommand(next.args, next);
  if (leadsTo === undefined)
    expect(after, after.stderr).toMatchObject({ code: expect.toSatisfy((n) => n === 0 || n === 1) });
  else expect(after.stderr).toMatch(new RegExp(`(^|\\s)${leadsTo}: `, 'm'));
  expect(after.stderr).not.toMatch(new RegExp(`(^|\\s)${code}: `, 'm'));
}

/** The words of a call with one replaced. */
export function swapped(args: readonly string[], from: string, to: string): string[] {
  expect(args).toContain(from);
  return args.map((word) => (word === from ? to : word));
}

/** The words of a call without an option and its value. */
export function without(args: readonly string[], option: string, values = 1): string[] {
  expect(args).toContain(option);
  const at = args.indexOf(option);
  return [...args.slice(0, at), ...args.slice(at + 1 + values)];
}
