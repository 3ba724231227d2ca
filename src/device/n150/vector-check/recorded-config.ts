// The N150 model as recordings of ttnn 0.81.1 were made: its recipe in tier exact, with what a file says of its own.
import { InputError } from '../../../errors.ts';
import { MATH_FIDELITIES, type MathFidelity } from '../../wormhole/matmul-engine.ts';
import type { N150Config } from '../compute-config.ts';
import { RECIPES } from '../recipes.ts';
import type { VectorFile } from './vector-file.ts';
import type { VectorTensors } from './vector-tensors.ts';

export function recordedConfig(knobs: Partial<N150Config> = {}): N150Config {
  return { ...RECIPES['ttnn-0.81'], tier: 'exact', ...knobs };
}

/** @throws InputError if the file's config names no fidelity. */
export function recordedFidelity(file: VectorFile, { config }: VectorTensors): MathFidelity {
  const fidelity = MATH_FIDELITIES.find((name) => name === config['math_fidelity']);
  if (fidelity !== undefined) return fidelity;
  throw new InputError(`${file.name}: the metadata "config" names no fidelity.`, {
    code: 'VECTOR_CONFIG',
    facts: { found: JSON.stringify(config['math_fidelity']), wanted: `"math_fidelity": ${MATH_FIDELITIES.join(', ')}` },
    hint: 'see fixtures/vectors/ttnn-0.81.1/README.md',
  });
}
