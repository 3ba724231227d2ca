// The yardstick of the matmul benchmarks: one ONNX Runtime Gemm with a float32 weight, nothing around it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GraphBuilder } from '../../reference/graph/graph-builder.ts';
import { Tensor } from '../../reference/graph/onnx-runtime.ts';
import { openSession } from '../../reference/graph/session.ts';
import { uniformValues } from './random-values.ts';

export interface GemmShape {
  readonly rows: number;
  readonly k: number;
  readonly n: number;
}

export interface BareGemm {
  run(): Promise<void>;
  close(): Promise<void>;
}

/** [rows, K] @ [N, K] transposed, the weight resident and packed by ONNX Runtime as it likes. */
export async function createBareGemm({ rows, k, n }: GemmShape, threads: number): Promise<BareGemm> {
  const folder = mkdtempSync(join(tmpdir(), 'qwen-pcc-gemm-'));
  try {
    const values = uniformValues(n * k, 1);
    writeFileSync(join(folder, 'weight.bin'), values);
    const builder = new GraphBuilder('gemm');
    const weight = builder.external({
      name: 'weight',
      elementType: 'FLOAT',
      shape: [n, k],
      location: 'weight.bin',
      offsetBytes: 0,
      lengthBytes: values.byteLength,
    });
    const product = builder.node('Gemm', [builder.input('x', 'FLOAT', [rows, k]), weight], { transB: 1 });
    builder.output('y', product, 'FLOAT', [rows, n]);
    const session = await openSession(builder.toBytes(), { dataFolder: folder, threads, weights: 'resident' });
    const x = new Tensor('float32', uniformValues(rows * k, 2), [rows, k]);
    return {
      run: async () => {
        await session.run({ x });
      },
      close: () => session.release(),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
