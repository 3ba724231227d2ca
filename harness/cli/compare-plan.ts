// What `qwen-pcc compare BASE VARIANT…` asks a run to do: the base's reference once, every entrant's device, and the references between.
import { statSync } from 'node:fs';
import path from 'node:path';
import type { Precision } from '../../reference/reference-options.ts';
import { absolutePlace, ggufOf, parsePlace } from '../../src/checkpoint/checkpoint-place.ts';
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import { nearestName, UsageError } from '../../src/errors.ts';
import {
  type CommandDevice,
  type DeviceChoice,
  knobSettings,
  parseDeviceSpec,
  variantName,
} from '../sources/device-spec.ts';
import { deviceRecipe, RECIPE_HELP } from './device-recipes.ts';

/** What stands behind an argument of the command. */
export type CompareArgument =
  | { readonly kind: 'checkpoint'; readonly place: string }
  | { readonly kind: 'device'; readonly config: N150Config }
  | { readonly kind: 'capture'; readonly file: string };

const FORMS = 'a checkpoint (folder, .gguf, BASE+ADAPTER), n150:KNOB=VALUE,…, a named recipe, or capture:FILE';

/** @throws UsageError COMPARE_ARGUMENT for what is none of these; as `parseDeviceSpec`. */
export function parseCompareArgument(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): CompareArgument {
  const { base } = parsePlace(text);
  const isThere = statSync(base, { throwIfNoEntry: false }) !== undefined;
  if (isThere && (ggufOf(base) !== undefined || statSync(base).isDirectory()))
    return { kind: 'checkpoint', place: text };
  const recipe = deviceRecipe(text);
  if (recipe !== undefined || /^(n150|capture)(:|$)/.test(text)) {
    const device = parseDeviceSpec(recipe ?? text, environment);
    return device.kind === 'n150' ? { kind: 'device', config: device.config } : { kind: 'capture', file: device.file };
  }
  const nearest = nearestName(text, Object.keys(RECIPE_HELP));
  throw new UsageError(`"${text}" cannot be compared.`, {
    code: 'COMPARE_ARGUMENT',
    facts: { found: isThere ? 'a file that is no .gguf model' : 'no such file, device or recipe', wanted: FORMS },
    hint: nearest === undefined ? 'look at `qwen-pcc compare --help`.' : `did you mean ${nearest}?`,
  });
}

/** A recipe by its name, whatever folders of that name there are. */
export function recipeArgument(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): CompareArgument {
  return parseCompareArgument(deviceRecipe(name) ?? name, environment);
}

/** @throws UsageError DEVICE_TWICE for entrants that would have the same numbers: among each other, or knobs that are the base's own. */
function requireDifferent(variants: readonly CompareArgument[], device: CompareDevices['device']): void {
  const keys = new Set(device === undefined ? [] : [keyOf({ ...device, kind: 'device' })]);
  const ofBase = [...keys];
  for (const variant of variants) {
    const key = keyOf(variant);
    if (keys.has(key)) {
      throw new UsageError(`two entrants are the same: ${nameOf(variant)}.`, {
        code: 'DEVICE_TWICE',
        facts: ofBase.includes(key) ? { found: 'what the base runs on' } : {},
        hint: 'leave one of them out, or give it another knob; threads do not count, since they change no number.',
      });
    }
    keys.add(key);
  }
}

function keyOf(variant: CompareArgument): string {
  if (variant.kind === 'device') return JSON.stringify(knobSettings(variant.config));
  return variant.kind === 'checkpoint' ? absolutePlace(variant.place) : path.resolve(variant.file);
}

function nameOf(variant: CompareArgument): string {
  if (variant.kind === 'device') return variantName({ kind: 'n150', config: variant.config }, undefined);
  return variant.kind === 'checkpoint' ? variant.place : variant.file;
}

export interface CompareDevices {
  /** Of the base, and of every checkpoint; undefined: the checkpoints' references alone are compared. */
  readonly device: Extract<CommandDevice, { readonly kind: 'n150' }> | undefined;
  readonly precision: Precision;
}

/**
 * The variants of the run, in the order in which rows are needed: the base on its device; of each checkpoint its reference (Q), its device
 * against the base's reference (T) and against its own (D); other knobs and recordings.
 *
 * @throws UsageError COMPARE_DEVICE for knobs or recordings without a device, DEVICE_TWICE for entrants that are the same.
 */
export function compareChoices(
  variants: readonly CompareArgument[],
  { device, precision }: CompareDevices,
): readonly DeviceChoice[] {
  requireDifferent(variants, device);
  const choices: DeviceChoice[] = device === undefined ? [] : [device];
  for (const variant of variants) {
    if (variant.kind === 'checkpoint') {
      const weights = variant.place;
      const golden = choices.push({ kind: 'onnx', precision, weights }) - 1;
      if (device !== undefined) choices.push({ ...device, weights }, { ...device, weights, golden });
      continue;
    }
    if (device === undefined) {
      throw new UsageError('knobs and recordings stand on a device, and --device none has none.', {
        code: 'COMPARE_DEVICE',
        hint: 'leave --device out, or compare checkpoints only.',
      });
    }
    choices.push(
      variant.kind === 'device' ? { kind: 'n150', config: variant.config } : { kind: 'capture', file: variant.file },
    );
  }
  return choices;
}
