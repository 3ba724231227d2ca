// `n150:tier=exact,…` and `capture:FILE`: what --device means; `golden:FILE`: what --reference may be.

import type { N150Config } from '../../src/device/n150/compute-config.ts';
import { readDeviceEnvironment } from '../../src/device/n150/device-environment.ts';
import { parseDeviceOptions } from '../../src/device/n150/device-options.ts';
import { nearestName, UsageError } from '../../src/errors.ts';

export type DeviceSpec =
  | { readonly kind: 'n150'; readonly config: N150Config }
  | { readonly kind: 'capture'; readonly file: string };

export type ReferenceSpec = { readonly kind: 'onnx' } | { readonly kind: 'golden'; readonly file: string };

/**
 * @param environment - `process.env`, which the N150 model's grid may come from; nothing is read from it for recordings.
 * @throws UsageError for an unknown device, knob or value; UsageError, InputError as `readDeviceEnvironment`.
 */
export function parseDeviceSpec(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): DeviceSpec {
  const { kind, rest } = split(text);
  if (kind === 'n150') {
    return { kind, config: parseDeviceOptions(rest, readDeviceEnvironment(environment).gridRows) };
  }
  if (kind === 'capture' && rest !== '') return { kind, file: rest };
  throw unknown(
    '--device',
    text,
    ['n150', 'n150:KNOB=VALUE,…', 'capture:FILE'],
    nearestName(kind, ['n150', 'capture']),
  );
}

/** @throws UsageError for anything but `onnx` and `golden:FILE`. */
export function parseReferenceSpec(text: string): ReferenceSpec {
  const { kind, rest } = split(text);
  if (kind === 'onnx' && rest === '') return { kind };
  if (kind === 'golden' && rest !== '') return { kind, file: rest };
  throw unknown('--reference', text, ['onnx', 'golden:FILE'], nearestName(kind, ['onnx', 'golden']));
}

function split(text: string): { kind: string; rest: string } {
  const colon = text.indexOf(':');
  return colon < 0 ? { kind: text, rest: '' } : { kind: text.slice(0, colon), rest: text.slice(colon + 1) };
}

function unknown(option: string, text: string, forms: readonly string[], nearest: string | undefined): UsageError {
  return new UsageError(`${option} must be ${forms.join(' or ')}; got "${text}".`, {
    code: 'OPTION_VALUE',
    hint: nearest === undefined ? `write ${option} ${forms[0]}.` : `did you mean ${nearest}?`,
  });
}
