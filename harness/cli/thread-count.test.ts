// --threads: what every command that has it takes and refuses, before it makes anything.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { KNOBS } from '../../src/device/n150/compute-config.ts';
import { EXIT_CODES, UsageError } from '../../src/errors.ts';
import { MAXIMUM_THREADS } from '../../src/machine.ts';
import { LOG_FILE } from '../record/read-log.ts';
import { callCommand } from './in-process.fixture.ts';
import { threadCount } from './option-values.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-threads-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('--threads', () => {
  const parse = threadCount('--threads');

  it('takes as many as both sides can have', () => {
    expect([1, 2, MAXIMUM_THREADS].map((count) => parse(String(count)))).toEqual([1, 2, MAXIMUM_THREADS]);
    expect(KNOBS.threads.value).toMatchObject({ maximum: MAXIMUM_THREADS });
  });

  it.each(['0', '-1', '1.5', '', 'all', '0x10', '1e2', `${MAXIMUM_THREADS + 1}`, '1000000000'])(
    'refuses "%s"',
    (text) => {
      expect(() => parse(text)).toThrow(UsageError);
      expect(() => parse(text)).toThrow(`from 1 to ${MAXIMUM_THREADS}`);
    },
  );

  it.each([
    ['validate', '--threads', '1000'],
    ['validate', '--device', 'n150:threads=1000'],
    ['record', '--threads', '1000000000'],
    ['demo', '--threads', '300'],
    ['doctor', '--threads', '300'],
  ])('of too many ends %s with exit code 2 before a run begins (%s %s)', async (...args) => {
    const out = path.join(scratch, args.join(' '));
    const { code, stderr } = await callCommand([...args, '--out', out]);
    expect(stderr).toContain(String(MAXIMUM_THREADS));
    expect(code).toBe(EXIT_CODES.usage);
    expect(existsSync(path.join(out, 'last', LOG_FILE))).toBe(false);
  });
});
