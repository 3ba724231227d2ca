// Tiles and faces: the order of n150-numerics A.5, sizes, and there and back.
import { describe, expect, it } from 'vitest';
import { indexInStream, indexInTile, packedBytes, tilize, untilize } from './tile-layout.ts';

describe('tile layout', () => {
  it.each([
    { row: 0, column: 15, index: 15 },
    { row: 1, column: 0, index: 16 },
    { row: 0, column: 16, index: 256 },
    { row: 16, column: 0, index: 512 },
    { row: 31, column: 31, index: 1023 },
  ])('puts ($row, $column) of a tile at $index', ({ row, column, index }) => {
    expect(indexInTile(row, column)).toBe(index);
  });

  it('orders tiles row-major over the padded matrix', () => {
    expect(indexInStream(32, 0, 65)).toBe(3 * 1024);
    expect(indexInStream(0, 64, 65)).toBe(2 * 1024);
  });

  it.each([
    { format: 'BFP8_B', rows: 3584, columns: 4608, bytes: 17_547_264 },
    { format: 'BFP8_B', rows: 1, columns: 4608, bytes: 156_672 },
    { format: 'BFP4_B', rows: 32, columns: 33, bytes: 2 * 576 },
    { format: 'BF16', rows: 1, columns: 1, bytes: 2048 },
    { format: 'FP32', rows: 1, columns: 1, bytes: 4096 },
  ] as const)('packs [$rows, $columns] $format into $bytes bytes', ({ format, rows, columns, bytes }) => {
    expect(packedBytes(format, rows, columns)).toBe(bytes);
  });

  it('gives back what it tilized and leaves the padding zero', () => {
    const values = Float32Array.from({ length: 45 * 70 }, (_, i) => i + 1);
    const stream = tilize(values, 45, 70);
    expect(stream).toHaveLength(6 * 1024);
    expect(stream.filter((value) => value === 0)).toHaveLength(6 * 1024 - values.length);
    expect(untilize(stream, 45, 70)).toEqual(values);
  });
});
