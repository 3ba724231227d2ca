// One token's experiments: the device beside a healthy one, changed in one thing, and over other keys and values.

import type { LogitsSource } from '../../src/device/logits-source.ts';
import type { Lane } from '../../src/device/n150/lanes/lane.ts';
import { runLanes } from '../../src/device/n150/lanes/run-lanes.ts';
import { copyLastRows, type Rows } from '../../src/device/n150/rows.ts';
import { correlate } from '../metrics/pcc.ts';
import type { AttentionPeak, OpError, TokenMeasure } from '../record/why-record.ts';
import type { Lab } from '../sources/open-lab.ts';
import { attentionPeaks } from './attention-peaks.ts';
import type { DeviceLanes, LaneOptions, PlantedFault, SettingOf } from './device-lanes.ts';
import type { GoldenRequest, GoldenTaps } from './golden-taps.ts';
import { BLAME_FACTOR, judgeOp, LEAST_ERROR, type Observer, observeAgainst } from './op-errors.ts';
import { layerTapOf, opOf, type WhyTap, whyTaps } from './ops.ts';
import { OwnPast } from './own-past.ts';
import { measureToken } from './token-measure.ts';
import { isSmallWork } from './work.ts';
import type { WorkEstimate } from './work-estimate.ts';

export interface AttributionRequest extends GoldenRequest {
  readonly reference: LogitsSource;
  readonly lab: Lab;
  /** Of tests and benchmarks. */
  readonly faults?: readonly PlantedFault[];
  /** Whether only the operations are measured, and nothing is promoted. */
  readonly opsOnly?: boolean;
  /** Of tests: whether the model counts as small (`isSmallWork`), whatever its size. */
  readonly isSmall?: boolean;
  /** Told once before the work. */
  readonly onEstimate?: (estimate: WorkEstimate) => void;
  readonly onProgress?: (stage: string, done: number, total: number) => void;
}

/** Everything that is measured of one token. */
export class Experiment {
  readonly request: AttributionRequest;
  readonly lanes: DeviceLanes;
  golden!: GoldenTaps;
  goldenRow!: Float32Array;
  /** Of the device as it is. */
  readonly past: OwnPast;
  /** Whether everything is made anew for each change: it takes seconds. */
  readonly isSmall: boolean;
  device!: TokenMeasure;
  healthy!: TokenMeasure;
  readonly #queries: Map<number, { readonly golden: Float32Array; readonly actual: Float32Array }> = new Map();
  #isolated!: Observer;
  #healthyIsolated!: Observer;
  #accumulated: ReadonlyMap<WhyTap, { readonly relL2: number; readonly pcc: number | null }> = new Map();

  constructor(request: AttributionRequest, lanes: DeviceLanes) {
    this.request = request;
    this.lanes = lanes;
    this.isSmall = request.isSmall ?? isSmallWork(lanes.lab.model, this.positions);
    this.past = new OwnPast(lanes.lab.model, !this.isSmall);
  }

  /** Whether the device is another than a healthy one. */
  get isDifferent(): boolean {
    return !this.lanes.lab.isHealthy || (this.request.faults ?? []).length > 0;
  }

  get positions(): number {
    return this.request.tokenIds.length;
  }

  /** The device and a healthy one, as they are and with golden values before each operation. */
  async observe(golden: GoldenTaps): Promise<void> {
    const { lanes, positions, isDifferent } = this;
    const { lab } = lanes;
    const { rows } = golden;
    this.golden = golden;
    this.goldenRow = golden.get('logits').slice(-lab.healthyModel.vocabSize);
    const observed = (isolates: boolean): Observer =>
      observeAgainst(golden, lab.healthyModel, { isolates, roundsToBf16: lab.config.tier !== 'fp32' });
    const [whole, isolated, healthyIsolated] = [this.#accumulation(), observed(true), observed(true)];
    this.#isolated = isolated;
    this.#healthyIsolated = isDifferent ? healthyIsolated : isolated;
    const past = (layer: number) => golden.kv(layer);
    const ownLane = lanes.lane(lanes.own, {
      rows: positions,
      onTap: (tap, shown) => {
        this.past.onTap(tap, shown);
        this.#keepQuery(tap, shown);
        whole(tap, shown);
      },
    });
    const options = { rows, wanted: rows, past };
    const made = await this.run(
      'operations',
      [
        ownLane,
        lanes.lane(lanes.own, { ...options, onTap: isolated.onTap }),
        ...(isDifferent
          ? [
              lanes.lane(lanes.healthy, { rows: positions }),
              lanes.lane(lanes.healthy, { ...options, onTap: healthyIsolated.onTap }),
            ]
          : []),
      ],
      (layer) => golden.load(layer),
    );
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
          : this.past.cache.judge(place!.layer, part, lab.healthyConfig, LEAST_ERROR[precision], BLAME_FACTOR);
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
          span: [],
        },
      ];
    });
    const first = ops.findIndex(({ isBlamed }) => isBlamed);
    return { ops, firstBlamed: first < 0 ? null : first };
  }

  /** Where each head looks; a layer that is left out looks nowhere. */
  attention(): AttentionPeak[] {
    const { model } = this.lanes.lab;
    return [...this.#queries].flatMap(([layer, { golden, actual }]) =>
      attentionPeaks(
        model,
        layer,
        { query: golden, keys: this.golden.kv(layer).keys },
        { query: actual, keys: this.past.cache.cached(layer).keys },
      ),
    );
  }

  #keepQuery(tap: WhyTap, rows: Rows): void {
    const place = layerTapOf(tap);
    const { model } = this.lanes.lab;
    if (place?.name !== 'self_attn.q_rotated') return;
    const width = model.queryHeads * model.headDim;
    this.#queries.set(place.layer, {
      golden: this.golden.get(tap).slice(-width),
      actual: copyLastRows(rows, 1, width),
    });
  }

  /** Runs lanes that are told apart by their options alone. */
  async measure(
    stage: string,
    options: readonly { readonly settingOf: SettingOf; readonly lane: LaneOptions }[],
  ): Promise<TokenMeasure[]> {
    const rows = await this.run(
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

  measureRow(row: Float32Array): TokenMeasure {
    return measureToken(this.goldenRow, row);
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

  /** Runs lanes over the context. @returns the token's logits of each. */
  run(stage: string, lanes: readonly Lane[], beforeLayer?: (layer: number) => Promise<void>): Promise<Float32Array[]> {
    const { lab } = this.lanes;
    const { tokenIds, promptLength, onProgress } = this.request;
    return runLanes({
      model: lab.model,
      engine: lab.engine,
      weights: lab.weights,
      tokenIds,
      promptLength,
      lanes,
      ...(beforeLayer === undefined ? {} : { beforeLayer }),
      ...(onProgress === undefined ? {} : { onStep: (done: number, total: number) => onProgress(stage, done, total) }),
    });
  }
}
