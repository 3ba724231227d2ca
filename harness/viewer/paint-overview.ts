// Paints the overview's pixels: of the tokens that share one, the worst is shown.
import { FIRST_FAILING, FIRST_INVALID, LEVEL_MAX, NO_LEVEL } from '../lens/lens-format.ts';
import type { Report, Sequence } from './report.ts';
import { othersOf, type Place } from './state.ts';

export type Rgb = readonly [number, number, number];

/** Colours of the scheme, as the style sheet has them. */
export interface Inks {
  readonly pale: Rgb;
  readonly dark: Rgb;
  readonly near: Rgb;
  readonly fail: Rgb;
  readonly invalid: Rgb;
  readonly ground: Rgb;
  readonly better: Rgb;
  readonly worse: Rgb;
  readonly select: Rgb;
}

export function readInks(element: Element): Inks {
  const style = getComputedStyle(element);
  // A canvas turns any colour that CSS knows into six digits.
  const reader = document.createElement('canvas').getContext('2d')!;
  const ink = (name: string): Rgb => {
    reader.fillStyle = style.getPropertyValue(`--${name}`).trim();
    const hex = String(reader.fillStyle);
    return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
  };
  return {
    pale: ink('cell-pale'),
    dark: ink('cell-dark'),
    near: ink('near'),
    fail: ink('fail'),
    invalid: ink('invalid'),
    ground: ink('ground'),
    better: ink('better'),
    worse: ink('worse'),
    select: ink('select'),
  };
}

/** CSS pixels of a row. */
export function rowHeight(rows: number): number {
  return rows <= 24 ? 14 : rows <= 48 ? 9 : 5;
}

export interface PaintOptions {
  readonly width: number;
  readonly height: number;
  /** Tokens across the width. */
  readonly longest: number;
  readonly metric: 'pcc' | 'kl';
  readonly isDifference: boolean;
  readonly inks: Inks;
  readonly place: Place | null;
}

export function paintOverview(canvas: HTMLCanvasElement, report: Report, options: PaintOptions): void {
  const { width, height, longest, inks, place } = options;
  const scale = Math.min(2, window.devicePixelRatio || 1);
  const [columns, rowPixels] = [Math.round(width * scale), Math.round(height * scale)];
  const rows = report.sequences.length * rowPixels;
  canvas.width = columns;
  canvas.height = rows;
  canvas.style.height = `${height * report.sequences.length}px`;
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  pixels.fill(packed(inks.ground));
  const gap = rowPixels > 6 * scale ? Math.round(2 * scale) : 1;
  for (const sequence of report.sequences) {
    const colours = options.isDifference
      ? differenceColours(report, sequence, options)
      : tokenColours(report, sequence, options);
    const top = sequence.index * rowPixels;
    const notch = Math.round((sequence.promptLength / longest) * columns);
    for (let x = 0; x < columns; x++) {
      const from = Math.floor((x / columns) * longest);
      const to = Math.max(from + 1, Math.floor(((x + 1) / columns) * longest));
      if (from >= sequence.tokens) break;
      let best = colours[from]!;
      for (let token = from + 1; token < Math.min(to, sequence.tokens); token++) {
        if (colours[token]!.weight > best.weight) best = colours[token]!;
      }
      const isNotch = sequence.promptLength < sequence.tokens && x === notch;
      const ink = packed(isNotch ? inks.ground : best.ink);
      for (let y = 0; y < rowPixels - gap; y++) pixels[(top + y) * columns + x] = ink;
    }
  }
  context.putImageData(image, 0, 0);
  if (place === null) return;
  const x = ((place.token + 0.5) / longest) * columns;
  const y = place.sequence * rowPixels;
  context.strokeStyle = `rgb(${inks.select.join(' ')})`;
  context.lineWidth = 2 * scale;
  context.strokeRect(Math.max(scale, x - 3 * scale), y, 6 * scale, rowPixels - gap);
}

interface CellColour {
  readonly ink: Rgb;
  readonly weight: number;
}

/** Levels below this differ in nothing that a reader needs: PCC above 0.9999, KL below 1e-4. */
const LEVEL_FROM = 70;

function tokenColours(report: Report, { start, tokens }: Sequence, { inks, metric }: PaintOptions): CellColour[] {
  const { status } = report.overview;
  const levels = report.overview[metric];
  const ramp = Array.from({ length: LEVEL_MAX + 1 }, (_, level) => ({
    ink: mixed(inks.pale, inks.dark, Math.max(0, (level - LEVEL_FROM) / (LEVEL_MAX - LEVEL_FROM))),
    weight: level,
  }));
  const near = { ink: inks.near, weight: 1000 };
  const fail = { ink: inks.fail, weight: 2000 };
  const invalid = { ink: inks.invalid, weight: 3000 };
  return Array.from({ length: tokens }, (_, token) => {
    const code = status[start + token]!;
    if (code >= FIRST_INVALID) return invalid;
    if (code >= FIRST_FAILING) return fail;
    if (code === 1) return near;
    const level = levels[start + token]!;
    return ramp[level === NO_LEVEL ? LEVEL_MAX : level]!;
  });
}

/** How much nearer or further than the first other variant, on the logarithmic scale. */
function differenceColours(report: Report, sequence: Sequence, { inks, metric }: PaintOptions): CellColour[] {
  const [other] = othersOf(report, sequence);
  const levels = report.overview[metric];
  return Array.from({ length: sequence.tokens }, (_, token) => {
    if (other === undefined || token >= other.tokens) return { ink: inks.pale, weight: 0 };
    const difference = levels[sequence.start + token]! - levels[other.start + token]!;
    const share = Math.min(1, Math.abs(difference) / 72);
    return { ink: mixed(inks.pale, difference > 0 ? inks.worse : inks.better, share), weight: Math.abs(difference) };
  });
}

function mixed(a: Rgb, b: Rgb, share: number): Rgb {
  return [0, 1, 2].map((i) => Math.round(a[i]! + (b[i]! - a[i]!) * share)) as unknown as Rgb;
}

/** As little-endian RGBA. */
function packed([r, g, b]: Rgb): number {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
