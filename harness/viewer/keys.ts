// The keyboard: one table of keys, for the listener and for the help.
import { copyCommand, copyLink } from './copying.ts';
import {
  toCase,
  toFailing,
  toFirst,
  toggleDifference,
  toggleMetric,
  toLine,
  toNearTie,
  toPrompt,
  toTab,
  toToken,
  toVariant,
  toWorst,
} from './moves.ts';
import type { Report } from './report.ts';
import { isHelpOpen, isSearching, place } from './state.ts';

interface Key {
  /** As `KeyboardEvent.key` has them. */
  readonly keys: readonly string[];
  readonly does: string;
  readonly press: (report: Report, key: string) => void;
}

export const KEYS: readonly Key[] = [
  { keys: ['n', 'p'], does: 'next, previous failing token', press: (r, key) => toFailing(r, key === 'n' ? 1 : -1) },
  { keys: ['N', 'P'], does: 'next, previous near tie', press: (r, key) => toNearTie(r, key === 'N' ? 1 : -1) },
  { keys: ['w'], does: 'worst token; again: the next worst', press: (r) => void toWorst(r) },
  { keys: ['f'], does: 'first failing token of the prompt', press: toFirst },
  { keys: ['[', ']'], does: 'previous, next prompt', press: (r, key) => toPrompt(r, key === ']' ? 1 : -1) },
  {
    keys: ['v', 'V'],
    does: 'next, previous variant, same token',
    press: (r, key) => toVariant(r, key === 'v' ? 1 : -1),
  },
  { keys: ['{', '}'], does: 'previous, next case', press: (r, key) => toCase(r, key === '}' ? 1 : -1) },
  {
    keys: ['ArrowLeft', 'ArrowRight'],
    does: 'token before, after',
    press: (r, key) => toToken(r, (place.value?.token ?? 0) + (key === 'ArrowRight' ? 1 : -1)),
  },
  {
    keys: ['ArrowUp', 'ArrowDown'],
    does: 'a line up, down',
    press: (r, key) => toLine(r, key === 'ArrowDown' ? 1 : -1),
  },
  {
    keys: ['Home', 'End'],
    does: 'first, last token of the prompt',
    press: (r, key) => toToken(r, key === 'Home' ? 0 : Number.POSITIVE_INFINITY),
  },
  { keys: ['1', '2', '3', '4', '5'], does: 'tabs of the token', press: (_, key) => toTab(Number(key) - 1) },
  {
    keys: ['/'],
    does: 'search: text, id, pcc<0.9, kl>0.1, flip:real',
    press: () => {
      isSearching.value = true;
      queueMicrotask(() => document.getElementById('search')?.focus());
    },
  },
  { keys: ['m'], does: 'shade the overview by PCC or KL', press: toggleMetric },
  {
    keys: ['d', 'D'],
    does: 'difference of variants; to the next one',
    press: (r, key) => toggleDifference(r, key === 'D'),
  },
  {
    keys: ['c', 'l'],
    does: 'copy the command, the link',
    press: (r, key) => void (key === 'c' ? copyCommand(r) : copyLink()),
  },
  {
    keys: ['?'],
    does: 'these keys',
    press: () => {
      isHelpOpen.value = !isHelpOpen.value;
    },
  },
  {
    keys: ['Escape'],
    does: 'close; from a token back to the verdict',
    press: () => {
      if (isHelpOpen.value) isHelpOpen.value = false;
      else place.value = null;
    },
  },
];

export function listenToKeys(report: Report): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
    const isMove = event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End';
    // In a list of tabs, and on the verdict, which scrolls, these keys mean what they mean everywhere.
    if (isMove && (place.value === null || target.getAttribute('role') === 'tab')) return;
    const key = KEYS.find(({ keys }) => keys.includes(event.key));
    if (key === undefined) return;
    event.preventDefault();
    key.press(report, event.key);
  });
}
