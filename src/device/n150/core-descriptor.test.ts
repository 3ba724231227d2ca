// Core descriptors: the grids of the known names, files as tt-metal writes them, and what is refused.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { QwenPccError } from '../../errors.ts';
import { CORE_DESCRIPTOR_NAMES, gridRowsOf } from './core-descriptor.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-descriptor-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function written(text: string): string {
  const file = path.join(scratch, 'descriptor.yaml');
  writeFileSync(file, text);
  return file;
}

function errorOf(nameOrPath: string): QwenPccError {
  try {
    gridRowsOf(nameOrPath);
  } catch (error) {
    if (error instanceof QwenPccError) return error;
    throw error;
  }
  return expect.fail(`${nameOrPath} was accepted`);
}

const range = (end: string, indent: string): string => `${indent}compute_with_storage_grid_range: # Logical only
${indent}  start: [0, 0]
${indent}  end: ${end}
${indent}dispatch_core_type:
${indent}  "tensix"
`;

describe('the grid of a core descriptor', () => {
  it.each([
    ['wormhole_b0_80_arch_eth_dispatch.yaml', 8],
    ['wormhole_b0_80_arch.yaml', 8],
    ['wormhole_b0_80_arch_fabric_mux.yaml', 7],
  ])('called %s has %d rows', (name, rows) => {
    expect(CORE_DESCRIPTOR_NAMES).toContain(name);
    expect(gridRowsOf(name)).toBe(rows);
  });

  it("is that of the N150's product in a file, with one command queue", () => {
    const products = [
      ['galaxy', '[7, 7]'],
      ['nebula_x1', '[7, 4]'],
      ['nebula_x2', '[7, 6]'],
    ];
    const text = products.map(
      ([name, end]) => `${name}:\n  1:\n${range(end!, '    ')}  2:\n${range('[7, 2]', '    ')}`,
    );
    expect(gridRowsOf(written(text.join('\n')))).toBe(5);
  });

  it('is that of dispatch by rows where a file knows both', () => {
    const text = `nebula_x1:\n  row:\n    1:\n${range('[7, 6]', '      ')}  col:\n    1:\n${range('[5, 8]', '      ')}`;
    expect(gridRowsOf(written(text))).toBe(7);
  });
});

describe('a core descriptor', () => {
  it.each([
    {
      what: 'a misspelt name',
      name: 'wormhole_b0_80_arch_eth_dispatch',
      says: 'did you mean wormhole_b0_80_arch_eth_dispatch.yaml?',
    },
    { what: 'a name of another chip', name: 'blackhole_140_arch.yaml', says: 'blackhole_140_arch.yaml (ENOENT)' },
    { what: 'a folder', name: scratch, says: '(EISDIR)' },
  ])('that is $what is unknown', ({ name, says }) => {
    const error = errorOf(name);
    expect(error).toMatchObject({ code: 'CORE_DESCRIPTOR_UNKNOWN', exitCode: 2 });
    expect(error.message).toContain('WH_ARCH_YAML');
    expect(error.message).toContain(says);
    expect(error.message).toContain('wormhole_b0_80_arch.yaml');
  });

  it.each([
    { what: 'is no YAML', text: 'nebula_x1: [', says: 'is no YAML' },
    { what: 'is empty', text: '', says: 'nebula_x1: 1: compute_with_storage_grid_range' },
    { what: 'lacks the product', text: `nebula_x2:\n  1:\n${range('[7, 6]', '    ')}`, says: 'nebula_x1' },
    { what: 'lacks the range', text: 'nebula_x1:\n  1:\n    dispatch_core_type: "tensix"', says: 'nebula_x1' },
    { what: 'has words for numbers', text: `nebula_x1:\n  1:\n${range('[seven, 7]', '    ')}`, says: 'nebula_x1' },
  ])('that $what is refused by file name', ({ text, says }) => {
    const file = written(text);
    const error = errorOf(file);
    expect(error).toMatchObject({ code: 'CORE_DESCRIPTOR_MALFORMED', exitCode: 2 });
    expect(error.message).toContain(file);
    expect(error.message).toContain(says);
  });

  it.each([
    { end: '[5, 8]', grid: '6x9' },
    { end: '[7, 9]', grid: '8x10' },
    { end: '[6, 7]', grid: '7x8' },
  ])('that gives a grid of $grid is refused, since the programs of the demo do not fit it', ({ end, grid }) => {
    const error = errorOf(written(`nebula_x1:\n  1:\n${range(end, '    ')}`));
    expect(error).toMatchObject({ code: 'CORE_DESCRIPTOR_GRID', exitCode: 2 });
    expect(error.facts['found']).toContain(grid);
    expect(error.facts['wanted']).toContain('8x1 … 8x8');
  });
});
