// Attribution finds what was planted, by layer and operation, and the whole of it is cured by a healthy operation in its place.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createReference, type Reference } from '../../reference/onnx-reference.ts';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { parseDeviceOptions } from '../../src/device/n150/device-options.ts';
import { allTaps } from '../../src/device/taps.ts';
import { DEFECTS } from '../bench/why/planted-defects.ts';
import { randomOf } from '../faults/random.ts';
import { openLab } from '../sources/open-lab.ts';
import { tinyCheckpoints } from '../sources/package-root.ts';
import { type Attribution, attribute } from './attribute.ts';

const checkpoint = openCheckpoint(tinyCheckpoints()[0]!);
const POSITIONS = 36;
const random = randomOf(5, 'tokens');
const tokenIds = Int32Array.from({ length: POSITIONS }, () => Math.floor(random() * checkpoint.config.vocabSize));
const LAYER = 3;

let reference: Reference;
beforeAll(async () => {
  reference = await createReference(checkpoint, {
    precision: 'fp32',
    threads: 2,
    taps: allTaps(checkpoint.config.layers),
  });
});
afterAll(() => reference.close());

async function attributed(id: string | undefined): Promise<Attribution> {
  const defect = DEFECTS.find((one) => one.id === id);
  const { checkpoint: device = checkpoint, faults = [] } =
    defect?.plant(checkpoint, LAYER, POSITIONS, randomOf(7, defect.id)) ?? {};
  const sides = { device, reference: checkpoint, config: parseDeviceOptions(''), isInstruct: false };
  const lab = await openLab(sides, { threads: 2 });
  try {
    const request = { reference, lab, faults, tokenIds, promptLength: POSITIONS, prompt: 'planted', user: 0 };
    return await attribute({ ...request, opsOnly: true });
  } finally {
    await lab.close();
  }
}

// One of the weights, one of a kernel, one that is in the past of the token only, one beside the layers.
it.each([
  { id: 'corrupted weight tile (down)', layer: LAYER, op: 'down' },
  { id: 'chunk merge dropped: the first chunk of keys is lost', layer: LAYER, op: 'attention' },
  { id: 'stale KV position', layer: LAYER, op: 'kvCache' },
  { id: 'lm_head slice shifted by a tile', layer: null, op: 'lmHead' },
])('blames $id first', async ({ id, layer, op }) => {
  const { ops, firstBlamed } = await attributed(id);
  expect(ops[firstBlamed!]).toMatchObject({ layer, op });
});

it('blames nothing on a healthy device, whose operations are each measured once', async () => {
  const { ops, firstBlamed, device, healthy } = await attributed(undefined);
  expect({ firstBlamed, device }).toEqual({ firstBlamed: null, device: healthy });
  expect(ops.map(({ tap }) => tap)).toEqual([...allTaps(checkpoint.config.layers), 'logits']);
});
