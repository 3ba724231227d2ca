// The entrants of a comparison, read from a run's spec: which of its variants measure the checkpoint, the device, and both together.
import type { CaseSpec, DeviceSpec, VariantSpec } from '../../record/run-spec.ts';

/**
 * What a user could use in the place of the base: a checkpoint, a device's knobs, a recording.
 *
 * Each of its three differences is a variant of the run, by name: golden rows and rows of the entrant at the same tokens.
 */
export interface Entrant {
  /** Unique in the league. */
  readonly label: string;
  /** Short name of its checkpoint. */
  readonly model: string;
  /** Whether it is what the others are compared with. */
  readonly isBase: boolean;
  /** Q: reference of its weights against the base's reference, the damage of the checkpoint; absent where the weights are the base's. */
  readonly checkpoint: string | undefined;
  /** D: its device against the reference of its own weights, the damage of the device; absent for recordings and without a device. */
  readonly device: string | undefined;
  /** T: its device against the base's reference, what a user gets; Q without a device. */
  readonly total: string;
  readonly knobs: DeviceSpec | undefined;
}

/**
 * @param spec - a case planned by `compare`: the base's device first, if there is one; of each checkpoint its reference, its device, and the
 *   device against that reference.
 */
export function entrantsOf({ variants, model }: CaseSpec): Entrant[] {
  const own = variants.filter(({ golden }) => golden === undefined);
  const devices = own.filter(({ device }) => device.kind !== 'onnx');
  if (devices.length === 0) return own.map((variant) => checkpointAlone(variant));
  return devices.map((variant, i): Entrant => {
    const against = variants.find(
      ({ name, golden }) => golden !== undefined && name === nameAgainst(variant.name, golden),
    );
    const isRecording = variant.device.kind === 'capture';
    const isBase = i === 0 && !isRecording && against === undefined;
    return {
      label: isBase ? model : labelOf(variant),
      model: variant.model,
      isBase,
      checkpoint: against?.golden,
      device: isRecording ? undefined : (against?.name ?? variant.name),
      total: variant.name,
      knobs: variant.device,
    };
  });
}

/** A checkpoint on the default device goes by its own name. */
function labelOf({ name }: VariantSpec): string {
  return name.startsWith(DEFAULT_DEVICE) ? name.slice(DEFAULT_DEVICE.length) : name;
}

const DEFAULT_DEVICE = 'n150@';

function checkpointAlone({ name, model }: VariantSpec): Entrant {
  const label = name.startsWith('onnx@') ? name.slice('onnx@'.length) : name;
  return { label, model, isBase: false, checkpoint: name, device: undefined, total: name, knobs: undefined };
}

/** How a variant is called whose golden rows are another variant's. */
export function nameAgainst(name: string, golden: string): string {
  return `${name} against ${golden}`;
}
