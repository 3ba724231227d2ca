// What a user reads when the file system says no: the file, the system's words, and what to do.
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { guardWrite, readError, systemCode, writeError } from './file-errors.ts';

const systemError = (code: unknown): Error => Object.assign(new Error(`${String(code)}: said the system`), { code });

describe('writeError', () => {
  it.each(['ENOSPC', 'EDQUOT'])('says of %s that the disk is full and that --resume goes on', (code) => {
    const cause = systemError(code);
    expect(writeError(cause, 'x/run.jsonl')).toMatchObject({
      message: expect.stringMatching(/^x\/run\.jsonl: the disk is full\.\n/),
      code: 'DISK_FULL',
      exitCode: 2,
      facts: { found: `${code}: said the system` },
      hint: expect.stringContaining('--resume'),
      cause,
    });
  });

  it.each([
    { thrown: systemError('EACCES'), found: 'EACCES: said the system' },
    { thrown: new Error('without a code'), found: 'without a code' },
    { thrown: { code: 'ENOSPC' }, found: '[object Object]' },
    { thrown: 'a string', found: 'a string' },
  ])('says of $found that the file cannot be written and names --out', ({ thrown, found }) => {
    expect(writeError(thrown, 'x/run.jsonl')).toMatchObject({
      message: expect.stringMatching(/^x\/run\.jsonl: cannot be written\.\n/),
      code: 'WRITE_FAILED',
      facts: { found },
      hint: expect.stringContaining('--out'),
    });
  });
});

describe('guardWrite', () => {
  it('hands out what was written', () => {
    expect(guardWrite('x', () => 3)).toBe(3);
  });

  it('names the file of a system error, and leaves an error that is ours as it is', () => {
    expect(() =>
      guardWrite('x/local.json', () => {
        throw systemError('EROFS');
      }),
    ).toThrow(/^x\/local\.json: cannot be written\./);
    const ours = new InputError('another file', { code: 'RUN_LOCKED' });
    expect(() =>
      guardWrite('x', () => {
        throw ours;
      }),
    ).toThrow(ours);
  });

  it('says of a file that another writer could not write what a run folder has to say of it', () => {
    const cause = systemError('ENOSPC');
    expect(() =>
      guardWrite('x/evidence/a', () => {
        throw new InputError('the file could not be written.', { code: 'FILE_WRITE', cause });
      }),
    ).toThrow(expect.objectContaining({ code: 'DISK_FULL', hint: expect.stringContaining('--resume'), cause }));
  });
});

describe('readError', () => {
  it('names the file and what makes such a folder', () => {
    const cause = systemError('ENOENT');
    expect(readError(cause, 'x/run.json')).toMatchObject({
      message: expect.stringMatching(/^x\/run\.json: cannot be read\.\n/),
      code: 'FILE_UNREADABLE',
      exitCode: 2,
      facts: { found: 'ENOENT: said the system' },
      hint: expect.stringContaining('qwen-pcc validate'),
      cause,
    });
  });
});

describe('systemCode', () => {
  it('is that of system errors only', () => {
    expect(systemCode(systemError('EEXIST'))).toBe('EEXIST');
    expect([systemError(17), new Error('none'), { code: 'EEXIST' }, undefined].map(systemCode)).toEqual(
      new Array(4).fill(undefined),
    );
  });
});
