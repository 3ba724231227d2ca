// Small multiples of a comparison: how KL of an entrant's tokens is distributed, against the base's, all on one scale; SVG made once.
import { formatSmall } from '../../report/format.ts';
import { type Html, html } from '../html.ts';
import { type ComparedEntrant, decadeOf } from './compared-run.ts';
import { powerOfTen, WORD_MARKS } from './words.ts';

const [WIDTH, HEIGHT, FOOT, HEAD] = [280, 96, 16, 4];
const BINS_A_DECADE = 4;

interface Scale {
  readonly low: number;
  readonly high: number;
  /** Share of tokens that the highest bar of all panels has. */
  readonly most: number;
}

/** @param base - undefined where the base is the reference itself, which differs from nothing. */
export function klPanels(others: readonly ComparedEntrant[], base: ComparedEntrant | undefined): Html | null {
  const all = base === undefined ? others : [base, ...others];
  const decades = all.flatMap(({ levels }) => levels.map(decadeOf));
  if (decades.length === 0) return null;
  const low = Math.floor(decades.reduce((a, b) => Math.min(a, b)));
  const high = Math.max(low + 1, Math.ceil(decades.reduce((a, b) => Math.max(a, b))));
  const range = { low, high };
  const most = Math.max(...all.map(({ levels }) => Math.max(...shares(levels, range))));
  const scale = { ...range, most };
  return html`<div class="panels">${others.map((one) => panel(one, base, scale))}</div>`;
}

function panel(one: ComparedEntrant, base: ComparedEntrant | undefined, scale: Scale): Html {
  const { entrant, prompts } = one;
  const worst = prompts.reduce<(typeof prompts)[number] | undefined>(
    (a, b) => ((b.worst?.level ?? -1) > (a?.worst?.level ?? -1) ? b : a),
    undefined,
  );
  const of = (value: number | null, ofBase: number | null | undefined): string =>
    `${formatSmall(value)}${ofBase === undefined ? '' : ` (base ${formatSmall(ofBase)})`}`;
  const median = of(entrant.total.klMedian, base?.entrant.total.klMedian);
  const p99 = of(entrant.total.klP99, base?.entrant.total.klP99);
  const summary = `Distribution of KL over tokens of ${entrant.label}: median ${median}, 99th percentile ${p99} nat.`;
  return html`<figure class="panel ${entrant.word}"><figcaption><b>${entrant.label}</b> <span class="word ${entrant.word}">${WORD_MARKS[entrant.word]} ${entrant.word}</span></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${summary}">${picture(one, base, scale)}</svg>
<p>median ${median}<br>99th percentile ${p99} nat${
    worst?.worst === undefined || worst.worst === null
      ? null
      : html`<br><a href="${worst.worst.link}">its farthest token</a>, in ${worst.label}`
  }</p></figure>\n`;
}

function picture({ levels }: ComparedEntrant, base: ComparedEntrant | undefined, scale: Scale): Html {
  const { low, high, most } = scale;
  const floor = HEIGHT - FOOT;
  const x = (decade: number): string => round(((decade - low) / (high - low)) * WIDTH);
  const y = (share: number): string => round(floor - (share / most) * (floor - HEAD));
  const edge = (bin: number): string => x(low + bin / BINS_A_DECADE);
  const bars = shares(levels, scale).map((share, bin) =>
    share === 0 ? '' : `M${edge(bin)} ${floor}V${y(share)}H${edge(bin + 1)}V${floor}Z`,
  );
  const outline =
    base === undefined ? [] : shares(base.levels, scale).map((share, bin) => `V${y(share)}H${edge(bin + 1)}`);
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const step = Math.ceil(ticks.length / 6);
  return html`<path class="grid" d="${ticks.map((decade) => `M${x(decade)} ${HEAD}V${floor}`).join('')}"/><path class="bars" d="${bars.join('')}"/>${
    base === undefined ? null : html`<path class="base" d="M0 ${floor}${outline.join('')}V${floor}"/>`
  }<path class="axis" d="M0 ${floor}H${WIDTH}"/>${ticks.map((decade, i) =>
    i % step !== 0
      ? null
      : html`<text x="${x(decade)}" y="${HEIGHT - 3}" text-anchor="${i === 0 ? 'start' : decade === high ? 'end' : 'middle'}">${powerOfTen(decade)}</text>`,
  )}`;
}

/** Of the tokens, by quarter decades; what lies beyond counts in the outermost. */
function shares(levels: readonly number[], { low, high }: Pick<Scale, 'low' | 'high'>): number[] {
  const counts = new Array<number>((high - low) * BINS_A_DECADE).fill(0);
  for (const level of levels) {
    const bin = Math.floor((decadeOf(level) - low) * BINS_A_DECADE);
    counts[Math.min(counts.length - 1, Math.max(0, bin))]!++;
  }
  return counts.map((count) => count / Math.max(1, levels.length));
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
