// The format of recorded values: what was rounded is recognised, what was not keeps its dtype.
import { describe, expect, it } from 'vitest';
import { roundToBf16TiesEven } from '../../numerics/bf16.ts';
import { packRowsToBlockFloat } from '../wormhole/packer.ts';
import { valuesFormat } from './values-format.ts';

const float32Row = Float32Array.from({ length: 512 }, (_, i) => ((i * 7919) % 1013) / 37 - 13);
const bf16Row = float32Row.map(roundToBf16TiesEven);

describe('valuesFormat', () => {
  it('recognises BFP8_B in float32', () => {
    const row = bf16Row.slice();
    packRowsToBlockFloat(row, { format: 'BFP8_B', doubleRound: true });
    expect(valuesFormat(row, 'F32')).toBe('BFP8_B');
    const lossy = row.findIndex((value, i) => value !== bf16Row[i]);
    row[lossy] = bf16Row[lossy]!;
    expect(valuesFormat(row, 'F32')).toBe('BF16');
  });

  it('recognises bfloat16 in float32', () => {
    expect(valuesFormat(bf16Row, 'F32')).toBe('BF16');
  });

  it('keeps the stored dtype of values that fill it, and of a row of zeros', () => {
    expect(valuesFormat(float32Row, 'F32')).toBe('F32');
    expect(valuesFormat(new Float32Array(64), 'F16')).toBe('F16');
  });
});
