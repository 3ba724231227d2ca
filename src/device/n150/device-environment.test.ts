// The original's environment variables: what is read from them, and what is refused.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.ts';
import { deviceEnvironmentHelp, readDeviceEnvironment } from './device-environment.ts';
import { parseDeviceOptions } from './device-options.ts';

describe('the device environment', () => {
  it.each([
    { environment: {}, gridRows: undefined },
    { environment: { FAKE_DEVICE: '', WH_ARCH_YAML: '' }, gridRows: undefined },
    { environment: { FAKE_DEVICE: 'N150', WH_ARCH_YAML: 'wormhole_b0_80_arch_eth_dispatch.yaml' }, gridRows: 8 },
    { environment: { WH_ARCH_YAML: 'wormhole_b0_80_arch_fabric_mux.yaml' }, gridRows: 7 },
  ])('of $environment gives $gridRows rows', ({ environment, gridRows }) => {
    expect(readDeviceEnvironment(environment)).toEqual({ gridRows });
  });

  it.each(['N300', 'T3K', 'n150', 'N150,N300'])('refuses FAKE_DEVICE=%s, saying what would be right', (device) => {
    const read = (): unknown => readDeviceEnvironment({ FAKE_DEVICE: device });
    expect(read).toThrow(UsageError);
    expect(read).toThrow(
      expect.objectContaining({
        code: 'FAKE_DEVICE',
        exitCode: 2,
        facts: { found: `FAKE_DEVICE=${device}`, wanted: 'FAKE_DEVICE=N150, or no such variable' },
        hint: 'run again with FAKE_DEVICE=N150.',
      }),
    );
  });

  it('gives the default of gridRows, which the knob wins over', () => {
    expect(parseDeviceOptions('').gridRows).toBe(8);
    expect(parseDeviceOptions('recipe=ttnn-0.81', 7).gridRows).toBe(7);
    expect(parseDeviceOptions('gridRows=4', 7).gridRows).toBe(4);
  });

  it('is in the help', () => {
    for (const name of ['FAKE_DEVICE', 'WH_ARCH_YAML']) expect(deviceEnvironmentHelp()).toContain(name);
  });
});
