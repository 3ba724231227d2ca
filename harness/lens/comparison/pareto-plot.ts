// Accuracy against bytes as SVG: a labelled point an entrant, the frontier behind which more bytes buy no accuracy, and all of it in words.
import type { CompareEntrant } from '../../compare/league/compare-record.ts';
import { formatBytes, formatSmall } from '../../report/format.ts';
import { type Html, html } from '../html.ts';
import { visibleText } from '../visible-text.ts';
import { frontierOf, type PlotPoint, placeLabels, roundTicks, type Spot } from './pareto.ts';
import { powerOfTen } from './words.ts';

const [WIDTH, HEIGHT] = [640, 340];
const PLOT = { left: 62, right: WIDTH - 34, top: 12, bottom: HEIGHT - 44 } as const;
/** A longer label is cut; the table has all of it. */
const LABEL_LETTERS = 34;

export interface ParetoAxis {
  readonly id: string;
  readonly title: string;
  readonly axis: string;
  readonly bytesOf: (entrant: CompareEntrant) => number | null;
}

/** By what people pay: bytes on disk, and bytes that the device reads for every token. */
export const PARETO_AXES: readonly ParetoAxis[] = [
  {
    id: 'pareto-files',
    title: 'Accuracy against bytes of the files',
    axis: 'bytes of the files',
    bytesOf: ({ storage }) => storage?.fileBytes ?? null,
  },
  {
    id: 'pareto-device',
    title: 'Accuracy against bytes on the device',
    axis: 'bytes of weights that the N150 reads for a token',
    bytesOf: ({ deviceStorage }) => deviceStorage?.weightBytes ?? null,
  },
];

/** Null where it would show nothing: fewer than two points, or all of the same bytes. */
export function paretoPlot(league: readonly CompareEntrant[], { id, title, axis, bytesOf }: ParetoAxis): Html | null {
  const points = league.flatMap((entrant): PlotPoint[] => {
    const bytes = bytesOf(entrant);
    const kl = entrant.total.klMean;
    return bytes === null || kl === null ? [] : [{ label: entrant.label, bytes, kl }];
  });
  if (new Set(points.map(({ bytes }) => bytes)).size < 2) return null;
  const frontier = frontierOf(points);
  const missing = league.filter(({ label }) => points.every((point) => point.label !== label));
  const behind = points.filter((point) => !frontier.includes(point));
  const said = (all: readonly PlotPoint[]): string =>
    all.map(({ label, bytes, kl }) => `${label} (${formatBytes(bytes)}, ${formatSmall(kl)} nat)`).join('; ');
  const words = `Frontier, from small to large: ${said(frontier)}.${behind.length === 0 ? '' : ` Behind it: ${said(behind)}.`}`;
  return html`<figure class="pareto"><figcaption><h2 id="${id}">${title} <small>mean KL, nat: lower and further left is better</small></h2></figcaption>
<div class="scroll" tabindex="0" role="region" aria-labelledby="${id}"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${`Mean KL against ${axis}. ${words}`}">${picture(points, frontier, axis)}</svg></div>
<p class="note">${words}${missing.length === 0 ? null : ` Not in the plot, since their size is not known: ${missing.map(({ label }) => label).join(', ')}.`}</p></figure>\n`;
}

function picture(points: readonly PlotPoint[], frontier: readonly PlotPoint[], axis: string): Html {
  const { left, right, top, bottom } = PLOT;
  const bytes = points.map((point) => point.bytes);
  const span = Math.max(...bytes) - Math.min(...bytes);
  const [from, to] = [Math.max(0, Math.min(...bytes) - span * 0.12), Math.max(...bytes) + span * 0.12];
  const unit = 2 ** (10 * Math.max(0, Math.min(3, Math.floor(Math.log2(to) / 10))));
  const kl = klScale(points.map((point) => point.kl));
  const x = (value: number): number => left + ((value - from) / (to - from)) * (right - left);
  const y = (value: number): number => bottom - kl.share(value) * (bottom - top);
  const spot = (point: PlotPoint): Spot => ({ x: x(point.bytes), y: y(point.kl) });
  const across = roundTicks(from / unit, to / unit, 6).map((value) => value * unit);
  const spots = points.map(spot);
  const labels = points.map(({ label }) => cut(visibleText(label)));
  const placed = placeLabels(spots, labels, { ...PLOT, letterWidth: 6.6, lineHeight: 14 });
  const line = frontier.map((point, i) =>
    i === 0 ? `M${at(x(point.bytes))} ${top}V${at(y(point.kl))}` : `H${at(x(point.bytes))}V${at(y(point.kl))}`,
  );
  return html`<path class="grid" d="${[...across.map((v) => `M${at(x(v))} ${top}V${bottom}`), ...kl.ticks.map(({ value }) => `M${left} ${at(y(value))}H${right}`)].join('')}"/><path class="axis" d="M${left} ${top}V${bottom}H${right}"/>${across.map(
    (value) =>
      html`<text x="${at(x(value))}" y="${bottom + 16}" text-anchor="middle">${shortBytes(value, unit)}</text>`,
  )}${kl.ticks.map(
    ({ value, text }) => html`<text x="${left - 7}" y="${at(y(value) + 4)}" text-anchor="end">${text}</text>`,
  )}<text class="title" x="${(left + right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${axis}</text><path class="frontier" d="${line.join('')}H${right}"/>${points.map(
    (point, i) =>
      html`<circle class="${frontier.includes(point) ? 'best' : 'behind'}" cx="${at(spots[i]!.x)}" cy="${at(spots[i]!.y)}" r="4.5"/>`,
  )}${placed.map(({ x: labelX, y: labelY, anchor, text }) =>
    text === null
      ? null
      : html`<text class="label" x="${at(labelX)}" y="${at(labelY)}" text-anchor="${anchor}">${text}</text>`,
  )}`;
}

interface KlScale {
  readonly share: (kl: number) => number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

/** Logarithmic; what is 0 stands on the axis. */
function klScale(values: readonly number[]): KlScale {
  const positive = values.filter((value) => value > 0);
  const logs = positive.length === 0 ? [-1, 0] : positive.map(Math.log10);
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const room = Math.max(0.1, (high - low) * 0.12);
  const [from, to] = [low - room - (positive.length < values.length ? room : 0), high + room];
  const steps = to - from > 3 ? [1] : [1, 2, 5];
  const ticks = Array.from({ length: Math.ceil(to) - Math.floor(from) + 1 }, (_, i) => Math.floor(from) + i)
    .flatMap((decade) =>
      steps.map((step) => ({ value: step * 10 ** decade, text: step === 1 ? powerOfTen(decade) : '', decade, step })),
    )
    .filter(({ value }) => Math.log10(value) >= from && Math.log10(value) <= to)
    .map(({ value, step, decade }) => ({ value, text: step === 1 ? powerOfTen(decade) : plain(step, decade) }));
  return { share: (kl) => (kl > 0 ? (Math.log10(kl) - from) / (to - from) : 0), ticks };
}

function plain(step: number, decade: number): string {
  return decade >= -4 ? Number((step * 10 ** decade).toPrecision(1)).toString() : `${step}·${powerOfTen(decade)}`;
}

/** "12 MiB" of a round number of units. */
function shortBytes(bytes: number, unit: number): string {
  return `${Number((bytes / unit).toPrecision(6))} ${['B', 'KiB', 'MiB', 'GiB'][Math.log2(unit) / 10]}`;
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function cut(text: string): string {
  const letters = [...text];
  return letters.length > LABEL_LETTERS ? `${letters.slice(0, LABEL_LETTERS - 1).join('')}…` : text;
}
