// The named tensors of a safetensors vector file, widened to float32, with the arguments recorded beside them.
import { readSafetensorsHeader, readTensorFloat32, requireTensor } from '../../../checkpoint/safetensors.ts';
import { InputError } from '../../../errors.ts';
import type { VectorFile } from './vector-file.ts';

export interface VectorTensor {
  readonly shape: readonly number[];
  /** Flattened row-major. */
  readonly values: Float32Array;
}

export interface VectorTensors {
  readonly names: readonly string[];
  /** @throws InputError if the file has no tensor of this name. */
  get(name: string): VectorTensor;
  readonly metadata: Readonly<Record<string, string>>;
  /** ttnn's arguments, the JSON under metadata `config`; empty if there is none. */
  readonly config: Readonly<Record<string, unknown>>;
  /** A number of the config, or the first of a list of numbers. @throws InputError if there is none of this name. */
  configNumber(name: string): number;
}

/** @throws InputError if the file is not a sound safetensors file or its config is not a JSON object. */
export function readVectorTensors(file: VectorFile): VectorTensors {
  const header = readSafetensorsHeader(file.path);
  const config = parseConfig(file, header.metadata['config'] ?? '{}');
  return {
    names: [...header.tensors.keys()],
    get: (name) => ({ shape: requireTensor(header, name).shape, values: readTensorFloat32(header, name) }),
    metadata: header.metadata,
    config,
    configNumber: (name) => {
      const entry = config[name];
      const number: unknown = Array.isArray(entry) ? entry[0] : entry;
      if (typeof number === 'number') return number;
      throw new InputError(`${file.name}: the metadata "config" lacks a number that the op needs.`, {
        code: 'VECTOR_CONFIG',
        facts: { found: JSON.stringify(config), wanted: `"${name}": a number` },
        hint: 'see fixtures/vectors/ttnn-0.81.1/README.md',
      });
    },
  };
}

function parseConfig(file: VectorFile, text: string): Readonly<Record<string, unknown>> {
  try {
    const config: unknown = JSON.parse(text);
    if (typeof config === 'object' && config !== null) return config as Record<string, unknown>;
  } catch {
    // Said below, with what was found.
  }
  throw new InputError(`${file.name}: the metadata "config" is not a JSON object.`, {
    code: 'VECTOR_CONFIG',
    facts: { found: text.slice(0, 80), wanted: 'the op and its arguments as JSON' },
    hint: 'see fixtures/vectors/ttnn-0.81.1/README.md',
  });
}
