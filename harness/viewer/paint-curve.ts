// Paints one strip of a curve: a line, or the span of the tokens that share a pixel; failing tokens as dots, the limit as a dashed line.
import { FIRST_FAILING } from '../lens/lens-format.ts';

export const STRIP_HEIGHT = 74;
/** Room for the labels at the left, CSS pixels. */
export const STRIP_LEFT = 46;
const PADDING = 4;
const LABEL_HEIGHT = 11;

export interface Curve {
  readonly name: string;
  readonly title: string;
  /** One a token; NaN: none. Drawn on a logarithmic scale. */
  readonly values: Float32Array;
  readonly beside: Float32Array | undefined;
  readonly decades: readonly [number, number];
  /** Large values at the bottom. */
  readonly isDown: boolean;
  readonly limit: number | null;
  readonly limitText: string;
  readonly ticks: readonly (readonly [number, string])[];
  readonly write: (value: number) => string;
  readonly status: Uint8Array;
  /** What a reader who cannot see it is told. */
  readonly summary: string;
}

interface PaintOptions {
  readonly width: number;
  readonly promptLength: number;
}

export function paintCurve(canvas: HTMLCanvasElement, curve: Curve, { width, promptLength }: PaintOptions): void {
  const scale = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(STRIP_HEIGHT * scale);
  const context = canvas.getContext('2d')!;
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const ink = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const { values, decades, isDown } = curve;
  const [low, high] = decades;
  const y = (value: number): number => {
    const share = (Math.log10(Math.max(value, 1e-12)) - low) / (high - low);
    const up = Math.min(1, Math.max(0, share));
    return PADDING + (isDown ? up : 1 - up) * (STRIP_HEIGHT - 2 * PADDING);
  };
  const x = (token: number): number => STRIP_LEFT + ((token + 0.5) / values.length) * (width - STRIP_LEFT);

  if (promptLength < values.length) {
    context.fillStyle = ink('decode-band');
    context.fillRect(x(promptLength - 0.5), 0, width, STRIP_HEIGHT);
  }
  context.font = '10px system-ui, sans-serif';
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  let last = Number.NEGATIVE_INFINITY;
  for (const [value, label] of curve.ticks) {
    const isNear = Math.abs(y(value) - last) < LABEL_HEIGHT;
    if (Math.log10(value) < low || isNear) continue;
    last = y(value);
    context.fillStyle = ink('grid');
    context.fillRect(STRIP_LEFT, Math.round(y(value)), width, 1);
    context.fillStyle = ink('quiet');
    context.fillText(label, STRIP_LEFT - 5, Math.min(STRIP_HEIGHT - 6, Math.max(6, y(value))));
  }
  if (curve.beside !== undefined) line(curve.beside, ink('beside'));
  line(values, ink('line'));
  if (curve.limit !== null) {
    context.strokeStyle = ink('fail');
    context.setLineDash([5, 3]);
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(STRIP_LEFT, y(curve.limit));
    context.lineTo(width, y(curve.limit));
    context.stroke();
    context.setLineDash([]);
  }
  context.fillStyle = ink('fail');
  const radius = values.length > 400 ? 1.2 : 2;
  for (let token = 0; token < values.length; token++) {
    if (curve.status[token]! < FIRST_FAILING || Number.isNaN(values[token]!)) continue;
    context.fillRect(x(token) - radius, y(values[token]!) - radius, 2 * radius, 2 * radius);
  }

  function line(of: Float32Array, colour: string): void {
    context.strokeStyle = colour;
    context.lineWidth = 1.2;
    context.beginPath();
    let hasBegun = false;
    for (let token = 0; token < of.length; token++) {
      const value = of[token]!;
      if (Number.isNaN(value)) hasBegun = false;
      else if (hasBegun) context.lineTo(x(token), y(value));
      else {
        context.moveTo(x(token), y(value));
        hasBegun = true;
      }
    }
    context.stroke();
  }
}
