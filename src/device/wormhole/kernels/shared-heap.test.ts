// The shared heap: regions do not overlap, freed ones are used again, growth keeps what was written.
import { describe, expect, it } from 'vitest';
import { DeviceError, InternalError } from '../../../errors.ts';
import { createRandom } from './operands.fixture.ts';
import { createSharedHeap } from './shared-heap.ts';

describe('shared heap', () => {
  it('hands out aligned regions above the reserved part that never overlap, whatever is freed in between', () => {
    const heap = createSharedHeap(1000);
    const random = createRandom(7);
    const live = new Map<number, number>();
    for (let round = 0; round < 2000; round++) {
      if (live.size > 20 || (live.size > 0 && random() % 3 === 0)) {
        const start = [...live.keys()][random() % live.size]!;
        heap.free(start);
        live.delete(start);
        continue;
      }
      const bytes = random() % 5000;
      const start = heap.allocate(bytes);
      expect(start % 64).toBe(0);
      expect(start).toBeGreaterThanOrEqual(1000);
      const overlapped = [...live].filter(([other, size]) => !(start + bytes <= other || other + size <= start));
      expect(overlapped).toEqual([]);
      live.set(start, bytes);
    }
  });

  it('joins freed neighbours, so that what fitted once fits again without growing', () => {
    const heap = createSharedHeap(0);
    const starts = Array.from({ length: 8 }, () => heap.allocate(1 << 20));
    const size = heap.memory.buffer.byteLength;
    for (const start of [3, 1, 0, 2, 7, 5, 6, 4].map((index) => starts[index]!)) heap.free(start);
    expect(heap.allocate(8 << 20)).toBe(starts[0]);
    expect(heap.memory.buffer.byteLength).toBe(size);
  });

  it('refuses to take back what it did not hand out, and what it has back already', () => {
    const heap = createSharedHeap(0);
    const start = heap.allocate(100);
    expect(() => heap.free(start + 64)).toThrow(InternalError);
    heap.free(start);
    expect(() => heap.free(start)).toThrow(InternalError);
  });

  it('hands out all of several regions or none', () => {
    const heap = createSharedHeap(0);
    const [first, second] = heap.allocateEach([100, 200]);
    expect(second).toBe(first! + 128);
    expect(() => heap.allocateEach([64, 64, 2 ** 33])).toThrow(DeviceError);
    expect(heap.allocate(64)).toBe(second! + 256);
  });

  it('keeps what was written when it grows', () => {
    const heap = createSharedHeap(0);
    const start = heap.allocate(16);
    heap.floats(start, 4).set([1, 2, 3, 4]);
    heap.allocate(64 << 20);
    expect([...heap.floats(start, 4)]).toEqual([1, 2, 3, 4]);
  });

  it('says how much was wanted when 4 GiB do not suffice', () => {
    const heap = createSharedHeap(0);
    expect(() => heap.allocate(2 ** 33)).toThrow(DeviceError);
    expect(() => heap.allocate(2 ** 33)).toThrow(/at most 4 GiB/);
    expect(heap.allocate(64)).toBeGreaterThanOrEqual(0);
  });
});
