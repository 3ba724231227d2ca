// The compiled kernels: which of the two compilations this engine takes, and instances of it on shared memories.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { DeviceError } from '../../../errors.ts';

/** What kernels.wasm exports; addresses and lengths are 32-bit integers. */
export interface KernelExports {
  runJob(scratch: number, heartbeat: number): void;
  tileActivations(source: number, target: number, rows: number, k: number, mask: number): number;
  addRows(target: number, term: number, rows: number, width: number): void;
  multiplyRows(target: number, factor: number, elements: number, phases: number): void;
  splitActivations(tiled: number, high: number, low: number, exponents: number, ranges: number, groups: number): void;
  packWeights(
    source: number,
    rows: number,
    k: number,
    padded: number,
    tiles: number,
    firstTile: number,
    tilesN: number,
    format: number,
    tiesToEven: number,
  ): void;
}

declare const WebAssembly: {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { env: { memory: object } }) => { readonly exports: KernelExports };
};

/** One source, compiled twice: with the fused multiply-add of relaxed SIMD and without. Their results are the same. */
export const KERNEL_MODULES = ['relaxed', 'plain'] as const;
export type KernelModule = (typeof KERNEL_MODULES)[number];

const MODULE_URLS: Readonly<Record<KernelModule, URL>> = {
  relaxed: new URL('./kernels-relaxed.wasm', import.meta.url),
  plain: new URL('./kernels.wasm', import.meta.url),
};
/** @returns the module, which other threads may instantiate too, and what does it here. */
export function compileModule(name: KernelModule): {
  readonly module: object;
  readonly instantiate: (memory: object) => KernelExports;
} {
  const module = new WebAssembly.Module(readModule(name));
  return { module, instantiate: (memory) => new WebAssembly.Instance(module, { env: { memory } }).exports };
}

/**
 * The relaxed module where this engine takes it, else the plain one. Node 20 knows relaxed SIMD behind a flag, which is set for the process: tests
 * hold both modules to the same bits on every Node that they run on.
 */
export function fastestModule(): KernelModule {
  const relaxed = readModule('relaxed');
  if (!WebAssembly.validate(relaxed)) setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(relaxed) ? 'relaxed' : 'plain';
}

function readModule(name: KernelModule): Uint8Array {
  try {
    return readFileSync(MODULE_URLS[name]);
  } catch (cause) {
    throw new DeviceError('The compiled kernels are missing.', {
      code: 'KERNELS_NOT_BUILT',
      facts: { found: 'no readable file', wanted: MODULE_URLS[name].pathname },
      hint: 'run `npm run build` in a checkout, or install qwen-pcc again.',
      cause,
    });
  }
}
