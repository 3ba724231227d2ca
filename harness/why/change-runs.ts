// Runs the changes of a device: over a kept past or one made anew, in several draws of the roundings, then closer where they heal.
import type { Lane } from '../../src/device/n150/lanes/lane.ts';
import { copyLastRows, type Rows } from '../../src/device/n150/rows.ts';
import { roundToBf16TiesEven } from '../../src/numerics/bf16.ts';
import type { Change, TokenMeasure, WhyOp } from '../record/why-record.ts';
import { CacheWatch } from './cache-errors.ts';
import { demotions, isBehindLayers, type PlannedChange, pairOf, promotions } from './changes.ts';
import type { Experiment } from './experiment.ts';
import { layerTapOf, type WhyTap } from './ops.ts';
import { redraw } from './redraw.ts';
import { rowPlaces } from './row-errors.ts';
import { layerWeightsOf } from './work.ts';

/** A promotion that takes this share of the KL away heals; with less, pairs are tried. */
export const HEALING_SHARE = 0.8;
/** A demotion that makes this share of it breaks. */
const BREAKING_SHARE = 0.5;
/** Changes that are worth more than one draw of the roundings. */
const DRAWN_SHARE = 0.3;
/** How much is drawn anew: all that may matter where it takes seconds, and the first suspects where it takes minutes. */
const DRAWING = {
  small: { draws: 3, promotions: 6, demotions: 2 },
  large: { draws: 2, promotions: 4, demotions: 1 },
} as const;
const NEARLY = 0.9;
const PAIRED = 4;
/** Layers that are promoted together, at most. */
const TOGETHER = 4;
/** Weights times positions up to which everything is made anew: seconds. */
const SMALL_WORK = 2e9;
/** Operations that make keys and values: without a past of their own they change little. */
const FEEDING_CACHE: readonly WhyOp[] = ['qkv', 'rotary', 'kvCache'];

interface Variation {
  readonly change: PlannedChange;
  readonly past: Change['past'];
}

export interface Changes {
  readonly changes: Change[];
  readonly exact: TokenMeasure;
  readonly redrawn: TokenMeasure[];
}

export class ChangeRuns {
  readonly #experiment: Experiment;
  readonly #isSmall: boolean;
  readonly #drawing: (typeof DRAWING)[keyof typeof DRAWING];
  /** Of the device, drawn anew. */
  readonly #redrawn: TokenMeasure[] = [];

  constructor(experiment: Experiment) {
    this.#experiment = experiment;
    this.#isSmall = layerWeightsOf(experiment.lanes.lab.model) * experiment.positions <= SMALL_WORK;
    this.#drawing = this.#isSmall ? DRAWING.small : DRAWING.large;
  }

  /** Best first within each direction. */
  async all(): Promise<Changes> {
    const { lanes, positions } = this.#experiment;
    const planned = [...promotions(lanes, positions), ...demotions(lanes)];
    let variations = planned.map((change): Variation => ({ change, past: this.#pastOf(change) }));
    let measured = await this.#first('changes', variations);
    if (!variations.some((one) => this.#isHealing(one, measured.get(one)!))) {
      const again = variations.filter(({ change, past }) => past === 'kept' && canBeRedone(change));
      const redone = again.map(({ change }): Variation => ({ change, past: 'redone' }));
      const anew = await this.#first('changes, earlier positions anew', redone);
      variations = [...variations.filter((one) => !again.includes(one)), ...redone];
      measured = new Map([...measured, ...anew]);
    }
    await this.#draw(this.#worthDrawing(variations, measured), measured);
    const pairs = await this.#pairs(variations, measured);
    const places = await this.#places(variations, measured);
    const [exact] = await this.#experiment.measure('exact', [
      { settingOf: lanes.exact, lane: { rows: 1, past: (layer) => this.#experiment.golden.kv(layer) } },
    ]);
    const made = variations.map((one) => this.#changeOf(one, measured.get(one)!));
    return {
      changes: ranked([...made, ...pairs, ...places]),
      exact: exact!,
      redrawn: this.#redrawn,
    };
  }

  /** Rows through all layers, at most: where nothing heals in the first round, all is made anew. */
  mostRows(): number {
    const { lanes, positions } = this.#experiment;
    const { layers } = lanes.lab.model;
    const planned = [...promotions(lanes, positions), ...demotions(lanes)];
    const first = planned.reduce((sum, change) => sum + (this.#pastOf(change) === 'kept' ? 1 : positions), 0);
    const drawn = this.#drawing.draws * (1 + this.#drawing.promotions + this.#drawing.demotions) * positions;
    const places = (1 + (layers + TOGETHER) / 2) * positions;
    return first + drawn + places;
  }

  /** One change by itself, everything made anew. */
  async one(change: PlannedChange): Promise<Change> {
    const variation: Variation = { change, past: 'redone' };
    return this.#changeOf(variation, (await this.#first(change.direction, [variation])).get(variation)!);
  }

  #pastOf(change: PlannedChange): Change['past'] {
    if (!canBeRedone(change)) return 'kept';
    // A layer that the device leaves out has no past to keep.
    if (this.#experiment.lanes.lab.config.skipLayer >= 0) return 'redone';
    const feeds = change.kind !== 'layer' && change.ops.every((op) => FEEDING_CACHE.includes(op));
    return this.#isSmall || feeds ? 'redone' : 'kept';
  }

  async #first(stage: string, variations: readonly Variation[]): Promise<Map<Variation, TokenMeasure[]>> {
    return new Map([...(await this.#inDraw(stage, variations, 0))].map(([one, measure]) => [one, [measure]]));
  }

  #worthDrawing(variations: readonly Variation[], measured: ReadonlyMap<Variation, TokenMeasure[]>): Variation[] {
    const best = (direction: Change['direction'], count: number): Variation[] =>
      variations
        .filter(({ change }) => change.direction === direction && change.kind !== 'layer')
        .map((one) => ({ one, share: this.#share(one, measured.get(one)!) ?? 0 }))
        .filter(({ share }) => share >= DRAWN_SHARE)
        .sort((a, b) => b.share - a.share)
        .filter((one, _at, all) => !all.some((other) => standsFor(other, one)))
        .map(({ one }) => one)
        .slice(0, count);
    return [...best('promotion', this.#drawing.promotions), ...best('demotion', this.#drawing.demotions)];
  }

  async #draw(variations: readonly Variation[], measured: Map<Variation, TokenMeasure[]>): Promise<void> {
    if (variations.length === 0) return;
    const { draws } = this.#drawing;
    for (let draw = 1; draw <= draws; draw++) {
      for (const [one, measure] of await this.#inDraw(`draw ${draw} of ${draws}`, variations, draw)) {
        measured.get(one)!.push(measure);
      }
    }
  }

  async #pairs(variations: readonly Variation[], measured: ReadonlyMap<Variation, TokenMeasure[]>): Promise<Change[]> {
    const best = variations
      .filter(({ change }) => change.direction === 'promotion' && change.kind !== 'layer')
      .map((one) => ({ one, share: this.#share(one, measured.get(one)!) ?? 0 }))
      .filter(({ share }) => share > 0)
      .sort((a, b) => b.share - a.share)
      .filter(({ one }, at, all) => !all.slice(0, at).some(({ one: before }) => isSameOps(before.change, one.change)))
      .slice(0, PAIRED);
    if (best.length < 2 || best[0]!.share >= HEALING_SHARE) return [];
    const pairs = best.flatMap(({ one: a }, at) =>
      best.slice(at + 1).map(({ one: b }): Variation => {
        const past = a.past === 'redone' || b.past === 'redone' ? 'redone' : 'kept';
        return { change: pairOf(a.change, b.change), past };
      }),
    );
    const found = await this.#first('pairs', pairs);
    // Noise rewards the best of many: pairs are drawn as often as the single ones that they are held against.
    await this.#draw(pairs, found);
    return pairs.map((one) => this.#changeOf(one, found.get(one)!));
  }

  /** The best change in one layer alone, in the best layers together, and in single heads of the KV cache. */
  async #places(variations: readonly Variation[], measured: ReadonlyMap<Variation, TokenMeasure[]>): Promise<Change[]> {
    const { layers } = this.#experiment.lanes.lab.model;
    const best = variations
      .filter(({ change }) => change.direction === 'promotion' && change.kind !== 'layer' && canBeRedone(change))
      .map((one) => ({ one, share: this.#share(one, measured.get(one)!) ?? 0 }))
      .sort((a, b) => {
        const isHealed = a.share >= HEALING_SHARE && b.share >= HEALING_SHARE;
        const pcc = (one: Variation): number => measured.get(one)![0]!.pcc ?? -1;
        return isHealed ? pcc(b.one) - pcc(a.one) : b.share - a.share;
      })[0];
    if (best === undefined || best.share < BREAKING_SHARE) return [];
    const { change, past } = best.one;
    const single = Array.from(
      { length: layers },
      (_, layer): Variation => ({ change: this.#inLayers(change, [layer]), past }),
    );
    const found = await this.#first(`${change.name}, layer by layer`, single);
    const order = single
      .map((one, layer) => ({ layer, share: this.#share(one, found.get(one)!) ?? 0 }))
      .sort((a, b) => b.share - a.share)
      .map(({ layer }) => layer);
    const isOneEnough = (this.#share(single[order[0]!]!, found.get(single[order[0]!]!)!) ?? 0) >= NEARLY * best.share;
    const together = isOneEnough
      ? []
      : Array.from(
          { length: Math.min(TOGETHER, layers) - 1 },
          (_, more): Variation => ({
            change: this.#inLayers(change, order.slice(0, more + 2)),
            past,
          }),
        );
    const sets = await this.#first(`${change.name}, layers together`, together);
    const heads = change.ops.includes('kvCache') ? this.#headsOf(order[0]!) : [];
    const inHeads = await this.#first('heads', heads);
    return [...found, ...sets, ...inHeads].map(([one, measures]) => this.#changeOf(one, measures));
  }

  #inLayers(change: PlannedChange, layers: readonly number[]): PlannedChange {
    const { lanes } = this.#experiment;
    const where = [...layers].sort((a, b) => a - b);
    return {
      ...change,
      kind: 'place',
      name: `${change.name} in layer${where.length === 1 ? '' : 's'} ${where.join(', ')}`,
      knobs: null,
      firstLayer: where[0]!,
      settingOf: (layer, op) =>
        (layer !== null && layers.includes(layer) ? change : { settingOf: lanes.own }).settingOf(layer, op),
    };
  }

  /** Keys or values of one head kept in BF16. */
  #headsOf(layer: number): Variation[] {
    const { lanes } = this.#experiment;
    const { keyValueHeads, headDim } = lanes.lab.model;
    const heads = Array.from({ length: keyValueHeads }, (_, head) => head);
    return heads.flatMap((head) =>
      (['k', 'v'] as const).map((part): Variation => {
        const name = `${part === 'k' ? 'keys' : 'values'} of layer ${layer} head ${head}`;
        const change: PlannedChange = {
          direction: 'promotion',
          kind: 'place',
          name,
          what: `${name} kept in BF16`,
          knobs: null,
          firstLayer: layer,
          ops: ['kvCache'],
          settingOf: lanes.own,
          watch: () => unpackedHead(layer, part, head * headDim, headDim, keyValueHeads * headDim),
        };
        return { change, past: 'redone' };
      }),
    );
  }

  /** The token in one draw: 0 is as the roundings fell. */
  async #inDraw(stage: string, variations: readonly Variation[], draw: number): Promise<Map<Variation, TokenMeasure>> {
    if (variations.length === 0) return new Map();
    const { lanes, positions, golden, cache: asItIs } = this.#experiment;
    const { model } = lanes.lab;
    const cache = draw === 0 ? asItIs : new CacheWatch(model);
    const drawn = (watch?: (tap: WhyTap, rows: Rows) => void): ((tap: WhyTap, rows: Rows) => void) => {
      const anew = draw === 0 ? undefined : redraw(draw, model, positions);
      return (tap, rows) => {
        anew?.(tap, rows);
        watch?.(tap, rows);
      };
    };
    const isForked = variations.some(({ change, past }) => isForkedFromOwn(change, past));
    const own = lanes.lane(lanes.own, {
      rows: positions,
      onTap: drawn((tap, rows) => {
        if (draw > 0) cache.onTap(tap, rows);
      }),
    });
    const first = draw > 0 || isForked ? [own] : [];
    const laneOf = ({ change, past }: Variation): Lane => {
      const onTap = drawn(change.watch?.());
      if (past === 'redone') {
        const forks = isForkedFromOwn(change, past) ? { forks: { from: own, layer: change.firstLayer } } : {};
        return lanes.lane(change.settingOf, { rows: positions, onTap, ...forks });
      }
      const before = change.direction === 'demotion' ? golden.kv : (layer: number) => cache.cached(layer);
      return lanes.lane(change.settingOf, { rows: 1, past: before, onTap });
    };
    const rows = await this.#experiment.run(stage, [...first, ...variations.map(laneOf)]);
    if (draw > 0) this.#redrawn[draw - 1] ??= this.#experiment.measureRow(rows[0]!);
    return new Map(variations.map((one, i) => [one, this.#experiment.measureRow(rows[i + first.length]!)]));
  }

  #deviceIn(draws: number): TokenMeasure[] {
    return [this.#experiment.device, ...this.#redrawn].slice(0, draws);
  }

  #isHealing(one: Variation, measures: readonly TokenMeasure[]): boolean {
    return one.change.direction === 'promotion' && (this.#share(one, measures) ?? 0) >= HEALING_SHARE;
  }

  #share({ change }: Variation, measures: readonly TokenMeasure[]): number | null {
    const [made, whole] = [meanKl(measures), meanKl(this.#deviceIn(measures.length))];
    if (made === null || whole === null || whole === 0) return null;
    return change.direction === 'demotion' ? made / whole : 1 - made / whole;
  }

  #changeOf(one: Variation, measures: readonly TokenMeasure[]): Change {
    const { direction, kind, name, what, knobs } = one.change;
    const whole = meanKl(this.#deviceIn(measures.length));
    const effective = measures.filter(({ klNats }) => {
      if (klNats === null || whole === null) return false;
      return direction === 'demotion' ? klNats >= BREAKING_SHARE * whole : klNats <= (1 - HEALING_SHARE) * whole;
    }).length;
    const share = this.#share(one, measures);
    return {
      direction,
      kind,
      name,
      what,
      knobs,
      past: one.past,
      measure: measures[0]!,
      draws: measures.length,
      effective,
      share,
    };
  }
}

/** Behind the layers nothing reaches a past. */
function canBeRedone({ ops }: PlannedChange): boolean {
  return !ops.every(isBehindLayers);
}

function isForkedFromOwn({ direction, firstLayer }: PlannedChange, past: Change['past']): boolean {
  return past === 'redone' && direction !== 'demotion' && firstLayer > 0;
}

function isSameOps(a: PlannedChange, b: PlannedChange): boolean {
  return a.ops.some((op) => b.ops.includes(op));
}

interface Suspect {
  readonly one: Variation;
  readonly share: number;
}

/** A class and a knob of the same operations are one suspect: the knob stands for both if it does nearly as much, since it can be turned. */
function standsFor(other: Suspect, one: Suspect): boolean {
  const [a, b] = [other.one.change, one.one.change];
  if (a.kind === b.kind || a.ops.join() !== b.ops.join()) return false;
  return a.kind === 'knob' ? other.share >= NEARLY * one.share : one.share < NEARLY * other.share;
}

function meanKl(measures: readonly TokenMeasure[]): number | null {
  const values = measures.map(({ klNats }) => klNats);
  if (values.includes(null)) return null;
  return values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
}

/** Puts back what one head's keys or values were before the cache packed them. */
function unpackedHead(
  layer: number,
  part: 'k' | 'v',
  firstColumn: number,
  columns: number,
  width: number,
): (tap: WhyTap, rows: Rows) => void {
  const [given, cached] =
    part === 'k' ? ['self_attn.k_rotated', 'self_attn.k_cached'] : ['self_attn.v_proj.out', 'self_attn.v_cached'];
  let before: Float32Array = new Float32Array(0);
  return (tap, rows) => {
    const place = layerTapOf(tap);
    if (place?.layer !== layer) return;
    if (place.name === given) before = copyLastRows(rows, rowPlaces(rows, width).starts.length, width);
    if (place.name !== cached) return;
    const { values, starts } = rowPlaces(rows, width);
    for (const [row, start] of starts.entries()) {
      for (let i = firstColumn; i < firstColumn + columns; i++) {
        values[start + i] = roundToBf16TiesEven(before[row * width + i]!);
      }
    }
  };
}

/** Cures, promotions and demotions, the largest share first, of those that heal the highest PCC; one that was drawn once may be luck, and never stands above a proven one. */
function ranked(changes: readonly Change[]): Change[] {
  const order: readonly Change['direction'][] = ['cure', 'promotion', 'demotion'];
  const worth = ({ share, draws }: Change): number => {
    if (share === null) return Number.NEGATIVE_INFINITY;
    return draws > 1 ? share : Math.min(share, DRAWN_SHARE);
  };
  // KL is next to nothing for whatever heals; how near the whole row comes tells the cause from a lucky draw.
  const isHealed = (one: Change): boolean => one.direction === 'promotion' && worth(one) >= HEALING_SHARE;
  const nearer = (a: Change, b: Change): number => (b.measure.pcc ?? -1) - (a.measure.pcc ?? -1);
  return [...changes].sort(
    (a, b) =>
      order.indexOf(a.direction) - order.indexOf(b.direction) ||
      (isHealed(a) && isHealed(b) ? nearer(a, b) : worth(b) - worth(a)) ||
      (b.share ?? 0) - (a.share ?? 0),
  );
}
