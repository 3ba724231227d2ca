// The original system's environment variables that say which device a program meets: FAKE_DEVICE and WH_ARCH_YAML.
// Source: n150-numerics F; tt-metal's qwen demo and its `model_config.py`.
import { UsageError } from '../../errors.ts';
import { CORE_DESCRIPTOR_NAMES, gridRowsOf } from './core-descriptor.ts';

const DEVICE = 'N150';

export interface DeviceEnvironment {
  /** Rows of the grid that WH_ARCH_YAML names; undefined where it names none. */
  readonly gridRows: number | undefined;
}

/**
 * @param environment - as `process.env`; empty variables count as absent.
 * @throws UsageError for a FAKE_DEVICE other than N150, and as `gridRowsOf` does for WH_ARCH_YAML.
 */
export function readDeviceEnvironment(environment: Readonly<Record<string, string | undefined>>): DeviceEnvironment {
  const device = environment['FAKE_DEVICE']?.trim() || DEVICE;
  if (device !== DEVICE) {
    throw new UsageError('FAKE_DEVICE names a device that is not modelled.', {
      code: 'FAKE_DEVICE',
      facts: { found: `FAKE_DEVICE=${device}`, wanted: `FAKE_DEVICE=${DEVICE}, or no such variable` },
      hint: `run again with FAKE_DEVICE=${DEVICE}.`,
    });
  }
  const descriptor = environment['WH_ARCH_YAML']?.trim() ?? '';
  return { gridRows: descriptor === '' ? undefined : gridRowsOf(descriptor) };
}

/** The part of `--help` that says what the variables mean. */
export function deviceEnvironmentHelp(): string {
  return [
    'Environment of the N150 model, as the original system reads it:',
    `  FAKE_DEVICE   ${DEVICE}; anything else is refused`,
    `  WH_ARCH_YAML  core descriptor, which gives the compute grid (default 8x8): ${CORE_DESCRIPTOR_NAMES.join(', ')}, or the path of a file`,
  ].join('\n');
}
