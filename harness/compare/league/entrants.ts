// The entrants of a comparison, read from a run's spec: which of its variants measure the checkpoint, the device, and both together.
import { type CaseSpec, type DeviceSpec, isRung, type VariantSpec } from '../../record/run-spec.ts';

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
export function entrantsOf({ variants: all, model }: CaseSpec): Entrant[] {
  const variants = all.filter((variant) => !isRung(variant));
  const own = variants.filter(({ golden }) => golden === undefined);
  const devices = own.filter(({ device }) => device.kind !== 'onnx');
  const labels = new Set<string>();
  if (devices.length === 0) return own.map((variant) => checkpointAlone(variant, labels));
  return devices.map((variant, i): Entrant => {
    // By place, since two checkpoints of one name have numbers in their variants' names.
    const next = variants[variants.indexOf(variant) + 1];
    const against = next?.golden === undefined ? undefined : next;
    const isRecording = variant.device.kind === 'capture';
    const isBase = i === 0 && !isRecording && against === undefined;
    return {
      label: uniqueLabel(isBase && variant.model === model ? model : labelOf(variant), labels),
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

/** Folders of one name, the base's among them, are told apart by their order. */
function uniqueLabel(label: string, taken: Set<string>): string {
  const stem = label.replace(/#\d+$/, '');
  let unique = label;
  for (let i = 2; taken.has(unique); i++) unique = `${stem}#${i}`;
  taken.add(unique);
  return unique;
}

function checkpointAlone({ name, model }: VariantSpec, labels: Set<string>): Entrant {
  const label = uniqueLabel(name.startsWith('onnx@') ? name.slice('onnx@'.length) : name, labels);
  return { label, model, isBase: false, checkpoint: name, device: undefined, total: name, knobs: undefined };
}
