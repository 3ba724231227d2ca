// --adapter DIR is BASE+DIR for the one checkpoint that is named, in every command that takes --weights.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { placeText } from '../../src/checkpoint/checkpoint-place.ts';
import { packageFile } from '../sources/package-root.ts';
import { withAdapter } from './adapter-option.ts';
import { chooseWeights } from './case-options.ts';
import { demoWeights } from './demo-weights.ts';
import { callCommand } from './in-process.fixture.ts';
import { createProgram } from './program.ts';

const [TINY, LORA] = [packageFile('fixtures/tiny-qwen2'), packageFile('fixtures/quantised/lora')];
const BOTH = placeText({ base: TINY, adapter: LORA });

describe('--adapter', () => {
  it.each(['validate', 'record', 'inspect', 'doctor', 'demo'])('is an option of %s, beside --weights', (name) => {
    const options = createProgram().commands.find((command) => command.name() === name)!.options;
    const longs = options.map(({ long }) => long);
    expect(longs.indexOf('--adapter')).toBe(longs.indexOf('--weights') + 1);
  });

  it('is on what --weights chose, by path or by name', () => {
    expect(chooseWeights([TINY], undefined, LORA).folders).toEqual([BOTH]);
    expect(chooseWeights(['general'], undefined, LORA).folders).toEqual([BOTH]);
    expect(demoWeights({ weights: 'general', adapter: LORA }, undefined)).toEqual({ folder: BOTH, family: 'general' });
    expect(demoWeights({ weights: BOTH }, undefined)).toEqual({ folder: BOTH });
  });

  it('leaves everything as it is where it is not given', () => {
    expect(withAdapter(['a', 'b'], undefined)).toEqual(['a', 'b']);
  });

  it.each([
    { folders: ['a', 'b'], says: '--weights a+c' },
    { folders: [BOTH], says: `--weights ${TINY}+c` },
    { folders: [], says: '--weights BASE+c' },
  ])('is refused for $folders', ({ folders, says }) => {
    expect(() => withAdapter(folders, 'c')).toThrow(
      expect.objectContaining({ code: 'ADAPTER_BASE', hint: expect.stringContaining(says) }),
    );
  });

  it('changes the weights that a command opens', async () => {
    const { stdout, code } = await callCommand(['doctor', '--weights', 'general', '--adapter', LORA, '--json']);
    expect(code).toBe(0);
    const { checkpoints } = JSON.parse(stdout) as { checkpoints: { name: string }[] };
    expect(checkpoints.map(({ name }) => name)).toEqual([`tiny-qwen2+${path.basename(LORA)}`]);
  });
});
