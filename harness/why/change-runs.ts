// The changes of a device in their order: each alone, those that matter in several draws, pairs where one is not enough, then closer where it heals.
import type { Change, TokenMeasure } from '../record/why-record.ts';
import { ChangeLanes, reachesPast } from './change-lanes.ts';
import { placesAtMost, placesOf } from './change-places.ts';
import { demotions, type PlannedChange, pairOf, promotions } from './changes.ts';
import type { Experiment } from './experiment.ts';
import {
  BREAKING_SHARE,
  changeOf,
  DRAWN_SHARE,
  HEALING_SHARE,
  ranked,
  shareOf,
  standsFor,
  type Variation,
} from './shares.ts';
import { anewAtMost, type Drawing, drawingOf, isMadeAnew, remadeRows } from './work.ts';

/** Pairs are made of so many promotions: six pairs, the best of which holds the first two suspects. */
const PAIRED = 4;

export interface Changes {
  readonly changes: Change[];
  readonly exact: TokenMeasure;
  readonly redrawn: TokenMeasure[];
  /** Of changes that were measured over a kept past, and not made anew for want of time. */
  readonly notAnew: string[];
}

export class ChangeRuns {
  readonly #experiment: Experiment;
  readonly #drawing: Drawing;
  readonly #measured: Map<Variation, TokenMeasure[]> = new Map();
  #runs!: ChangeLanes;

  constructor(experiment: Experiment) {
    this.#experiment = experiment;
    this.#drawing = drawingOf(experiment.isSmall);
  }

  /** Best first within each direction; to be called when the device itself is measured. */
  async all(): Promise<Changes> {
    this.#runs = new ChangeLanes(this.#experiment);
    const { lanes } = this.#experiment;
    const exact: Variation = { change: everythingExact(lanes.exact), past: 'kept' };
    const planned = this.#planned().map((change): Variation => ({ change, past: this.#runs.pastOf(change) }));
    await this.#measure('changes', [exact, ...planned]);
    const { variations, notAnew } = await this.#anewWhereNothingHeals(planned);
    await this.#draw(this.#worthDrawing(variations));
    const pairs = await this.#pairs(variations);
    const places = await this.#places(variations);
    const made = [...variations, ...pairs].map((one) => changeOf(one, this.#measured.get(one)!, this.#runs.device));
    return {
      changes: ranked([...made, ...places]),
      exact: this.#measured.get(exact)![0]!,
      redrawn: this.#runs.device.slice(1),
      notAnew,
    };
  }

  /** One change by itself, everything made anew. */
  async one(change: PlannedChange): Promise<Change> {
    const runs = new ChangeLanes(this.#experiment);
    const variation: Variation = { change, past: 'redone' };
    const measured = await runs.measure(change.direction, [variation]);
    return changeOf(variation, [measured.get(variation)!], runs.device);
  }

  /** Rows through all layers, at most. */
  mostRows(): number {
    const { lanes, positions, isSmall } = this.#experiment;
    const { model } = lanes.lab;
    const { draws, promotions: drawnUp, demotions: drawnDown } = this.#drawing;
    const isAnew = isSmall || isMadeAnew(model, positions, ['kvCache']);
    const ofLayers = (layers: number): number => (isSmall ? positions : remadeRows(model, positions, layers));
    // What makes keys and values alone may be first among the suspects.
    const remade = isAnew ? positions : ofLayers(model.layers);
    const planned = this.#planned();
    const ofOneLayer = planned.filter(({ kind }) => kind === 'layer').length;
    const first = ofLayers(0) + ofOneLayer * ofLayers(1) + (planned.length - ofOneLayer) * remade;
    const drawn = draws * (positions + (drawnUp + drawnDown) * remade);
    const pairs = ((PAIRED * (PAIRED - 1)) / 2) * (1 + draws) * remade;
    // Nothing heals: what may be made anew. Something does: places.
    const made = Math.min(anewAtMost(model, positions), planned.filter(canBeAnew).length);
    const anew = isSmall ? 0 : (made + Math.min(made, drawnUp) * draws) * positions;
    const places = placesAtMost(model.layers, model.keyValueHeads) * (isAnew ? positions : ofLayers(1));
    return first + drawn + Math.max(anew + pairs, places);
  }

  #planned(): PlannedChange[] {
    const { lanes, positions } = this.#experiment;
    return [...promotions(lanes, positions), ...demotions(lanes)];
  }

  /** Over a kept stream a change does not reach what earlier positions made of it: where none heals, the best are made anew as far as time allows. */
  async #anewWhereNothingHeals(
    planned: readonly Variation[],
  ): Promise<{ readonly variations: readonly Variation[]; readonly notAnew: string[] }> {
    const { lanes, positions, isSmall } = this.#experiment;
    if (isSmall || planned.some((one) => this.#isHealing(one))) return { variations: planned, notAnew: [] };
    const candidates = planned
      .filter(({ change }) => canBeAnew(change))
      .sort((a, b) => this.#shareOf(b) - this.#shareOf(a));
    const again = candidates.slice(0, anewAtMost(lanes.lab.model, positions));
    const redone = again.map(({ change }): Variation => ({ change, past: 'redone' }));
    await this.#measure('changes, earlier positions anew', redone);
    return {
      variations: [...planned.filter((one) => !again.includes(one)), ...redone],
      notAnew: candidates.slice(again.length).map(({ change }) => change.name),
    };
  }

  #worthDrawing(variations: readonly Variation[]): Variation[] {
    const best = (direction: Change['direction'], count: number): Variation[] =>
      variations
        .filter(({ change }) => change.direction === direction && change.kind !== 'layer')
        .map((one) => ({ one, share: this.#shareOf(one) }))
        .filter(({ share }) => share >= DRAWN_SHARE)
        .sort((a, b) => b.share - a.share)
        .filter((one, _at, all) => !all.some((other) => standsFor(other, one)))
        .map(({ one }) => one)
        .slice(0, count);
    return [...best('promotion', this.#drawing.promotions), ...best('demotion', this.#drawing.demotions)];
  }

  async #draw(variations: readonly Variation[]): Promise<void> {
    const { draws } = this.#drawing;
    for (let draw = 1; draw <= draws; draw++) {
      await this.#measure(`draw ${draw} of ${draws}, ${variations.length} changes`, variations, draw);
    }
  }

  async #pairs(variations: readonly Variation[]): Promise<readonly Variation[]> {
    const best = variations
      .filter(({ change }) => change.direction === 'promotion' && change.kind !== 'layer')
      .map((one) => ({ one, share: this.#shareOf(one) }))
      .filter(({ share }) => share > 0)
      .sort((a, b) => b.share - a.share)
      .filter(({ one }, at, all) => !all.slice(0, at).some(({ one: before }) => isSameOps(before.change, one.change)))
      .slice(0, PAIRED);
    if (best.length < 2 || best[0]!.share >= HEALING_SHARE) return [];
    const pairs = best.flatMap(({ one: a }, at) =>
      best.slice(at + 1).map(({ one: b }): Variation => {
        const change = pairOf(a.change, b.change);
        return { change, past: this.#runs.pastOf(change) };
      }),
    );
    await this.#measure('pairs', pairs);
    // Noise rewards the best of many: pairs are drawn as often as the single ones that they are held against.
    await this.#draw(pairs);
    return pairs;
  }

  async #places(variations: readonly Variation[]): Promise<readonly Change[]> {
    const pccOf = (one: Variation): number => this.#measured.get(one)![0]!.pcc ?? -1;
    const [best] = variations
      .filter(({ change }) => change.direction === 'promotion' && change.kind !== 'layer' && reachesPast(change))
      .map((one) => ({ one, share: this.#shareOf(one) }))
      .sort((a, b) => {
        const isHealed = a.share >= HEALING_SHARE && b.share >= HEALING_SHARE;
        return isHealed ? pccOf(b.one) - pccOf(a.one) : b.share - a.share;
      });
    // What does not make most of it everywhere is not looked for in one place.
    if (best === undefined || best.share < BREAKING_SHARE) return [];
    // What heals only where all is made anew is looked for that way too, if that many changes may be.
    const { lanes, positions, isSmall } = this.#experiment;
    const { layers, keyValueHeads } = lanes.lab.model;
    const isAnew = !isSmall && best.one.past === 'redone';
    if (isAnew && placesAtMost(layers, keyValueHeads) > anewAtMost(lanes.lab.model, positions)) return [];
    const past = isAnew ? 'redone' : this.#runs.pastOf(best.one.change);
    return placesOf(this.#runs, this.#experiment.lanes, { change: best.one.change, past }, best.share);
  }

  async #measure(stage: string, variations: readonly Variation[], draw = 0): Promise<void> {
    for (const [one, measure] of await this.#runs.measure(stage, variations, draw)) {
      this.#measured.set(one, [...(this.#measured.get(one) ?? []), measure]);
    }
  }

  #isHealing(one: Variation): boolean {
    return one.change.direction === 'promotion' && this.#shareOf(one) >= HEALING_SHARE;
  }

  #shareOf(one: Variation): number {
    return shareOf(one, this.#measured.get(one)!, this.#runs.device) ?? 0;
  }
}

function canBeAnew(change: PlannedChange): boolean {
  return change.direction === 'promotion' && change.kind !== 'layer' && reachesPast(change);
}

function isSameOps(a: PlannedChange, b: PlannedChange): boolean {
  return a.ops.some((op) => b.ops.includes(op));
}

/** Over the reference's keys and values, so that the token's row alone need be computed. */
function everythingExact(settingOf: PlannedChange['settingOf']): PlannedChange {
  return {
    direction: 'demotion',
    kind: 'opClass',
    name: 'nothing',
    what: 'everything exact',
    knobs: null,
    firstLayer: 0,
    ops: [],
    settingOf,
  };
}
