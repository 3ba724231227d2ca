// Addresses in a run's report.html: `#/case/variant/prompt/position`, the same in every report that names a token.
import type { RulePlace } from '../record/verdict.ts';

/** The report with the token lens, in the run folder. */
export const LENS_FILE = 'report.html';

/** A sequence, or a token of it. */
export interface LensPlace {
  readonly case: string;
  readonly variant: string;
  readonly prompt: string;
  readonly user: number;
  readonly position?: number | undefined;
}

/** Starts with `#`. Names may hold any text: what a URL, a shell or Markdown would read as its own is escaped. */
export function lensFragment({ case: caseName, variant, prompt, user, position }: LensPlace): string {
  const parts = [caseName, variant, prompt].map(encodePart);
  if (position !== undefined) parts.push(String(position));
  return `#/${parts.join('/')}${user === 0 ? '' : `?user=${user}`}`;
}

/** Of a rule's worst place, as far as it leads to a prompt; null for a whole variant. */
export function lensFragmentOf(place: RulePlace | null): string | null {
  if (place === null || place.prompt === null) return null;
  const { prompt, user, position } = place;
  return lensFragment({ ...place, prompt, user: user ?? 0, position: position ?? undefined });
}

/** Half a surrogate pair is no text that a URL can hold; it goes by the replacement character. */
function encodePart(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(/[!'()*~]/g, (c) => {
    return `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}
