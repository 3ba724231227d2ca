// RMSNorm, RoPE and attention against whole ttnn 0.81.1 operations: correlation and share of equal bits.
// The recorded kernels differ from the graph's where n150-numerics says so; the figures stand in docs/numerics.md.
import { describe, expect, it } from 'vitest';
import { readSafetensorsHeader, readTensorFloat32 } from '../../../checkpoint/safetensors.ts';
import { createVectorUnit } from '../../wormhole/sfpu/vector-unit.ts';
import { layerNormSplit } from '../chip.ts';
import { parseDeviceOptions } from '../device-options.ts';
import { equalShare, fixturePath, pccOf } from '../graph.fixture.ts';
import { createAttentionDecode } from './attention-decode.ts';
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

describe('RMSNorm', () => {
  const WIDTH = 256;

  it.each([
    { fidelity: 'HiFi2', layout: 'interleaved', tier: 'fast', equal: 1, pcc: 0.999999 },
    { fidelity: 'HiFi4', layout: 'interleaved', tier: 'fast', equal: 1, pcc: 0.999999 },
    // The sharded kernel of 2024 reduces in another order and with its data in SrcA.
    { fidelity: 'HiFi2', layout: 'sharded', tier: 'fast', equal: 0.7, pcc: 0.99998 },
    { fidelity: 'HiFi4', layout: 'sharded', tier: 'fast', equal: 0.9, pcc: 0.999998 },
    { fidelity: 'HiFi2', layout: 'sharded', tier: 'exact', equal: 0.7, pcc: 0.99998 },
    { fidelity: 'HiFi4', layout: 'sharded', tier: 'exact', equal: 0.8, pcc: 0.999998 },
  ])('$layout in tier $tier agrees with the recorded $fidelity kernel in $equal of the bits', (setting) => {
    const { fidelity, layout, tier, equal, pcc } = setting;
    const recording = readRecording(`rms-norm-bf16-${fidelity}-fp32acc1-l1acc1`);
    const config = parseDeviceOptions(`tier=${tier},recipe=ttnn-0.81,rmsLayout=${layout},normFidelity=${fidelity}`);
    const norm = createRmsNorm(WIDTH, layerNormSplit(WIDTH, config.gridRows), config, createVectorUnit(config));
    const rows = recording('x');
    const actual = new Float32Array(rows.length);
    for (let start = 0; start < rows.length; start += WIDTH) {
      norm(rows, start, recording('w'), actual.subarray(start, start + WIDTH));
    }
    const agreement = agreementOf(`RMSNorm ${layout} ${tier} ${fidelity}`, actual, recording('out'));
    expect(agreement.equal).toBeGreaterThanOrEqual(equal);
    expect(agreement.pcc).toBeGreaterThan(pcc);
  });
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
    expect(agreement.equal).toBeGreaterThan(0.5);
  });
});

describe('SDPA decode', () => {
  it.each([
    { cache: 'bf16', fidelity: 'HiFi2', dst: 0, equal: 1, pcc: 0.999999 },
    { cache: 'bfp8', fidelity: 'HiFi2', dst: 0, equal: 1, pcc: 0.999999 },
    // These were recorded with a 32-bit Dst, which the graph's attention does not have.
    { cache: 'bf16', fidelity: 'HiFi4', dst: 1, equal: 0.1, pcc: 0.9999 },
    { cache: 'bfp8', fidelity: 'HiFi4', dst: 1, equal: 0.1, pcc: 0.9999 },
  ])('with a $cache cache in $fidelity has $equal of the recorded bits', ({ cache, fidelity, dst, equal, pcc }) => {
    const recording = readRecording(`sdpa-decode-q-bf16-kv-${cache}-${fidelity}-fp32acc${dst}`);
    const [queryHeads, headDim, position] = [8, 64, 100];
    const config = parseDeviceOptions(`tier=exact,recipe=ttnn-0.81,sdpaChunk=64,sdpaFidelity=${fidelity}`);
    const attend = createAttentionDecode({ headDim, keyValueHeads: 1 }, config, createVectorUnit(config));
    const query = recording('q');
    const heads = { keys: recording('k_q'), values: recording('v_q') };
    const actual = new Float32Array(query.length);
    for (let head = 0; head < queryHeads; head++)
      attend(query, head * headDim, heads, position, actual, head * headDim);
    const agreement = agreementOf(`SDPA ${cache} ${fidelity}`, actual, recording('out'));
    expect(agreement.equal).toBeGreaterThanOrEqual(equal);
    expect(agreement.pcc).toBeGreaterThan(pcc);
  });
});
