// A prompt's PCC along its text in one small line, for tables: the lowest of every stretch, with a dot where tokens fail.
import { type Html, html } from './html.ts';
import { FIRST_FAILING, LEVEL_MAX, NO_LEVEL } from './lens-format.ts';
import type { OverviewColumns } from './sequence-columns.ts';

const [WIDTH, HEIGHT] = [96, 18];
/** Stretches of a text; a shorter one has a token each. */
const STRETCHES = 48;

/** Higher is nearer to PCC 1, on the logarithmic scale of the overview. Says nothing that the table's numbers do not. */
export function sparkline({ pcc, status }: OverviewColumns): Html | null {
  const tokens = status.length;
  if (tokens < 2) return null;
  const stretches = Math.min(STRETCHES, tokens);
  const begin = (i: number): number => Math.floor((i * tokens) / stretches);
  const points = Array.from({ length: stretches }, (_, i) => {
    const levels = pcc.slice(begin(i), begin(i + 1)).map((level) => (level === NO_LEVEL ? LEVEL_MAX : level));
    const x = 1 + Math.round(((WIDTH - 2) * i) / (stretches - 1));
    const y = 2 + Math.round((Math.max(...levels) / LEVEL_MAX) * (HEIGHT - 4));
    return { x, y, fails: status.slice(begin(i), begin(i + 1)).some((code) => code >= FIRST_FAILING) };
  });
  const dots = points.filter(({ fails }) => fails).map(({ x, y }) => `M${x} ${y}h0`);
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true"><path d="M${points.map(({ x, y }) => `${x} ${y}`).join('L')}"/>${
    dots.length === 0 ? null : html`<path class="low" d="${dots.join('')}"/>`
  }</svg>`;
}
