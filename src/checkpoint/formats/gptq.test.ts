// GPTQ against what GPTQModel dequantises: every width, both layouts, reordered columns, cuts; and what is broken is named.
import { describe, expect, it } from 'vitest';
import { readGptq } from './gptq.ts';
import { checkpointOf, digestInCuts, digestWhole, vectorCases } from './quantised-vectors.fixture.ts';

const CASES = vectorCases('gptq');

describe('readGptq', () => {
  it.each(CASES)('gives the values of GPTQModel: $name', (vector) => {
    const { tensors } = readGptq(checkpointOf('gptq', vector));
    const tensor = tensors.get(`${vector.name}.weight`)!;
    expect([...tensors.keys()]).toEqual([`${vector.name}.weight`]);
    expect(digestWhole(tensor)).toBe(vector.sha256);
    for (const rows of [1, 7, 16]) expect(digestInCuts(tensor, rows)).toBe(vector.sha256);
  });
});
