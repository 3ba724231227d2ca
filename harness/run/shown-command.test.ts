// What a command shows of a machine's folders: enough to repeat the run where it was typed, nothing when it is handed on.
import { describe, expect, it } from 'vitest';
import { commandForElsewhere, shownCommand } from './shown-command.ts';

const typed = (...args: string[]): string => shownCommand(args, '/home/ada/work/pcc');

describe('a command in a report', () => {
  it.each([
    [['validate', '--out', '/home/ada/work/pcc/reports'], 'qwen-pcc validate --out reports'],
    [['validate', '--weights', '/home/ada/models/q 7b'], "qwen-pcc validate --weights '../../models/q 7b'"],
    [['validate', '--device=n150:weights=/data/q'], 'qwen-pcc validate --device=n150:weights=../../../../data/q'],
  ])('repeats %j from the folder it was typed in', (args, shown) => {
    expect(typed(...args)).toBe(shown);
  });
});

describe('a command that is handed on', () => {
  it.each([
    [['validate', '--out', 'reports', '--prompt', "a/b ../c'd"]],
    [['validate', '--device', 'n150:kvFormat=BF16', '--tokens', '1/2']],
  ])('keeps the words of %j, which climb out of no folder', (args) => {
    expect(commandForElsewhere(typed(...args))).toBe(typed(...args));
  });

  it('names no folder above its own, however deep it was typed', () => {
    const args = [
      '--weights',
      "/home/ada/q 7b/it's/last",
      '--device=golden:/srv/x y/rows',
      '--out',
      '/tmp/a/reports',
      'b c',
    ];
    expect(commandForElsewhere(typed(...args))).toBe(
      `qwen-pcc --weights '…/last' '--device=golden:…/rows' --out …/reports 'b c'`,
    );
  });
});
