// A run that goes on is of this version and commit: rows of two do not mix.
import { InputError } from '../../src/errors.ts';
import type { ToolInfo } from '../record/tool-info.ts';
import { gitSha, packageVersion } from '../sources/package-root.ts';

/**
 * @param own - what runs now; a package that is no checkout knows no commit.
 * @throws InputError RESUME_VERSION.
 */
export function requireSameVersion(
  tool: ToolInfo,
  folder: string,
  own: Omit<ToolInfo, 'name'> = { version: packageVersion(), gitSha: gitSha() },
): void {
  const isOtherCommit = tool.gitSha !== null && own.gitSha !== null && tool.gitSha !== own.gitSha;
  if (tool.version === own.version && !isOtherCommit) return;
  const words = ({ version, gitSha: sha }: Omit<ToolInfo, 'name'>): string =>
    isOtherCommit ? `${version}, commit ${sha}` : version;
  throw new InputError(`${folder} was made by another version of qwen-pcc.`, {
    code: 'RESUME_VERSION',
    facts: { found: words(tool), wanted: words(own) },
    hint: 'rows of two versions do not mix; go on with that version, or start a new run.',
  });
}
