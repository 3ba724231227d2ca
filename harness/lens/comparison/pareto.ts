// Which entrants are worth their bytes, and where the points and their labels of that plot lie; plain numbers.

export interface PlotPoint {
  readonly label: string;
  readonly bytes: number;
  readonly kl: number;
}

/** Points that no other one beats in bytes without being farther in KL, by bytes; of equal ones the first stands for all. */
export function frontierOf(points: readonly PlotPoint[]): PlotPoint[] {
  const sorted = [...points].sort((a, b) => a.bytes - b.bytes || a.kl - b.kl);
  const frontier: PlotPoint[] = [];
  for (const point of sorted) if (frontier.length === 0 || point.kl < frontier.at(-1)!.kl) frontier.push(point);
  return frontier;
}

/** Round numbers from `low` to `high`, at most `most` of them. */
export function roundTicks(low: number, high: number, most: number): number[] {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => power * factor >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, i) => (first + i) * step);
}

export interface Spot {
  readonly x: number;
  readonly y: number;
}

export interface PlacedLabel extends Spot {
  readonly anchor: 'start' | 'end' | 'middle';
  /** Null: there is room for no label; the text below the plot has it. */
  readonly text: string | null;
}

export interface LabelRoom {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly letterWidth: number;
  readonly lineHeight: number;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Of a dot with the room around it. */
const DOT = 6;

/** One after the other beside its point where it covers neither another label nor a point: right, left, above, below, then aslant. */
export function placeLabels(spots: readonly Spot[], labels: readonly string[], room: LabelRoom): PlacedLabel[] {
  const taken: Box[] = spots.map(({ x, y }) => ({ left: x - DOT, right: x + DOT, top: y - DOT, bottom: y + DOT }));
  const places = [
    ['start', 9, 4],
    ['end', -9, 4],
    ['middle', 0, -10],
    ['middle', 0, 19],
    ['start', 6, -10],
    ['start', 6, 19],
    ['end', -6, -10],
    ['end', -6, 19],
    ['start', 14, -22],
    ['start', 14, 31],
    ['end', -14, -22],
    ['end', -14, 31],
  ] as const;
  return spots.map(({ x, y }, i) => {
    const text = labels[i]!;
    const width = [...text].length * room.letterWidth;
    for (const [anchor, dx, dy] of places) {
      const left = anchor === 'start' ? x + dx : anchor === 'end' ? x + dx - width : x + dx - width / 2;
      const box = {
        left,
        right: left + width,
        top: y + dy - room.lineHeight * 0.75,
        bottom: y + dy + room.lineHeight * 0.2,
      };
      const isInside =
        box.left >= room.left && box.right <= room.right && box.top >= room.top && box.bottom <= room.bottom;
      if (!isInside || taken.some((other, j) => j !== i && overlaps(box, other))) continue;
      taken.push(box);
      return { x: x + dx, y: y + dy, anchor, text };
    }
    return { x, y, anchor: 'start', text: null };
  });
}

function overlaps(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
