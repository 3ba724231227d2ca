// The settings of a device that attribution compares, as lanes: the device itself, a healthy one, an exact one, and mixtures of them.
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import type { KvRows, Lane, LaneConfig, OuterClass } from '../../src/device/n150/lanes/lane.ts';
import type { OpClass } from '../../src/device/n150/layer-ops.ts';
import type { Rows } from '../../src/device/n150/rows.ts';
import { tapWidth } from '../../src/device/taps.ts';
import type { LayerAttention } from '../../src/device/wormhole/attention-engine.ts';
import type { WhyOp } from '../record/why-record.ts';
import type { Lab, WeightSet } from '../sources/open-lab.ts';
import { opOf, type WhyTap } from './ops.ts';
import { rowPlaces } from './row-errors.ts';

/** A defect of one operation, which only tests and benchmarks put into a device. */
export interface PlantedFault {
  readonly op: WhyOp;
  /** null: outside of the layers, or in all of them. */
  readonly layer: number | null;
  readonly knobs?: Partial<N150Config>;
  /** Writes to the rows of a tap before anybody else sees them. @param firstPosition - of the first row. */
  readonly tamper?: (tap: WhyTap, rows: Rows, firstPosition: number) => void;
  /** What stands in attention's place; `open` makes another one like it. */
  readonly attentionOf?: (attention: LayerAttention, open: () => LayerAttention) => LayerAttention;
}

/** How an operation of a layer (null: outside) is computed. */
export interface OpSetting {
  readonly config: N150Config;
  readonly weights: WeightSet;
  /** Of q, k and v, where it is not of the same set. */
  readonly bias?: WeightSet;
  /** Of the device's own operations: its planted defects and its rotary angles count. */
  readonly isOwn: boolean;
}

export type SettingOf = (layer: number | null, op: WhyOp) => OpSetting;

/** Those that multiply by a matrix of the checkpoint. */
export const MATRIX_OPS: readonly WhyOp[] = ['qkv', 'o', 'gateUp', 'down', 'lmHead'];

export interface LaneOptions {
  readonly rows: number;
  readonly wanted?: number;
  readonly past?: (layer: number) => KvRows;
  readonly stream?: NonNullable<Lane['stream']>;
  readonly forks?: NonNullable<Lane['forks']>;
  readonly onTap?: (tap: WhyTap, rows: Rows) => void;
}

export class DeviceLanes {
  readonly lab: Lab;
  readonly #faults: readonly PlantedFault[];
  readonly #positions: number;
  readonly #knobs: Map<string, N150Config> = new Map();

  constructor(lab: Lab, faults: readonly PlantedFault[], positions: number) {
    this.lab = lab;
    this.#faults = faults;
    this.#positions = positions;
  }

  /** The device as it is, defects included. */
  readonly own: SettingOf = (layer, op) => {
    const knobs = this.#faultsOf(layer, op).flatMap((fault) => fault.knobs ?? []);
    return { config: this.withKnobs(this.lab.config, ...knobs), weights: 'device', isOwn: true };
  };

  /** A device of the same settings, without the defects of this one. */
  readonly healthy: SettingOf = () => ({ config: this.lab.healthyConfig, weights: 'healthy', isOwn: false });

  /** Without any rounding; matrices in the formats of a healthy device where exact ones are not there. */
  readonly exact: SettingOf = (_, op) => ({
    config: this.lab.exactConfig,
    weights: this.lab.plan.exact === 'none' && MATRIX_OPS.includes(op) ? 'healthy' : 'exact',
    bias: 'exact',
    isOwn: false,
  });

  /** One object for equal knobs: operations of one configuration are made once. */
  withKnobs(config: N150Config, ...changes: readonly Partial<N150Config>[]): N150Config {
    const changed: N150Config = Object.assign({}, config, ...changes);
    const key = JSON.stringify(changed);
    const known = this.#knobs.get(key) ?? changed;
    this.#knobs.set(key, known);
    return known;
  }

  lane(settingOf: SettingOf, options: LaneOptions): Lane {
    const of = (layer: number, part: OpClass | OuterClass): OpSetting => settingOf(layer < 0 ? null : layer, part);
    const configFor: LaneConfig = (layer, part) => of(layer, part).config;
    const { onTap, ...rest } = options;
    return {
      ...rest,
      configFor,
      weightsOf: (layer, part) => {
        if (part !== 'bias') return of(layer, part).weights;
        const { bias, weights } = of(layer, 'qkv');
        return bias ?? weights;
      },
      rotaryOf: (layer) => (of(layer, 'rotary').isOwn ? this.lab.model : this.lab.healthyModel),
      attentionOf: (layer, attention, open) => {
        const [fault] = this.#faultsOf(layer, 'attention').filter(({ attentionOf }) => attentionOf !== undefined);
        if (fault === undefined || !of(layer, 'attention').isOwn) return attention;
        return fault.attentionOf!(attention, open);
      },
      onTap: (tap, rows) => {
        const { layer, op } = opOf(tap);
        if (settingOf(layer, op).isOwn) {
          for (const { tamper } of this.#faultsOf(layer, op)) tamper?.(tap, rows, this.#firstOf(tap, rows));
        }
        onTap?.(tap, rows);
      },
    };
  }

  /** Of the first row that a tap shows: the last one is the token's. */
  #firstOf(tap: WhyTap, rows: Rows): number {
    const { model } = this.lab;
    return this.#positions - rowPlaces(rows, tap === 'logits' ? model.vocabSize : tapWidth(tap, model)).starts.length;
  }

  #faultsOf(layer: number | null, op: WhyOp): PlantedFault[] {
    return this.#faults.filter((fault) => fault.op === op && (fault.layer === null || fault.layer === layer));
  }
}
