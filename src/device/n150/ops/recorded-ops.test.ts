// Operations whose recorded kernel is another than the graph's: how near the two are. The figures stand in docs/numerics.md.
// Recorded kernels that the graph runs itself are checked bit for bit in vector-check.
import { describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensorFloat32 } from '../../../checkpoint/safetensors.ts';
import { createVectorUnit } from '../../wormhole/sfpu/vector-unit.ts';
import { layerNormSplit } from '../chip.ts';
import { parseDeviceOptions } from '../device-options.ts';
import { equalShare, fixturePath, pccOf } from '../graph.fixture.ts';
import { createRmsNorm } from './rms-norm.ts';
import { createRotate } from './rotary.ts';

function readRecording(name: string): (tensor: string) => Float32Array {
  const header = readSafetensorsHeader(fixturePath(`vectors/ttnn-0.81.1/${name}.safetensors`));
  return (tensor) => readTensorFloat32(header, tensor);
}

interface Agreement {
  readonly pcc: number;
  readonly equal: number;
}

function agreementOf(name: string, actual: Float32Array, recorded: Float32Array): Agreement {
  const agreement = { pcc: pccOf(recorded, actual), equal: equalShare(actual, recorded) };
  process.stdout.write(
    `${name}: PCC ${agreement.pcc.toFixed(7)}, equal bits ${(100 * agreement.equal).toFixed(1)} %\n`,
  );
  return agreement;
}

// The sharded kernel of 2024 reduces in another order than the recorded interleaved one, and with its data in SrcA.
describe('RMSNorm of 2024', () => {
  it.each([
    { fidelity: 'HiFi2', tier: 'fast', width: 256, equal: 0.7, pcc: 0.99998 },
    { fidelity: 'HiFi4', tier: 'fast', width: 256, equal: 0.9, pcc: 0.999998 },
    { fidelity: 'HiFi2', tier: 'exact', width: 256, equal: 0.7, pcc: 0.99998 },
    { fidelity: 'HiFi4', tier: 'exact', width: 256, equal: 0.8, pcc: 0.999998 },
    { fidelity: 'HiFi2', tier: 'fast', width: 576, equal: 0.75, pcc: 0.99998 },
    { fidelity: 'HiFi2', tier: 'exact', width: 576, equal: 0.85, pcc: 0.99998 },
  ])(
    'of $width features in tier $tier agrees with the interleaved kernel recorded in $fidelity in $equal of the bits',
    (setting) => {
      const { fidelity, tier, width, equal, pcc } = setting;
      const name = `rms-norm-bf16-${fidelity}-fp32acc1-l1acc1`;
      const recording = readRecording(width === 256 ? name : `${name}-${width}`);
      const config = parseDeviceOptions(`tier=${tier},recipe=ttnn-0.81,rmsLayout=sharded,normFidelity=${fidelity}`);
      const norm = createRmsNorm(width, layerNormSplit(width, config.gridRows), config, createVectorUnit(config));
      const rows = recording('x');
      const actual = new Float32Array(rows.length);
      for (let start = 0; start < rows.length; start += width) {
        norm(rows, start, recording('w'), actual.subarray(start, start + width));
      }
      const agreement = agreementOf(`RMSNorm sharded ${width} ${tier} ${fidelity}`, actual, recording('out'));
      expect(agreement.equal).toBeGreaterThanOrEqual(equal);
      expect(agreement.pcc).toBeGreaterThan(pcc);
    },
  );
});

describe('RoPE', () => {
  it('as a matmul stays within the noise of the recorded element-wise kernel', () => {
    const recording = readRecording('rotary-embedding-bf16');
    const [heads, positions, headDim] = [2, 32, 64];
    const rotate = createRotate(headDim, parseDeviceOptions('tier=exact,recipe=ttnn-0.81,ropeFidelity=HiFi4'));
    const actual = recording('x');
    const cosines = recording('cos');
    const sines = recording('sin');
    for (let head = 0; head < heads; head++) {
      for (let position = 0; position < positions; position++) {
        const half = [position * headDim, position * headDim + headDim / 2] as const;
        rotate(actual, (head * positions + position) * headDim, cosines.subarray(...half), sines.subarray(...half));
      }
    }
    const agreement = agreementOf('RoPE HiFi4', actual, recording('out'));
    expect(agreement.pcc).toBeGreaterThan(0.99999);
    expect(agreement.equal).toBeGreaterThan(0.65);
  });
});
