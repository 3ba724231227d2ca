// Element-wise kernels over rows against the operations that define them: any patterns, widths and fidelities, both compilations.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceEngine } from '../../wormhole/attention-engine.ts';
import { bf16Operands, OPERAND_KINDS } from '../../wormhole/kernels/operands.fixture.ts';
import { createBothEngines } from '../../wormhole/kernels/relaxed-simd.fixture.ts';
import { MATH_FIDELITIES } from '../../wormhole/matmul-engine.ts';
import { createPlainMatmulEngine } from '../../wormhole/matrix-unit/matmul.ts';
import { tabulatedSilu } from '../../wormhole/sfpu/silu-table.ts';
import { createVectorUnit, SILU_KINDS } from '../../wormhole/sfpu/vector-unit.ts';
import { createAddRows, createMultiplyRows, type RowOp } from './row-eltwise.ts';

const ADD_KNOBS = { tier: 'fast', eltwiseRounding: 'hw' } as const;
const MULTIPLY_KNOBS = { tier: 'fast', eltwiseMul: 'matrixUnit' } as const;
const WIDTHS = [1, 2, 3, 4, 5, 31, 64, 2001];

const plain = createPlainMatmulEngine();
let engines: readonly Required<DeviceEngine>[];
beforeAll(async () => {
  engines = await createBothEngines(1);
});
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

function changed(op: RowOp, target: Float32Array, other: Float32Array): Uint32Array {
  const result = target.slice();
  op(result, other);
  return new Uint32Array(result.buffer);
}

describe.each(OPERAND_KINDS)('rows of %s operands', (kind) => {
  it('are added as one by one', () => {
    for (const width of WIDTHS) {
      for (const rows of [1, 3]) {
        const target = bf16Operands(rows * width, kind, width + rows);
        const term = bf16Operands(width, kind, 2 * width + 1);
        const golden = changed(createAddRows(plain, ADD_KNOBS), target, term);
        for (const engine of engines) expect(changed(createAddRows(engine, ADD_KNOBS), target, term)).toEqual(golden);
      }
    }
  });

  it.each(MATH_FIDELITIES)('are multiplied as one by one in %s', (fidelity) => {
    for (const width of WIDTHS) {
      const target = bf16Operands(width, kind, width);
      const factor = bf16Operands(width, kind, width + 1);
      const golden = changed(createMultiplyRows(plain, MULTIPLY_KNOBS, fidelity), target, factor);
      for (const engine of engines) {
        expect(changed(createMultiplyRows(engine, MULTIPLY_KNOBS, fidelity), target, factor)).toEqual(golden);
      }
    }
  });
});

describe('silu looked up', () => {
  it.each(SILU_KINDS)('is %s of every BF16 pattern, the first time and the second', (silu) => {
    const knobs = { tier: 'fast', silu, sfpuRoots: '2024' } as const;
    const patterns = new Float32Array(Uint32Array.from({ length: 65_536 }, (_, pattern) => pattern << 16).buffer);
    const golden = patterns.map(createVectorUnit(knobs).silu);
    const looked = tabulatedSilu(knobs);
    expect(patterns.map(looked)).toEqual(golden);
    expect(patterns.map(looked)).toEqual(golden);
  });
});
