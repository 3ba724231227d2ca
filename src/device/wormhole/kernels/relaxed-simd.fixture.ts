// Both compilations of the kernels for the tests.
import { InternalError } from '../../../errors.ts';
import type { DeviceEngine } from '../attention-engine.ts';
import { createEngineOnPool } from './kernel-matmul-engine.ts';
import { fastestModule, KERNEL_MODULES } from './kernel-module.ts';
import { createKernelPool } from './kernel-pool.ts';

/** An engine on each of KERNEL_MODULES, in that order. */
export async function createBothEngines(threads: number): Promise<readonly Required<DeviceEngine>[]> {
  if (fastestModule() === 'plain') {
    throw new InternalError('this engine has no relaxed SIMD, so half of the kernels cannot be tested.', {
      code: 'NO_RELAXED_SIMD',
      facts: { found: `V8 ${process.versions.v8}`, wanted: 'V8 11.3 or newer' },
    });
  }
  return Promise.all(
    KERNEL_MODULES.map(async (module) => createEngineOnPool(await createKernelPool({ threads, module }))),
  );
}
