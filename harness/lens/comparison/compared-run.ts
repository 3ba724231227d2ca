// What the comparison's page takes from the run beside compare.json: KL of every token of an entrant, and its prompts with their addresses.
import type { CompareEntrant, CompareRecord } from '../../compare/league/compare-record.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { promptLabel, sequenceId } from '../../record/token-record.ts';
import { lensFragment } from '../../report/lens-link.ts';
import type { CollectedRun } from '../collect-run.ts';
import { LEVEL_DECADES, LEVEL_MAX, NO_LEVEL } from '../lens-format.ts';

/** A prompt of an entrant as its tokens are in the report. */
export interface ComparedPrompt {
  readonly label: string;
  readonly klMean: number | null;
  /** Address in the report. */
  readonly link: string;
  /** Of the token with the highest KL; null where none has one. */
  readonly worst: { readonly level: number; readonly link: string } | null;
}

export interface ComparedEntrant {
  readonly entrant: CompareEntrant;
  /** Of the prompts that count, in the order of the run. */
  readonly prompts: readonly ComparedPrompt[];
  /** KL of each of their tokens as a level of the overview (`levelOf`); tokens without one are left out. */
  readonly levels: readonly number[];
}

/** In the order of the league. */
export function comparedEntrants(
  { league, case: caseName, leftOut }: CompareRecord,
  { cases }: RunRecord,
  { sequences }: CollectedRun,
): ComparedEntrant[] {
  const one = cases.find(({ name }) => name === caseName);
  const skipped = new Set(leftOut);
  return league.map((entrant) => {
    const variant = one?.variants.find(({ name }) => name === entrant.variants.total);
    const levels: number[] = [];
    const prompts = (variant?.prompts ?? []).flatMap((prompt): ComparedPrompt[] => {
      const { name, user, summary } = prompt;
      const key = { case: caseName, variant: entrant.variants.total, prompt: name, user };
      const columns = sequences.get(sequenceId(key));
      if (columns === undefined || skipped.has(user === 0 ? name : `${name}[${user}]`)) return [];
      const kl = columns.overview.kl;
      for (const level of kl) if (level !== NO_LEVEL) levels.push(level);
      const top = columns.highestKl;
      return [
        {
          label: promptLabel({ prompt: name, user }),
          klMean: summary?.klNats?.mean ?? null,
          link: lensFragment(key),
          worst:
            top === null ? null : { level: kl[top.index]!, link: lensFragment({ ...key, position: top.position }) },
        },
      ];
    });
    return { entrant, prompts, levels };
  });
}

/** Decade of a level: -6 … 1. */
export function decadeOf(level: number): number {
  const [low, high] = LEVEL_DECADES;
  return low + (level / LEVEL_MAX) * (high - low);
}
