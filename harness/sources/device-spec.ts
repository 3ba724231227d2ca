// `n150:tier=exact,…` and `capture:FILE`: what --device means; `golden:FILE`: what --reference may be.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Precision } from '../../reference/reference-options.ts';
import { KNOB_NAMES, type N150Config } from '../../src/device/n150/compute-config.ts';
import { readDeviceEnvironment } from '../../src/device/n150/device-environment.ts';
import { parseDeviceOptions } from '../../src/device/n150/device-options.ts';
import { DEFAULT_N150_CONFIG, RECIPES } from '../../src/device/n150/recipes.ts';
import { nearestName, UsageError } from '../../src/errors.ts';
import type { KnobSettings } from '../record/run-spec.ts';

/** What stands on the device side: the model with its knobs, a recording by its path, or another checkpoint's reference. */
export type DeviceChoice = (
  | CommandDevice
  | { readonly kind: 'onnx'; readonly precision: Precision; readonly weights: string; readonly golden?: undefined }
) & {
  /** What people call it; `variantName` if absent. */
  readonly name?: string;
};

/** Those that a command line chooses. */
export type CommandDevice =
  | {
      readonly kind: 'n150';
      readonly config: N150Config;
      /** Place of its checkpoint, if it is not the reference's. */
      readonly weights?: string;
      /** Index of the choice before it whose rows are the golden ones; the reference's are if absent. */
      readonly golden?: number;
    }
  | { readonly kind: 'capture'; readonly file: string; readonly golden?: undefined };

export type ReferenceChoice = { readonly kind: 'onnx' } | { readonly kind: 'golden'; readonly file: string };

/**
 * @param environment - `process.env`, which the N150 model's grid may come from; nothing is read from it for recordings.
 * @throws UsageError for an unknown device, knob or value; UsageError, InputError as `readDeviceEnvironment`.
 */
export function parseDeviceSpec(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): CommandDevice {
  const { kind, rest } = split(text);
  if (kind === 'n150') {
    return { kind, config: parseDeviceOptions(rest, readDeviceEnvironment(environment).gridRows) };
  }
  if (kind === 'capture' && rest !== '') return { kind, file: rest };
  throw unknown('--device', text, ['n150', 'n150:KNOB=VALUE,…', 'capture:FILE'], {
    live: 'n150',
    recorded: 'capture',
    knobs: rest,
  });
}

/** @throws UsageError for anything but `onnx` and `golden:FILE`. */
export function parseReferenceSpec(text: string): ReferenceChoice {
  const { kind, rest } = split(text);
  if (kind === 'onnx' && rest === '') return { kind };
  if (kind === 'golden' && rest !== '') return { kind, file: rest };
  throw unknown('--reference', text, ['onnx', 'golden:FILE'], { live: 'onnx', recorded: 'golden', knobs: '' });
}

/** Knobs as a spec has them: all but `threads`, which changes no number. */
export function knobSettings({ threads: _threads, ...knobs }: N150Config): KnobSettings {
  return knobs;
}

/** @throws UsageError for knobs or values that this version does not have. */
export function configFromKnobs(knobs: KnobSettings): N150Config {
  const pairs = Object.entries(knobs).map(([name, value]) => `${name}=${value}`);
  return parseDeviceOptions(pairs.join(','));
}

/**
 * A variant's name: as --device is written, with every knob that differs from its recipe, and the checkpoint if it is not the
 * reference's.
 */
export function variantName(device: DeviceChoice, deviceModel: string | undefined): string {
  const model = deviceModel === undefined ? '' : `@${deviceModel}`;
  if (device.kind === 'capture') return `capture:${path.basename(device.file)}`;
  if (device.kind === 'onnx') return `onnx${device.precision === 'fp32' ? '' : `:${device.precision}`}${model}`;
  const recipe: N150Config = RECIPES[device.config.recipe];
  const changed = KNOB_NAMES.filter(
    (name) => name !== 'threads' && name !== 'recipe' && device.config[name] !== recipe[name],
  );
  const isDefault = device.config.recipe === DEFAULT_N150_CONFIG.recipe;
  const parts = [
    ...(isDefault ? [] : [`recipe=${device.config.recipe}`]),
    ...changed.map((name) => `${name}=${device.config[name]}`),
  ];
  return `n150${parts.length === 0 ? '' : `:${parts.join(',')}`}${model}`;
}

function split(text: string): { kind: string; rest: string } {
  const colon = text.indexOf(':');
  return colon < 0 ? { kind: text, rest: '' } : { kind: text.slice(0, colon), rest: text.slice(colon + 1) };
}

interface SideNames {
  readonly live: string;
  readonly recorded: string;
  /** What was written after the colon, if the live side takes something there. */
  readonly knobs: string;
}

function unknown(option: string, text: string, forms: readonly string[], names: SideNames): UsageError {
  return new UsageError(`${option} must be ${forms.join(' or ')}; got "${text}".`, {
    code: 'OPTION_VALUE',
    hint: meant(text, names) ?? `write ${option} ${names.live}, or ${option} ${names.recorded}:FILE.`,
  });
}

/** Whole, so that it can be written as it is said: a recording's name without its file would be refused again. */
function meant(text: string, { live, recorded, knobs }: SideNames): string | undefined {
  const { kind, rest } = split(text);
  const nearest = existsSync(text) ? undefined : nearestName(kind, [live, recorded]);
  if (nearest === live) return `did you mean ${live}${knobs === '' ? '' : `:${knobs}`}?`;
  if (kind !== recorded && nearest === recorded && rest !== '') return `did you mean ${recorded}:${rest}?`;
  // A file by itself: it has an ending, lies in a folder or is there.
  if (kind !== recorded && (/[./\\]/.test(text) || existsSync(text))) return `did you mean ${recorded}:${text}?`;
  return undefined;
}
