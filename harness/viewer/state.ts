// Where the reader is: one token or the verdict, as signals that follow the address and the other way round.
import { type Signal, signal } from '@preact/signals';
import { FIRST_FAILING } from '../lens/lens-format.ts';
import { lensFragment } from '../report/lens-link.ts';
import type { Report, Sequence } from './report.ts';

export interface Place {
  readonly sequence: number;
  readonly token: number;
}

export const TABS = ['choices', 'numbers', 'rows', 'vocabulary', 'why'] as const;
export type Tab = (typeof TABS)[number];
export const METRICS = ['pcc', 'kl'] as const;

/** null: a page is shown. */
export const place: Signal<Place | null> = signal(null);
/** The pages that stand without a script; the first one that a report has is shown first. */
export const PAGES = ['comparison', 'verdict'] as const;
export type Page = (typeof PAGES)[number];
export const page: Signal<Page> = signal('verdict');

export function firstPage(): Page {
  return PAGES.find((name) => document.getElementById(name) !== null) ?? 'verdict';
}

/** Of a page; the first one has the address of the report. */
export function pageLink(name: Page): string {
  return name === firstPage() ? '#/' : `#${name}`;
}
export const tab: Signal<Tab> = signal('choices');
/** What shades a passing token in the overview. */
export const metric: Signal<(typeof METRICS)[number]> = signal('pcc');
/** Which of the other variants of a prompt a difference and the second curve are of, counted round. */
export const partner: Signal<number> = signal(0);

/** The prompt on the other variants, the chosen partner first. */
export function othersOf(report: Report, sequence: Sequence): readonly Sequence[] {
  const others = report.besides(sequence);
  const first = partner.value % others.length;
  return [...others.slice(first), ...others.slice(0, first)];
}

/** Whether the variants of a prompt are shown as differences. */
export const isDifference: Signal<boolean> = signal(false);
/** What a screen reader and the line at the bottom say. */
export const notice: Signal<string> = signal('');
export const isHelpOpen: Signal<boolean> = signal(false);
export const isSearching: Signal<boolean> = signal(false);

export function fragmentOf(report: Report, { sequence }: Pick<Place, 'sequence'>, position: number): string {
  const { of, on, prompt, user } = report.sequences[sequence]!;
  const base = lensFragment({ case: of.name, variant: on.name, prompt, user, position });
  return tab.value === 'choices' ? base : `${base}${base.includes('?') ? '&' : '?'}tab=${tab.value}`;
}

/** Positions need not be whole: a recording may have some rows only. */
export async function tokenAt(report: Report, sequence: Sequence, position: number): Promise<number> {
  const { position: positions } = await report.spine(sequence);
  let nearest = 0;
  for (let i = 0; i < positions.length; i++) {
    if (Math.abs(positions[i]! - position) < Math.abs(positions[nearest]! - position)) nearest = i;
  }
  return nearest;
}

/** Goes where an address says; what it names and is not here leads to the nearest that is, with a notice. */
export async function follow(report: Report, hash: string): Promise<void> {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const asked = new URLSearchParams(query);
  const wantedTab = TABS.find((one) => one === asked.get('tab'));
  tab.value = wantedTab ?? 'choices';
  if (path === '' || !hash.startsWith('#/')) {
    // An address may name a heading, whose page it is.
    const target = document.getElementById(decodeURIComponentSafe(hash.slice(1)));
    page.value = PAGES.find((one) => target?.closest(`#${one}`)) ?? firstPage();
    place.value = null;
    return;
  }
  const [caseName = '', variant = '', prompt = '', position] = path.split('/').map(decoded);
  const user = Number(asked.get('user') ?? 0);
  const score = (one: Sequence): number =>
    (one.of.name === caseName ? 8 : 0) +
    (one.prompt === prompt ? 4 : 0) +
    (one.on.name === variant ? 2 : 0) +
    (one.user === user ? 1 : 0);
  const best = report.sequences.reduce((a, b) => (score(b) > score(a) ? b : a));
  const token =
    position === undefined
      ? Math.max(0, firstFailing(report, best))
      : await tokenAt(report, best, Number(position) || 0);
  if (score(best) < 15)
    notice.value = `This report has no ${decodeURIComponentSafe(path)}: shown is the nearest that it has.`;
  place.value = { sequence: best.index, token };
}

function decoded(part: string): string {
  return decodeURIComponentSafe(part);
}

function decodeURIComponentSafe(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** -1: none. */
export function firstFailing(report: Report, { start, tokens }: Sequence): number {
  const { status } = report.overview;
  for (let i = 0; i < tokens; i++) if (status[start + i]! >= FIRST_FAILING) return i;
  return -1;
}

/**
 * The next token for which `isWanted` holds, over all sequences in order and around; null if there is none.
 *
 * @param step - 1 or -1.
 */
export function seek(
  report: Report,
  from: Place | null,
  step: 1 | -1,
  isWanted: (status: number) => boolean,
): Place | null {
  const { status } = report.overview;
  const total = status.length;
  const begin = from === null ? (step > 0 ? -1 : total) : report.sequences[from.sequence]!.start + from.token;
  for (let k = 1; k <= total; k++) {
    const at = (((begin + step * k) % total) + total) % total;
    if (isWanted(status[at]!)) return placeAt(report, at);
  }
  return null;
}

export function placeAt(report: Report, at: number): Place {
  const sequence = report.sequences.findLast(({ start, tokens }) => start <= at && tokens > 0)!;
  return { sequence: sequence.index, token: at - sequence.start };
}
