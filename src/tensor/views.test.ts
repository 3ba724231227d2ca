// ndarray views: shared memory, right indices, clear refusals.
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.ts';
import { matrixView, rowOf } from './views.ts';

const data = Float32Array.of(0, 1, 2, 3, 4, 5);

describe('matrixView', () => {
  it('reads and writes the data it was made of', () => {
    const own = data.slice();
    const matrix = matrixView(own, 2, 3);
    expect(matrix.get(1, 2)).toBe(5);
    matrix.set(0, 1, 9);
    expect(own[1]).toBe(9);
  });

  it('refuses another number of elements', () => {
    expect(() => matrixView(data, 2, 2)).toThrow(ShapeError);
  });
});

describe('rowOf', () => {
  it('shares memory with a contiguous row', () => {
    const row = rowOf(matrixView(data, 2, 3), 1);
    expect([...row]).toEqual([3, 4, 5]);
    expect(row.buffer).toBe(data.buffer);
  });

  it('copies the row of a transposed view', () => {
    expect([...rowOf(matrixView(data, 2, 3).transpose(1, 0), 2)]).toEqual([2, 5]);
  });

  it('follows a view that begins further on', () => {
    expect([...rowOf(matrixView(data, 2, 3).lo(1, 1), 0)]).toEqual([4, 5]);
  });

  it.each([-1, 2, 0.5])('refuses row %d of two', (row) => {
    expect(() => rowOf(matrixView(data, 2, 3), row)).toThrow(ShapeError);
  });
});
