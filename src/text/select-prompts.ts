// Prompts picked by name, over all cases of a run: each case runs those that it has.
import { nearestName, UsageError } from '../errors.ts';

/** Prompts of one case and where they come from. */
export interface CasePrompts<T extends { readonly name: string }> {
  readonly caseName: string;
  /** Prompt file or recording, for messages. */
  readonly file: string;
  readonly prompts: readonly T[];
}

/**
 * The prompts of those names, for each case in the order asked for; none for a case that has none of them, which then has nothing to run.
 *
 * @throws UsageError `PROMPT_UNKNOWN` for a name that no case has, `PROMPT_TWICE` for a name that is asked for twice.
 */
export function selectPrompts<T extends { readonly name: string }>(
  cases: readonly CasePrompts<T>[],
  names: readonly string[],
): readonly (readonly T[])[] {
  requireOnce(names);
  const byName = cases.map(({ prompts }) => new Map(prompts.map((prompt) => [prompt.name, prompt])));
  const unknown = names.find((name) => !byName.some((prompts) => prompts.has(name)));
  if (unknown !== undefined) throw unknownPrompt(unknown, cases);
  return byName.map((prompts) => names.flatMap((name) => prompts.get(name) ?? []));
}

function requireOnce(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) {
      throw new UsageError(`--prompt ${name} is given twice.`, {
        code: 'PROMPT_TWICE',
        facts: { found: names.join(', ') },
        hint: 'name each prompt once: a prompt runs once in every case that has it.',
      });
    }
    seen.add(name);
  }
}

const LISTED_MAX = 10;

function unknownPrompt(name: string, cases: readonly CasePrompts<{ readonly name: string }>[]): UsageError {
  const known = cases.flatMap(({ prompts }) => prompts.map((prompt) => prompt.name));
  const near = nearestName(name, known);
  const facts = cases.map(({ caseName, file, prompts }) => {
    const listed = prompts.slice(0, LISTED_MAX).map((prompt) => prompt.name);
    const more = prompts.length > LISTED_MAX ? ` and ${prompts.length - LISTED_MAX} more` : '';
    return [caseName, `${file} has ${listed.join(', ') || 'no prompts'}${more}`];
  });
  return new UsageError(`there is no prompt "${name}" in any case.`, {
    code: 'PROMPT_UNKNOWN',
    facts: Object.fromEntries(facts),
    hint: near === undefined ? 'write a name that a case has, or its file with --prompts.' : `did you mean "${near}"?`,
  });
}
