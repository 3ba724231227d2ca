// References on the fixtures' checkpoints for tests, closed after the file's last one.
import { afterAll } from 'vitest';
import { decodedCopy } from '../src/checkpoint/decoded-copy.fixture.ts';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import { fixturePath } from './golden-cases.fixture.ts';
import { createReference, type Reference } from './onnx-reference.ts';
import type { ReferenceOptions } from './reference-options.ts';

const open: Reference[] = [];

/** To be called by a test file before its tests. @returns what opens a fixture's checkpoint, a decoded copy of it where weights are streamed. */
export function openingReferences(
  defaults: Partial<ReferenceOptions>,
): (name: string, options: Partial<ReferenceOptions>) => Promise<Reference> {
  afterAll(async () => {
    for (const one of open.splice(0)) await one.close();
  });
  return async (name, options) => {
    const plain = openCheckpoint(fixturePath(name));
    const checkpoint = options.weights === 'streamed' ? decodedCopy(plain) : plain;
    const made = await createReference(checkpoint, { precision: 'fp32', ...defaults, ...options });
    open.push(made);
    return made;
  };
}
