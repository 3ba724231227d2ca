// The rungs of a noise ladder as variants of a plan: diagnostics beside each device, fed the same tokens and judged by nobody.
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import { DEFAULT_N150_CONFIG } from '../../src/device/n150/recipes.ts';
import { UsageError } from '../../src/errors.ts';
import type { LadderRung } from '../record/ladder.ts';
import { type DeviceSpec, firstDifference, type VariantSpec } from '../record/run-spec.ts';
import { type DeviceChoice, knobSettings } from './device-spec.ts';
import type { PlanRequest } from './plan-request.ts';

/** @throws UsageError LADDER_MODE. */
export function requireLadder({ ladder, mode, reference, precision }: PlanRequest): void {
  if (ladder === undefined) return;
  if (mode === 'freeRunning') {
    throw new UsageError('a device that runs free has no ladder: its rungs would be fed other texts.', {
      code: 'LADDER_MODE',
      hint: 'leave --mode free or --ladder out.',
    });
  }
  if (reference.kind === 'onnx' && precision === 'bf16') {
    throw new UsageError('a ladder begins at a float32 reference.', {
      code: 'LADDER_MODE',
      hint: 'leave --precision bf16 out: the ladder has it as a yardstick.',
    });
  }
}

/**
 * @param variant - that the device became.
 * @param own - the device's checkpoint.
 * @param isOther - whether that is not the reference's.
 */
export function planRungs(
  { ladder }: Pick<PlanRequest, 'ladder'>,
  device: DeviceChoice,
  variant: VariantSpec,
  own: Checkpoint,
  isOther: boolean,
): VariantSpec[] {
  if (ladder === undefined || device.kind === 'onnx') return [];
  const config = device.kind === 'n150' ? device.config : ladder;
  const whole = withoutFaults(config);
  const quiet: N150Config = {
    ...whole,
    tier: 'fp32',
    storedFormats: false,
    // Epsilon and the packer's double rounding are the kernels', no format.
    rmsEps: own.config.rmsNormEps,
    bfp8PackDoubleRound: false,
  };
  // A device whose rows stay float32 stores them so.
  const storing: N150Config = { ...quiet, storedFormats: whole.tier !== 'fp32' || whole.storedFormats };
  const isOwnModel =
    device.kind === 'n150' && firstDifference(knobSettings(config), knobSettings(whole), '') === undefined;
  const n150 = (one: N150Config): DeviceSpec => ({ kind: 'n150', knobs: knobSettings(one) });
  const rungs: (readonly [LadderRung, DeviceSpec])[] = [
    ['bf16', { kind: 'onnx', precision: 'bf16' }],
    ...(isOther ? ([['checkpoint', { kind: 'onnx', precision: 'fp32' }]] as const) : []),
    ['weights', n150(quiet)],
    ['formats', n150(storing)],
    ...(isOwnModel ? [] : ([['arithmetic', n150(whole)]] as const)),
  ];
  return rungs.map(([rung, spec]) => ({
    name: `${variant.name}/${rung}`,
    model: own.name,
    device: spec,
    ladder: { rung, of: variant.name },
  }));
}

/** @throws UsageError LADDER_NAME for a device that is called as a rung is: nobody would judge it. */
export function requireOwnNames(variants: readonly VariantSpec[], rungs: readonly VariantSpec[]): void {
  const taken = variants.find(({ name }) => rungs.some((rung) => rung.name === name));
  if (taken === undefined) return;
  throw new UsageError(`a device has the name of a rung: ${taken.name}.`, {
    code: 'LADDER_NAME',
    hint: 'give that variant another name in the rules file, or leave --ladder out.',
  });
}

/** What a knob plants that no healthy device has is no arithmetic: it shows above the ladder. */
function withoutFaults(config: N150Config): N150Config {
  const { skipLayer, ropePositionOffset, demoRotOffByOne } = DEFAULT_N150_CONFIG;
  return { ...config, skipLayer, ropePositionOffset, demoRotOffByOne };
}
