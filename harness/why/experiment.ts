// One token's experiments: the device beside a healthy one, changed in one thing, and over other keys and values.
import type { LogitsSource } from '../../src/device/logits-source.ts';
import type { Lane } from '../../src/device/n150/lanes/lane.ts';
import { runLanes } from '../../src/device/n150/lanes/run-lanes.ts';
import { correlate } from '../metrics/pcc.ts';
import type { Change, OpError, TokenMeasure } from '../record/why-record.ts';
import type { Lab } from '../sources/open-lab.ts';
import { CacheWatch } from './cache-errors.ts';
import { demotions, type PlannedChange, pairOf, promotions } from './changes.ts';
import type { DeviceLanes, LaneOptions, PlantedFault } from './device-lanes.ts';
import type { GoldenRequest, GoldenTaps } from './golden-taps.ts';
import { BLAME_FACTOR, judgeOp, LEAST_ERROR, type Observer, observeAgainst } from './op-errors.ts';
import { layerTapOf, opOf, type WhyTap, whyTaps } from './ops.ts';
import { measureToken } from './token-measure.ts';

/** A promotion that takes this share of the KL away heals; with less, pairs are tried. */
export const HEALING_SHARE = 0.8;
const PAIRED = 4;

export interface AttributionRequest extends GoldenRequest {
  readonly reference: LogitsSource;
  readonly lab: Lab;
  /** Of tests and benchmarks. */
  readonly faults?: readonly PlantedFault[];
  /** Whether only the operations are measured, and nothing is promoted. */
  readonly opsOnly?: boolean;
  readonly onProgress?: (stage: string, done: number, total: number) => void;
}

/** Everything that is measured of one token. */
export class Experiment {
  readonly request: AttributionRequest;
  readonly lanes: DeviceLanes;
  readonly golden: GoldenTaps;
  readonly goldenRow: Float32Array;
  readonly cache: CacheWatch;
  device!: TokenMeasure;
  healthy!: TokenMeasure;
  exact: TokenMeasure | null = null;
  #isolated!: Observer;
  #healthyIsolated!: Observer;
  #accumulated: ReadonlyMap<WhyTap, { readonly relL2: number; readonly pcc: number | null }> = new Map();

  constructor(request: AttributionRequest, lanes: DeviceLanes, golden: GoldenTaps) {
    this.request = request;
    this.lanes = lanes;
    this.golden = golden;
    this.goldenRow = golden.get('logits').subarray(-lanes.lab.healthyModel.vocabSize);
    this.cache = new CacheWatch(lanes.lab.model);
  }

  /** The device and a healthy one, as they are and with golden values before each operation. */
  async observe(): Promise<void> {
    const { lanes, golden } = this;
    const { lab } = lanes;
    const [positions, rows] = [this.request.tokenIds.length, golden.rows];
    const isDifferent = !lab.isHealthy || (this.request.faults ?? []).length > 0;
    const observed = (isolates: boolean): Observer =>
      observeAgainst(golden, lab.healthyModel, { isolates, roundsToBf16: lab.config.tier !== 'fp32' });
    const [whole, isolated, healthyIsolated] = [this.#accumulation(), observed(true), observed(true)];
    this.#isolated = isolated;
    this.#healthyIsolated = isDifferent ? healthyIsolated : isolated;
    const past = (layer: number) => golden.kv(layer);
    const ownLane = lanes.lane(lanes.own, {
      rows: positions,
      onTap: (tap, shown) => {
        this.cache.onTap(tap, shown);
        whole(tap, shown);
      },
    });
    const options = { rows, wanted: rows, past };
    const made = await this.#run('operations', [
      ownLane,
      lanes.lane(lanes.own, { ...options, onTap: isolated.onTap }),
      ...(isDifferent
        ? [
            lanes.lane(lanes.healthy, { rows: positions }),
            lanes.lane(lanes.healthy, { ...options, onTap: healthyIsolated.onTap }),
          ]
        : []),
    ]);
    this.device = measureToken(this.goldenRow, made[0]!);
    this.healthy = isDifferent ? measureToken(this.goldenRow, made[2]!) : this.device;
  }

  /** Each operation of the token, in order of computation. */
  ops(): { readonly ops: OpError[]; readonly firstBlamed: number | null } {
    const { lab } = this.lanes;
    const precision = lab.config.tier === 'fp32' ? 'F32' : 'BF16';
    const ops = whyTaps(lab.model.layers).flatMap((tap): OpError[] => {
      const own = this.#isolated.errors.get(tap);
      // A layer that is left out shows nothing but its stream.
      if (own === undefined) return [];
      const place = layerTapOf(tap);
      const part =
        place?.name === 'self_attn.k_cached' ? 'keys' : place?.name === 'self_attn.v_cached' ? 'values' : undefined;
      const judged =
        part === undefined
          ? judgeOp(own, this.#healthyIsolated.errors.get(tap)!, precision)
          : this.cache.judge(place!.layer, part, lab.healthyConfig, LEAST_ERROR[precision], BLAME_FACTOR);
      const accumulated = this.#accumulated.get(tap);
      return [
        {
          ...opOf(tap),
          tap,
          isolated: judged.isolated.relL2,
          isolatedBlock: judged.isolated.block,
          healthy: judged.healthy.relL2,
          healthyBlock: judged.healthy.block,
          ratio: judged.ratio,
          accumulated: accumulated?.relL2 ?? null,
          accumulatedPcc: accumulated?.pcc ?? null,
          isBlamed: !(judged.ratio <= 1),
        },
      ];
    });
    const first = ops.findIndex(({ isBlamed }) => isBlamed);
    return { ops, firstBlamed: first < 0 ? null : first };
  }

  /** Promotions, pairs of them where no single one heals, and demotions, best first. */
  async changes(): Promise<Change[]> {
    const { lanes } = this;
    const positions = this.request.tokenIds.length;
    const promoted = promotions(lanes, positions);
    const demoted = demotions(lanes);
    const own = lanes.lane(lanes.own, { rows: positions });
    const exact = lanes.lane(lanes.exact, { rows: positions });
    const planned = [...promoted, ...demoted];
    const [, exactRow, ...made] = await this.#run('changes', [
      own,
      exact,
      ...promoted.map((change) => this.#laneOf(change, own)),
      ...demoted.map((change) => this.#laneOf(change, exact)),
    ]);
    this.exact = measureToken(this.goldenRow, exactRow!);
    const singles = planned.map((change, i) => this.changeOf(change, made[i]!));
    const pairs = await this.#pairs(promoted, singles, own);
    return ranked([...singles, ...pairs]);
  }

  /** The device with the blamed operation alone replaced by a healthy one. */
  async cure({ layer, op }: OpError): Promise<Change[]> {
    const { lanes } = this;
    const where = layer === null ? op : `layer ${layer} ${op}`;
    const change: PlannedChange = {
      direction: 'cure',
      kind: 'opClass',
      name: where,
      what: `the device with a healthy ${op}${layer === null ? '' : ` in layer ${layer}`}`,
      knobs: null,
      firstLayer: layer ?? 0,
      ops: [op],
      settingOf: (at, asked) => (at === layer && asked === op ? lanes.healthy(at, asked) : lanes.own(at, asked)),
    };
    const [row] = await this.#run('cure', [lanes.lane(change.settingOf, { rows: this.request.tokenIds.length })]);
    return [this.changeOf(change, row!)];
  }

  /** Runs lanes that are told apart by their options alone. */
  async measure(
    stage: string,
    options: readonly { readonly settingOf: PlannedChange['settingOf']; readonly lane: LaneOptions }[],
  ): Promise<TokenMeasure[]> {
    const rows = await this.#run(
      stage,
      options.map(({ settingOf, lane }) => this.lanes.lane(settingOf, lane)),
    );
    return rows.map((row) => measureToken(this.goldenRow, row));
  }

  /** Share of the device's KL that a change takes away. */
  healedShare({ klNats }: TokenMeasure): number | null {
    const { klNats: whole } = this.device;
    return klNats === null || whole === null || whole === 0 ? null : 1 - klNats / whole;
  }

  changeOf({ direction, kind, name, what, knobs }: PlannedChange, row: Float32Array): Change {
    const measure = measureToken(this.goldenRow, row);
    const healed = this.healedShare(measure);
    const share = healed === null || direction !== 'demotion' ? healed : 1 - healed;
    return { direction, kind, name, what, knobs, past: 'redone', measure, share };
  }

  #laneOf({ settingOf, firstLayer }: PlannedChange, from: Lane): Lane {
    const forks = firstLayer === 0 ? {} : { forks: { from, layer: firstLayer } };
    return this.lanes.lane(settingOf, { rows: this.request.tokenIds.length, ...forks });
  }

  async #pairs(promoted: readonly PlannedChange[], singles: readonly Change[], own: Lane): Promise<Change[]> {
    const isCandidate = (i: number): boolean => promoted[i] !== undefined && promoted[i]!.kind !== 'layer';
    const best = singles
      .map((change, i) => ({ share: change.share ?? 0, i }))
      .filter(({ i, share }) => isCandidate(i) && share > 0)
      .sort((a, b) => b.share - a.share)
      .filter(({ i }, at, all) => !all.slice(0, at).some(({ i: before }) => isSameOps(promoted[before]!, promoted[i]!)))
      .slice(0, PAIRED);
    if (best.length < 2 || best[0]!.share >= HEALING_SHARE) return [];
    const pairs = best.flatMap(({ i: a }, at) =>
      best.slice(at + 1).map(({ i: b }) => pairOf(promoted[a]!, promoted[b]!)),
    );
    const forked = pairs.some(({ firstLayer }) => firstLayer > 0);
    const rows = await this.#run('pairs', [...(forked ? [own] : []), ...pairs.map((pair) => this.#laneOf(pair, own))]);
    return pairs.map((pair, i) => this.changeOf(pair, rows[i + (forked ? 1 : 0)]!));
  }

  /** Errors of the token's taps with everything before them as the device made it. */
  #accumulation(): Observer['onTap'] {
    const found = new Map<WhyTap, { relL2: number; pcc: number | null }>();
    this.#accumulated = found;
    const { healthyModel } = this.lanes.lab;
    const observer = observeAgainst(this.golden, healthyModel, { isolates: false, roundsToBf16: false });
    return (tap, rows) => {
      observer.onTap(tap, rows);
      const golden = this.golden.get(tap);
      const width = golden.length / this.golden.rows;
      const { values, start, stride } = rows instanceof Float32Array ? { values: rows, start: 0, stride: width } : rows;
      const last = start + (Math.ceil((values.length - start) / stride) - 1) * stride;
      const correlation = correlate(golden.subarray(-width), values.subarray(last, last + width));
      found.set(tap, {
        relL2: observer.errors.get(tap)!.at(-1)!.relL2,
        pcc: correlation.kind === 'defined' ? correlation.pcc : null,
      });
    };
  }

  #run(stage: string, lanes: readonly Lane[]): Promise<Float32Array[]> {
    const { lab } = this.lanes;
    const { tokenIds, promptLength, onProgress } = this.request;
    return runLanes({
      model: lab.model,
      engine: lab.engine,
      weights: lab.weights,
      tokenIds,
      promptLength,
      lanes,
      ...(onProgress === undefined ? {} : { onStep: (done: number, total: number) => onProgress(stage, done, total) }),
    });
  }
}

/** Cures, promotions and demotions, the largest share first; what has no share comes last. */
export function ranked(changes: readonly Change[]): Change[] {
  const order: readonly Change['direction'][] = ['cure', 'promotion', 'demotion'];
  return [...changes].sort(
    (a, b) =>
      order.indexOf(a.direction) - order.indexOf(b.direction) ||
      (b.share ?? Number.NEGATIVE_INFINITY) - (a.share ?? Number.NEGATIVE_INFINITY),
  );
}

function isSameOps(a: PlannedChange, b: PlannedChange): boolean {
  return a.ops.some((op) => b.ops.includes(op));
}
