// What a person reads of an error: name, code, causes, and a stack only where a file is not to blame.
import { describe, expect, it } from 'vitest';
import { DeviceError, InputError } from '../../src/errors.ts';
import { errorText } from './error-text.ts';

const system = (message: string): Error => Object.assign(new Error(message), { code: 'EACCES', syscall: 'open' });
const input = (cause?: unknown): InputError =>
  new InputError('a.json: the file cannot be read.', { code: 'FILE', hint: 'repair it.', cause });

describe('errorText', () => {
  it('of an error of ours is its name, code and message', () => {
    expect(errorText(input(), false)).toBe('InputError FILE: a.json: the file cannot be read.\n  hint: repair it.\n');
  });

  it('names every cause in a line, the deepest last, and no stack where a file is to blame', () => {
    const cause = new Error('the stream ended\nsecond line', { cause: system('EACCES: permission denied') });
    expect(errorText(input(cause), false).split('\n').slice(2)).toEqual([
      '  caused by Error: the stream ended',
      '  caused by Error: EACCES: permission denied',
      '',
    ]);
  });

  it('says nothing twice', () => {
    const cause = new Error('repair it');
    expect(errorText(input(cause), false)).not.toContain('caused by');
  });

  it('takes the first of several errors in one', () => {
    expect(errorText(input(new AggregateError([system('connect ECONNREFUSED')])), false)).toContain(
      '\n  caused by AggregateError: connect ECONNREFUSED\n',
    );
  });

  it('shows the stack of a fault of ours inside the device, though its message is known', () => {
    const broken = new TypeError("Cannot read properties of undefined (reading 'layers')");
    const error = new DeviceError('the device broke down.', {
      code: 'DEVICE_FAULT',
      facts: { found: broken.message },
      cause: broken,
    });
    const text = errorText(error, false);
    expect(text).toMatch(
      /^DeviceError DEVICE_FAULT: the device broke down\.\n {2}found .*'layers'\)\n {2}thrown as TypeError\n {4}at /,
    );
    expect(text).toContain('error-text.test.ts');
  });

  it('shows no stack of what the system refused the device', () => {
    const error = new DeviceError('the device broke down.', { code: 'DEVICE_FAULT', cause: system('EACCES: no') });
    expect(errorText(error, false)).toBe(
      'DeviceError DEVICE_FAULT: the device broke down.\n  caused by Error: EACCES: no\n',
    );
  });

  it.each([new RangeError('Map maximum size exceeded'), 'thrown text', undefined])(
    'of what is none of ours asks to report it: %s',
    (error) => {
      expect(errorText(error, false)).toMatch(
        /\nInternalError: this is a fault of qwen-pcc; report it with the lines above\.\n$/,
      );
    },
  );

  it('shows every stack when asked to', () => {
    const text = errorText(input(system('EACCES')), true);
    expect(text.match(/^ {4}at .*error-text\.test\.ts/gm)?.length).toBeGreaterThanOrEqual(2);
  });

  it('ends for causes that go round', () => {
    const [one, two] = [new Error('one'), new Error('two')];
    one.cause = two;
    two.cause = one;
    expect(errorText(input(one), false).match(/caused by/g)).toHaveLength(2);
  });

  it('hands no escape of a foreign text to the terminal', () => {
    const cause = new Error('\u001b[2J\u202eowned\nPASS  fake line');
    expect(errorText(input(cause), true)).not.toMatch(/(?!\n)\p{Cc}|\p{Bidi_Control}|^PASS/mu);
  });
});
