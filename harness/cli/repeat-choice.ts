// --repeat: what of a plan can be fed to a device once more, and what cannot.
import { UsageError } from '../../src/errors.ts';
import type { RepeatSpec } from '../record/repeat.ts';
import type { RunSpec } from '../record/run-spec.ts';

/** @throws UsageError REPEAT_RECORDING, REPEAT_FREE. */
export function withRepeat(spec: RunSpec, repeat: RepeatSpec): RunSpec {
  const devices = spec.cases.flatMap(({ variants }) => variants.map(({ device }) => device));
  const recording = devices.find((device) => device.kind === 'capture');
  if (recording !== undefined) {
    throw new UsageError(`${recording.recording} is a recording: fed again, it hands out the same rows.`, {
      code: 'REPEAT_RECORDING',
      hint: 'leave --repeat out; record the device a second time, validate each recording, and hold one run against the other: `qwen-pcc compare RUN_A RUN_B`.',
    });
  }
  if (spec.mode === 'freeRunning') {
    throw new UsageError('a device that runs free has chosen its own text, and is not fed it again.', {
      code: 'REPEAT_FREE',
      hint: 'leave --mode out, or leave --repeat out.',
    });
  }
  const { cases, ...rest } = spec;
  return { ...rest, repeat, cases };
}
