// Damage to bytes and to JSON, drawn from a seed: what disks, editors, converters and ill will leave of a file.
import { uniformValues } from '../random-values.ts';

/** Choices taken one after the other from numbers in [0, 1), from the beginning again when they run out: equal numbers, equal damage. */
export class Draws {
  readonly #values: ArrayLike<number>;
  #next = 0;

  /** @param values - at least one. */
  constructor(values: ArrayLike<number>) {
    this.#values = values;
  }

  /** Those of one input of a seed. */
  static seeded(seed: number, index: number): Draws {
    // The generator spreads neighbouring seeds only after some steps, and must not begin at 0.
    const mixed = (Math.imul(seed + 1, 0x9e37_79b1) ^ Math.imul(index + 1, 0x85eb_ca6b)) | 0;
    const values = uniformValues(512, mixed === 0 ? 1 : mixed).subarray(16);
    return new Draws(values.map((value) => (value + 1) / 2));
  }

  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    const value = this.#values[this.#next++ % this.#values.length]!;
    return Math.min(limit - 1, Math.floor(value * limit));
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

type ByteDamage = (bytes: Buffer, draws: Draws) => Buffer;

const BYTE_DAMAGES: readonly ByteDamage[] = [
  (bytes, draws) => bytes.subarray(0, draws.below(bytes.length)),
  (bytes, draws) => changed(bytes, draws, (byte) => byte ^ (1 << draws.below(8))),
  (bytes, draws) => changed(bytes, draws, () => draws.below(256)),
  (bytes, draws) => changed(bytes, draws, () => draws.of([0, 0xff, 0x22, 0x7b, 0x5d, 0x0a, 0x80])),
  (bytes, draws) => spliced(bytes, draws, () => Buffer.alloc(0)),
  (bytes, draws) => spliced(bytes, draws, (cut) => Buffer.concat([cut, cut])),
  (bytes, draws) => spliced(bytes, draws, (cut) => Buffer.alloc(cut.length, draws.of([0, 0xff, 0x20]))),
  (bytes, draws) => Buffer.concat([bytes, bytes.subarray(draws.below(bytes.length))]),
  // A digit more or another one: still a file of its kind, with another length, shape or offset.
  (bytes, draws) => digitChanged(bytes, draws),
];

/** @param first - how many of the first bytes are hit: headers, where readers decide. */
export function damageBytes(bytes: Buffer, draws: Draws, first: number = bytes.length): Buffer {
  if (bytes.length === 0) return Buffer.from([draws.below(256)]);
  const head = Math.min(first, bytes.length);
  let damaged: Buffer = Buffer.from(bytes.subarray(0, head));
  for (let times = 1 + draws.below(3); times > 0 && damaged.length > 0; times--) {
    damaged = draws.of(BYTE_DAMAGES)(damaged, draws);
  }
  return Buffer.concat([damaged, bytes.subarray(head)]);
}

function changed(bytes: Buffer, draws: Draws, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  for (let times = 1 + draws.below(4); times > 0; times--) {
    const at = draws.below(copy.length);
    copy[at] = change(copy[at]!);
  }
  return copy;
}

function spliced(bytes: Buffer, draws: Draws, replacement: (cut: Buffer) => Buffer): Buffer {
  const from = draws.below(bytes.length);
  const to = Math.min(bytes.length, from + 1 + draws.below(64));
  return Buffer.concat([bytes.subarray(0, from), replacement(bytes.subarray(from, to)), bytes.subarray(to)]);
}

function digitChanged(bytes: Buffer, draws: Draws): Buffer {
  const text = bytes.toString('latin1');
  const digits = [...text.matchAll(/\d/g)];
  if (digits.length === 0) return bytes;
  const at = draws.of(digits).index;
  const digit = draws.of(['9', '0', '99', '-1', '1e9', '.5']);
  return Buffer.from(text.slice(0, at) + digit + text.slice(at + 1), 'latin1');
}

/** Values that JSON can hold and a reader may not expect; functions, since some are large. */
const VALUES: readonly (() => unknown)[] = [
  ...[null, true, false, 0, 1, -1, 1.5, 1e9, 2 ** 31, 2 ** 53, -(2 ** 63), 1e300, 5e-324].map((value) => () => value),
  ...[
    '',
    ' ',
    'x',
    '\u0000',
    '\u001b[2J',
    '\u202e',
    '\ud800',
    '../../etc/passwd',
    '/etc/passwd',
    '..',
    'a/../../b',
    '__proto__',
  ].map((value) => () => value),
  () => 'a'.repeat(100_000),
  () => [],
  () => ({}),
  () => [[[[]]]],
  () => Array.from({ length: 5000 }, (_, index) => index),
  () => Array.from({ length: 600 }).reduce<unknown>((inner) => [inner], 1),
  () => ({ constructor: null, toString: 1, length: -1 }),
];

/** A JSON text with some places replaced, left out, doubled or swapped; now and then damaged as bytes too. */
export function damageJson(text: string, draws: Draws): Buffer {
  const root = { value: JSON.parse(text) as unknown };
  // Mostly one place: of several hostile ones a reader sees the first alone.
  for (let times = draws.of([1, 1, 1, 3]); times > 0; times--) damagePlace(root, draws);
  const written = Buffer.from(JSON.stringify(root.value) ?? 'null');
  return draws.chance(15) ? damageBytes(written, draws) : written;
}

type Holder = Record<string, unknown>;

function damagePlace(root: Holder, draws: Draws): void {
  const [holder, key] = somePlace(root, draws);
  const value = holder[key];
  switch (draws.below(7)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else if (holder !== root) delete holder[key];
      break;
    case 1:
      if (Array.isArray(holder)) holder.push(value);
      else holder[draws.of(['x', '', '__proto__ ', 'name', 'ids', key.toUpperCase()])] = value;
      break;
    case 2: {
      const [other, otherKey] = somePlace(root, draws);
      holder[key] = structuredClone(other[otherKey]);
      break;
    }
    case 3:
    case 4:
      holder[key] = slightlyOther(value, draws);
      break;
    default:
      holder[key] = draws.of(VALUES)();
  }
}

/** Of the same type and near: what passes the first check and reaches the next. */
function slightlyOther(value: unknown, draws: Draws): unknown {
  if (typeof value === 'number') return draws.of([-value, value + 1, value * 1000, value / 7, value * 32, 0]);
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') {
    const at = draws.below(value.length + 1);
    const inserted = draws.of([
      '\u0000',
      '\ud83d',
      '{{',
      '%}',
      '{% for i in range(9) %}',
      ' ',
      '\u0301',
      '月',
      '"',
      '\n',
    ]);
    return draws.of([
      value + value,
      value.slice(1),
      value.toUpperCase(),
      value.slice(0, at) + inserted + value.slice(at),
    ]);
  }
  if (Array.isArray(value)) return draws.of([value.slice(1), [...value, ...value], [...value].reverse()]);
  return draws.of(VALUES)();
}

/** Any depth is as likely as the next: a file of a thousand tokens would else be hit there alone. */
function somePlace(root: Holder, draws: Draws): [Holder, string] {
  let place: [Holder, string] = [root, 'value'];
  while (true) {
    const inner = place[0][place[1]];
    if (typeof inner !== 'object' || inner === null) return place;
    const keys = Object.keys(inner);
    if (keys.length === 0 || draws.chance(place[0] === root ? 3 : 25)) return place;
    place = [inner as Holder, draws.of(keys)];
  }
}

/** Lines cut, doubled, swapped or left out, a line's JSON or bytes changed, the file cut in mid-line. */
export function damageLines(text: string, draws: Draws): Buffer {
  const lines = text.split('\n').slice(0, -1);
  // The first lines and the last say what the run is and how it ended: half of the damage goes there.
  const some = (): number =>
    draws.chance(50) ? draws.of([0, 1, lines.length - 2, lines.length - 1]) : draws.below(lines.length);
  const at = Math.max(0, some());
  const other = Math.max(0, some());
  switch (draws.below(6)) {
    case 0:
      lines.splice(at, 1 + draws.below(3));
      break;
    case 1:
      lines.splice(at, 0, lines[other]!);
      break;
    case 2:
      [lines[at], lines[other]] = [lines[other]!, lines[at]!];
      break;
    case 3:
      return Buffer.from(`${lines.join('\n')}\n`).subarray(0, draws.below(text.length));
    case 4:
      lines[at] = damageBytes(Buffer.from(lines[at]!), draws).toString('latin1');
      break;
    default:
      lines[at] = damageJson(lines[at]!, draws).toString();
  }
  return Buffer.from(`${lines.join('\n')}\n`);
}
