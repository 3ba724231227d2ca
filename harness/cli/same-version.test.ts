// Which versions may go on with a run.
import { expect, it } from 'vitest';
import { requireSameVersion } from './same-version.ts';

const [a, b] = ['a', 'b'].map((digit) => digit.repeat(40)) as [string, string];
const own = { version: '1.0.0', gitSha: a };
const may = (version: string, gitSha: string | null, mine: typeof own | { version: string; gitSha: null } = own) => {
  const tool = { name: 'qwen-pcc', version, gitSha } as const;
  try {
    requireSameVersion(tool, 'r', mine);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'RESUME_VERSION', exitCode: 2 });
    return false;
  }
};

it('is the same version, of the same commit where both are known', () => {
  expect(may('1.0.0', a)).toBe(true);
  expect(may('1.0.0', null)).toBe(true);
  expect(may('1.0.0', a, { version: '1.0.0', gitSha: null })).toBe(true);
  expect(may('1.0.0', b)).toBe(false);
  expect(may('1.0.1', a)).toBe(false);
});
