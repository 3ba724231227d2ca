// The variants of a plan: what stands on the device side of a case, each under a name of its own.
import path from 'node:path';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { coreCounts } from '../../src/device/n150/chip.ts';
import { InputError, UsageError } from '../../src/errors.ts';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import type { DeviceSpec, VariantSpec } from '../record/run-spec.ts';
import { type DeviceChoice, knobSettings, variantName } from './device-spec.ts';
import type { Model, Models } from './models.ts';
import type { PlanRequest } from './plan-request.ts';

/**
 * A device that adds another epsilon than its checkpoint says cannot tell whether that checkpoint lost its own.
 *
 * @throws InputError CONFIG_NOT_JUDGED.
 */
function requireEpsilonUsed({ config, name }: Checkpoint, variant: Checkpoint, rmsEps: number): void {
  const own = variant.config.rmsNormEps;
  if (own === config.rmsNormEps || own === rmsEps) return;
  throw new InputError(`${variant.name} has another rms_norm_eps than ${name}, and the device would use neither.`, {
    code: 'CONFIG_NOT_JUDGED',
    facts: { [variant.name]: own, [name]: config.rmsNormEps, 'of the device': `rmsEps=${rmsEps}` },
    hint: `write --device n150:rmsEps=${own} to judge it; if it is a mistake, mend config.json of ${variant.name}.`,
  });
}

/** @throws InputError CONFIG_NOT_JUDGED, UsageError DEVICE_TWICE or of a grid that the model does not fit. */
export function planVariants(
  { devices, deviceWeights, logitsFormat }: PlanRequest,
  { checkpoint }: Model,
  models: Models,
): VariantSpec[] {
  const names: string[] = [];
  const keys = new Set<string>();
  return devices.map((device): VariantSpec => {
    const place = deviceWeightsOf(device, deviceWeights);
    const other = place === undefined ? undefined : models.checkpoint(place);
    if (device.kind === 'n150' && other !== undefined) requireEpsilonUsed(checkpoint, other, device.config.rmsEps);
    if (device.kind === 'n150') coreCounts((other ?? checkpoint).config, device.config.gridRows);
    const golden = device.golden === undefined ? undefined : names[device.golden]!;
    const alone = device.name ?? variantName(device, other?.name);
    const base = golden === undefined ? alone : `${alone} against ${golden}`;
    const key = JSON.stringify([base, other?.folder]);
    if (device.kind !== 'capture' && keys.has(key)) {
      throw new UsageError(`two devices are the same: ${base}.`, {
        code: 'DEVICE_TWICE',
        hint: 'give each --device another knob; threads do not count, since they change no number.',
      });
    }
    let name = base;
    for (let i = 2; names.includes(name); i++) name = `${base}#${i}`;
    keys.add(key);
    names.push(name);
    const model = (other ?? checkpoint).name;
    const side = specOf(device, logitsFormat ?? null);
    return { name, model, device: side, ...(golden === undefined ? {} : { golden }) };
  });
}

/** The checkpoint of a device that is not the reference's. */
export function deviceWeightsOf(device: DeviceChoice, deviceWeights: string | undefined): string | undefined {
  if (device.kind === 'capture') return undefined;
  return device.weights ?? (device.kind === 'n150' ? deviceWeights : undefined);
}

function specOf(device: DeviceChoice, logitsFormat: LogitsFormat | null): DeviceSpec {
  if (device.kind === 'n150') return { kind: 'n150', knobs: knobSettings(device.config) };
  if (device.kind === 'onnx') return { kind: 'onnx', precision: device.precision };
  return { kind: 'capture', recording: path.basename(device.file), logitsFormat };
}
