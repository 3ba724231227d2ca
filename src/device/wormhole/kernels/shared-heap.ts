// The kernels' shared memory: hands out and takes back regions of it, growing as needed.
import { DeviceError, InternalError } from '../../../errors.ts';

const PAGE_BYTES = 65536;
/** Limit of a 32-bit WebAssembly memory, as the module declares it. */
const MAXIMUM_PAGES = 65536;
const INITIAL_PAGES = 64;
/** A cache line: regions written by different workers never share one. */
const ALIGNMENT = 64;

interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
  grow(pages: number): number;
}

declare const WebAssembly: {
  readonly Memory: new (descriptor: { initial: number; maximum: number; shared: boolean }) => WasmMemory;
};

interface Region {
  readonly start: number;
  readonly bytes: number;
}

export interface SharedHeap {
  readonly memory: WasmMemory;
  /** @returns start of a region of at least `bytes`, aligned to 64; content unspecified. */
  allocate(bytes: number): number;
  /** @returns a region of each size, in their order; after a failure none is kept. */
  allocateEach(sizes: readonly number[]): number[];
  /** @throws InternalError `HEAP_FREE` for anything but the start of a region that is handed out. */
  free(start: number): void;
  /** Whether a region of `bytes` can be had with `spareBytes` left to grow into. */
  fits(bytes: number, spareBytes: number): boolean;
  /** Views of what is allocated now; growth never moves the memory, so they stay good until it is freed. */
  bytes(start: number, length: number): Uint8Array;
  floats(start: number, length: number): Float32Array;
  ints(start: number, length: number): Int32Array;
}

/**
 * @param reservedBytes - lower part of the memory that is never handed out.
 */
export function createSharedHeap(reservedBytes: number): SharedHeap {
  const memory = createMemory();
  const used = new Map<number, number>();
  let free: Region[] = [];
  let end = alignUp(reservedBytes);
  if (end > memory.buffer.byteLength) growTo(end);

  function growTo(wanted: number): void {
    const pages = Math.ceil((wanted - memory.buffer.byteLength) / PAGE_BYTES);
    try {
      memory.grow(pages);
    } catch (cause) {
      throw new DeviceError('The kernels ran out of shared memory.', {
        code: 'KERNEL_MEMORY',
        facts: { found: `${memory.buffer.byteLength} bytes in use`, wanted: `${wanted} bytes, at most 4 GiB` },
        hint: 'release weights of other layers first, or feed fewer rows at once',
        cause,
      });
    }
  }

  function takeFree(bytes: number): number | undefined {
    const index = free.findIndex((region) => region.bytes >= bytes);
    if (index < 0) return undefined;
    const region = free[index]!;
    const rest = { start: region.start + bytes, bytes: region.bytes - bytes };
    free.splice(index, 1, ...(rest.bytes > 0 ? [rest] : []));
    return region.start;
  }

  function allocate(bytes: number): number {
    const size = alignUp(Math.max(bytes, 1));
    let start = takeFree(size);
    if (start === undefined) {
      if (end + size > memory.buffer.byteLength) growTo(end + size);
      start = end;
      end += size;
    }
    used.set(start, size);
    return start;
  }

  function giveBack(start: number): void {
    const bytes = used.get(start);
    if (bytes === undefined) {
      throw new InternalError('Memory of the kernels was given back twice, or was never handed out.', {
        code: 'HEAP_FREE',
        facts: { found: start, wanted: `the start of one of ${used.size} regions` },
      });
    }
    used.delete(start);
    free.push({ start, bytes });
    free = merged(free);
  }

  return {
    memory,
    allocate,
    allocateEach(sizes) {
      const starts: number[] = [];
      try {
        for (const bytes of sizes) starts.push(allocate(bytes));
      } catch (error) {
        for (const start of starts) giveBack(start);
        throw error;
      }
      return starts;
    },
    free: giveBack,
    fits(bytes, spareBytes) {
      const size = alignUp(Math.max(bytes, 1));
      return free.some((region) => region.bytes >= size) || end + size + spareBytes <= MAXIMUM_PAGES * PAGE_BYTES;
    },
    bytes: (start, length) => new Uint8Array(memory.buffer, start, length),
    floats: (start, length) => new Float32Array(memory.buffer, start, length),
    ints: (start, length) => new Int32Array(memory.buffer, start, length),
  };
}

function createMemory(): WasmMemory {
  try {
    return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES, shared: true });
  } catch (cause) {
    throw new DeviceError('The kernels get no shared memory.', {
      code: 'KERNEL_MEMORY',
      facts: { found: (cause as Error).message, wanted: '4 GiB of address space' },
      hint: 'lower --memory, so that fewer weights stay in memory, or raise the limit of `ulimit -v`',
      cause,
    });
  }
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Neighbouring free regions joined, in order of address. */
function merged(regions: readonly Region[]): Region[] {
  const joined: Region[] = [];
  for (const region of regions.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && last.start + last.bytes === region.start) {
      joined[joined.length - 1] = { start: last.start, bytes: last.bytes + region.bytes };
    } else joined.push(region);
  }
  return joined;
}
