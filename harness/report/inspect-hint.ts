// The command that shows a token of a run, with no more words than it needs.
import type { PromptRecord } from '../record/run-record.ts';
import type { TokenKey } from '../record/token-record.ts';

/** What a run has, as far as it takes to tell one token from all others; a run record is one. */
export interface NamedTokens {
  readonly cases: readonly {
    readonly variants: readonly { readonly prompts: readonly Pick<PromptRecord, 'name' | 'user'>[] }[];
  }[];
}

/** @param folder - path of the run folder as the reader can type it. */
export function inspectCommandOf(run: NamedTokens, key: TokenKey, folder: string): string {
  const words = ['qwen-pcc', 'inspect', folder];
  const having = run.cases.filter(({ variants }) => variants.some(({ prompts }) => prompts.some(isOf)));
  if (having.length > 1) words.push('--case', key.case);
  if (run.cases.some(({ variants }) => variants.length > 1)) words.push('--variant', key.variant);
  words.push('--prompt', key.prompt);
  if (key.user !== 0) words.push('--user', String(key.user));
  words.push('--token', String(key.position));
  return words.map(quoteWord).join(' ');

  function isOf({ name, user }: { readonly name: string; readonly user: number }): boolean {
    return name === key.prompt && user === key.user;
  }
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
