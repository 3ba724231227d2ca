// Files of evidence: one name for each token of a run, that every file system can hold.
import { describe, expect, it } from 'vitest';
import { evidenceName } from './evidence-file.ts';

describe('the name of a token’s evidence', () => {
  it.each([
    ['a/b', 'a_b'],
    ['a b', 'a_b'],
    ['é', 'è'],
    ['x'.repeat(150), `${'x'.repeat(149)}y`],
  ])('is another one for prompt %j than for %j', (one, other) => {
    const nameOf = (prompt: string): string =>
      evidenceName({ case: 'general_weights-1_batch', variant: 'n150', prompt, user: 0, position: 3 });
    expect(nameOf(one)).not.toBe(nameOf(other));
    for (const name of [nameOf(one), nameOf(other)]) {
      expect(name).toMatch(/^evidence\/[\w.-]+\.3\.safetensors$/);
      expect(name.length).toBeLessThan(200);
    }
  });
});
