// Runs changes of a device side by side, as lanes in one draw of the roundings: over a kept past, one remade, or one made anew.
import type { KvRows, Lane } from '../../src/device/n150/lanes/lane.ts';
import type { Rows } from '../../src/device/n150/rows.ts';
import type { Change, TokenMeasure } from '../record/why-record.ts';
import { isBehindLayers, type PlannedChange } from './changes.ts';
import type { OpSetting } from './device-lanes.ts';
import type { Experiment } from './experiment.ts';
import type { WhyTap } from './ops.ts';
import { OwnPast } from './own-past.ts';
import { redraw } from './redraw.ts';
import type { Variation } from './shares.ts';
import { FEEDING_CACHE, feedsCache, isMadeAnew } from './work.ts';

type OnTap = (tap: WhyTap, rows: Rows) => void;

export class ChangeLanes {
  readonly #experiment: Experiment;
  /** The device's own past by draw, made when a draw is first asked for. */
  readonly #pasts: OwnPast[];
  /** The device in each draw. */
  readonly device: TokenMeasure[];

  constructor(experiment: Experiment) {
    this.#experiment = experiment;
    this.#pasts = [experiment.past];
    this.device = [experiment.device];
  }

  /** What is made of earlier positions when nothing else is asked for: everything, where that takes seconds. */
  pastOf(change: PlannedChange): Change['past'] {
    if (!reachesPast(change)) return 'kept';
    if (this.#experiment.isSmall) return 'redone';
    const { lanes, positions } = this.#experiment;
    if (change.kind !== 'layer' && isMadeAnew(lanes.lab.model, positions, change.ops)) return 'redone';
    // A layer that the device leaves out has no past to keep.
    return feedsCache(change.ops) || this.#skippedLayer >= 0 ? 'remade' : 'kept';
  }

  /** The token in one draw: 0 is as the roundings fell. */
  async measure(stage: string, variations: readonly Variation[], draw = 0): Promise<Map<Variation, TokenMeasure>> {
    if (variations.length === 0) return new Map();
    const { lanes, positions } = this.#experiment;
    const isNew = this.#pasts[draw] === undefined;
    const past = this.#pasts[draw] ?? new OwnPast(lanes.lab.model, !this.#experiment.isSmall);
    this.#pasts[draw] = past;
    const isForked = variations.some((one) => isForkedFromOwn(one));
    const own = lanes.lane(lanes.own, {
      rows: positions,
      onTap: this.#drawn(draw, (tap, rows) => {
        if (isNew) past.onTap(tap, rows);
      }),
    });
    const first = isNew || isForked ? [own] : [];
    const rows = await this.#experiment.run(stage, [
      ...first,
      ...variations.map((one) => this.#laneOf(one, draw, past, own)),
    ]);
    if (isNew) this.device[draw] = this.#experiment.measureRow(rows[0]!);
    return new Map(variations.map((one, i) => [one, this.#experiment.measureRow(rows[i + first.length]!)]));
  }

  #laneOf(variation: Variation, draw: number, own: OwnPast, ownLane: Lane): Lane {
    const { lanes, positions, golden } = this.#experiment;
    const { change, past } = variation;
    const { settingOf, direction } = change;
    const onTap = this.#drawn(draw, change.watch?.());
    if (past === 'redone') {
      const forks = isForkedFromOwn(variation) ? { forks: { from: ownLane, layer: change.firstLayer } } : {};
      return lanes.lane(settingOf, { rows: positions, onTap, ...forks });
    }
    const isOnGolden = direction === 'demotion';
    const keptPast = (layer: number): KvRows => (isOnGolden ? golden.kv(layer) : own.cache.cached(layer));
    if (past === 'kept') return lanes.lane(settingOf, { rows: 1, past: keptPast, onTap });
    const stream = (layer: number): Float32Array => (isOnGolden ? golden : own).stream(layer);
    return lanes.lane(settingOf, {
      rows: positions,
      past: keptPast,
      stream: (layer) => (this.#changesKeys(change, layer) ? stream(layer) : undefined),
      onTap,
    });
  }

  /** Whether a layer's keys and values of earlier positions are others than those that are kept. */
  #changesKeys({ direction, settingOf, watch, firstLayer }: PlannedChange, layer: number): boolean {
    const { lanes } = this.#experiment;
    const isOnGolden = direction === 'demotion';
    if (!isOnGolden && layer === this.#skippedLayer) return true;
    if (watch !== undefined && layer === firstLayer) return true;
    const kept = isOnGolden ? lanes.exact : lanes.own;
    return FEEDING_CACHE.some((op) => !isSameSetting(settingOf(layer, op), kept(layer, op)));
  }

  get #skippedLayer(): number {
    return this.#experiment.lanes.lab.config.skipLayer;
  }

  #drawn(draw: number, watch: OnTap | undefined): OnTap {
    const { lanes, positions } = this.#experiment;
    const anew = draw === 0 ? undefined : redraw(draw, lanes.lab.model, positions);
    return (tap, rows) => {
      anew?.(tap, rows);
      watch?.(tap, rows);
    };
  }
}

/** Behind the layers nothing reaches a past. */
export function reachesPast({ ops }: PlannedChange): boolean {
  return !ops.every(isBehindLayers);
}

function isForkedFromOwn({ change: { direction, firstLayer }, past }: Variation): boolean {
  return past === 'redone' && direction !== 'demotion' && firstLayer > 0;
}

function isSameSetting(a: OpSetting, b: OpSetting): boolean {
  return a.config === b.config && a.weights === b.weights && a.bias === b.bias && a.isOwn === b.isOwn;
}
