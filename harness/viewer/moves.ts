// What the keys and buttons do: to the next failing token, the worst, another prompt; each ends in a place.
import { FIRST_FAILING } from '../lens/lens-format.ts';
import type { Report } from './report.ts';
import {
  firstFailing,
  isDifference,
  metric,
  notice,
  othersOf,
  type Place,
  partner,
  place,
  seek,
  TABS,
  tab,
} from './state.ts';

const isFailing = (status: number): boolean => status >= FIRST_FAILING;
const isNearTie = (status: number): boolean => status === 1;

function go(to: Place | null, otherwise: string): void {
  notice.value = to === null ? otherwise : '';
  if (to !== null) place.value = to;
}

export function toFailing(report: Report, step: 1 | -1): void {
  go(seek(report, place.value, step, isFailing), 'No token fails.');
}

export function toNearTie(report: Report, step: 1 | -1): void {
  go(seek(report, place.value, step, isNearTie), 'No token is a near tie.');
}

export function toFirst(report: Report): void {
  const sequence = report.sequences[place.value?.sequence ?? 0]!;
  const token = firstFailing(report, sequence);
  if (token >= 0) go({ sequence: sequence.index, token }, '');
  else go(place.value === null ? seek(report, null, 1, isFailing) : null, 'No token of this prompt fails.');
}

let worst: readonly Place[] | undefined;

/** The worst token; from the worst to the next worst, and so on. */
export async function toWorst(report: Report): Promise<void> {
  worst ??= await inOrder(report);
  const at = worst.findIndex(
    ({ sequence, token }) => sequence === place.value?.sequence && token === place.value.token,
  );
  go(worst[(at + 1) % worst.length] ?? null, 'There is no token.');
}

const WORST_KEPT = 1000;

/** Failing ones first, then by PCC, where one that does not exist is lowest. */
async function inOrder(report: Report): Promise<Place[]> {
  const all: { at: Place; fails: number; gap: number }[] = [];
  for (const sequence of report.sequences) {
    const { status, pccGap } = await report.spine(sequence);
    for (let token = 0; token < status.length; token++) {
      const gap = pccGap[token]!;
      all.push({
        at: { sequence: sequence.index, token },
        fails: isFailing(status[token]!) ? 1 : 0,
        gap: Number.isNaN(gap) ? 9 : gap,
      });
    }
  }
  all.sort((a, b) => b.fails - a.fails || b.gap - a.gap);
  return all.slice(0, WORST_KEPT).map(({ at }) => at);
}

export function toPrompt(report: Report, step: 1 | -1): void {
  const count = report.sequences.length;
  const at = place.value?.sequence ?? (step > 0 ? -1 : count);
  openSequence(report, (at + step + count) % count);
}

/** At its first failing token, else at its beginning. */
export function openSequence(report: Report, index: number): void {
  place.value = { sequence: index, token: Math.max(0, firstFailing(report, report.sequences[index]!)) };
}

/** The same token on the next variant. */
export function toVariant(report: Report, step: 1 | -1): void {
  const at = place.value;
  if (at === null) return;
  const here = report.sequences[at.sequence]!;
  const all = [here, ...report.besides(here)].sort((a, b) => a.index - b.index);
  const next = all[(all.indexOf(here) + step + all.length) % all.length]!;
  if (next === here) notice.value = 'This run has one variant.';
  else place.value = { sequence: next.index, token: Math.min(at.token, next.tokens - 1) };
}

/** The next case that has tokens, at its first failing one. */
export function toCase(report: Report, step: 1 | -1): void {
  const { sequences } = report;
  const firsts = sequences.filter((one, i) => one.case !== sequences[i - 1]?.case);
  const here = sequences[place.value?.sequence ?? 0]!.case;
  if (firsts.length < 2) notice.value = 'This run has one case.';
  else {
    const at = place.value === null ? (step > 0 ? -1 : 0) : firsts.findIndex((one) => one.case === here);
    openSequence(report, firsts[(at + step + firsts.length) % firsts.length]!.index);
  }
}

/** The token above or below in the text as it stands on the screen. */
export function toLine(report: Report, step: 1 | -1): void {
  const at = place.value;
  const from = at === null ? null : boxOf(at.token);
  if (at === null || from === null) return;
  let best = at.token;
  let line: number | undefined;
  let distance = Number.POSITIVE_INFINITY;
  for (let token = at.token + step; ; token += step) {
    const box = boxOf(token);
    if (box === null) break;
    // Smaller letters of bytes stand a little lower in the same line.
    if (Math.abs(box.bottom - from.bottom) < LINE_APART) continue;
    line ??= box.bottom;
    if (Math.abs(box.bottom - line) >= LINE_APART) break;
    const apart = Math.abs(box.left + box.width / 2 - from.left - from.width / 2);
    if (apart < distance) [best, distance] = [token, apart];
  }
  toToken(report, best);
}

const LINE_APART = 10;

/** The first line of a token: what a long one wraps into does not count. */
function boxOf(token: number): DOMRect | null {
  return document.getElementById(`o${token}`)?.getClientRects()[0] ?? null;
}

/** @param token - may lie outside; the text's ends hold. */
export function toToken(report: Report, token: number): void {
  const at = place.value;
  if (at === null) return;
  const last = report.sequences[at.sequence]!.tokens - 1;
  place.value = { ...at, token: Math.min(last, Math.max(0, token)) };
}

export function toggleMetric(): void {
  metric.value = metric.value === 'pcc' ? 'kl' : 'pcc';
}

/** @param isNext - the same with the next of several other variants. */
export function toggleDifference(report: Report, isNext: boolean): void {
  const here = report.sequences[place.value?.sequence ?? 0]!;
  if (isNext) partner.value++;
  const [other] = othersOf(report, here);
  if (other === undefined) {
    notice.value = 'A difference needs two variants.';
    return;
  }
  isDifference.value = isNext || !isDifference.value;
  notice.value = isDifference.value ? `${here.on.name} against ${other.on.name}` : '';
}

export function toTab(index: number): void {
  const wanted = TABS[index];
  if (wanted !== undefined) tab.value = wanted;
}
