// What a prompt may be called: names stand in records, in names of files and tensors, and on command lines.
const PROMPT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/;

/** For messages; the same for prompt files and recordings. */
export const PROMPT_NAME_RULE: string =
  'at most 120 letters, digits, ".", "_" and "-", beginning with a letter or digit';

export function isPromptName(name: string): boolean {
  return PROMPT_NAME.test(name);
}
