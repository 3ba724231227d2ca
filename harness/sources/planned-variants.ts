// The variants of a plan: what stands on the device side of a case, each under a name of its own.
import path from 'node:path';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { coreCounts } from '../../src/device/n150/chip.ts';
import { InputError, UsageError } from '../../src/errors.ts';
import type { VariantSpec } from '../record/run-spec.ts';
import { knobSettings, variantName } from './device-spec.ts';
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
  const other = deviceWeights === undefined ? undefined : models.checkpoint(deviceWeights);
  const used = new Set<string>();
  return devices.map((device): VariantSpec => {
    if (device.kind === 'n150' && other !== undefined) requireEpsilonUsed(checkpoint, other, device.config.rmsEps);
    if (device.kind === 'n150') coreCounts((other ?? checkpoint).config, device.config.gridRows);
    const base = variantName(device, device.kind === 'n150' ? other?.name : undefined);
    if (device.kind === 'n150' && used.has(base)) {
      throw new UsageError(`two devices are the same: ${base}.`, {
        code: 'DEVICE_TWICE',
        hint: 'give each --device another knob; threads do not count, since they change no number.',
      });
    }
    let name = base;
    for (let i = 2; used.has(name); i++) name = `${base}#${i}`;
    used.add(name);
    return device.kind === 'n150'
      ? { name, model: (other ?? checkpoint).name, device: { kind: 'n150', knobs: knobSettings(device.config) } }
      : {
          name,
          model: checkpoint.name,
          device: { kind: 'capture', recording: path.basename(device.file), logitsFormat: logitsFormat ?? null },
        };
  });
}
