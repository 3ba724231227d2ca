// What a plan is made from: folders, files, devices and settings, as the command line or a gate gives them.
import type { Precision } from '../../reference/reference-options.ts';
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import type { DecodingMode, JudgeSettings } from '../record/run-spec.ts';
import type { DeviceChoice, ReferenceChoice } from './device-spec.ts';
import type { WeightsFamily } from './plan.ts';

/** Paths as given, relative to the current folder. */
export interface PlanRequest {
  /** Checkpoint folders, a case each. */
  readonly weights: readonly string[];
  /** Checkpoint of the N150 model alone, beside every reference. */
  readonly deviceWeights?: string | undefined;
  /** Prompt file for all cases; without it a recording's own plan, else `defaultPrompts`. */
  readonly prompts?: string | undefined;
  /** Prompt file of each family. */
  readonly defaultPrompts: Readonly<Record<WeightsFamily, string>>;
  /** Names of the prompts to run; all without it. */
  readonly only?: readonly string[] | undefined;
  /** YYYY-MM-DD that chat templates take for today. */
  readonly templateDate?: string | undefined;
  /** A variant each, at least one. */
  readonly devices: readonly DeviceChoice[];
  readonly reference: ReferenceChoice;
  readonly precision: Precision;
  /** Of recorded device logits, in the place of what they say themselves. */
  readonly logitsFormat?: LogitsFormat | undefined;
  /** A noise ladder beside each device: the model whose rungs explain a recording; those of an N150 device follow its own knobs. */
  readonly ladder?: N150Config | undefined;
  readonly mode: DecodingMode;
  readonly judge: JudgeSettings;
  readonly maxNewTokens?: number | undefined;
  /** The original's longest sequence, or the checkpoint's where that is shorter, if absent. */
  readonly maxSeqLen?: number | undefined;
}
