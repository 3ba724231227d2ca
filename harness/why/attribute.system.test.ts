// Attribution finds what was planted, by layer and operation, and the whole of it is cured by a healthy operation in its place.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReference, type Reference } from '../../reference/onnx-reference.ts';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/weights.ts';
import { parseDeviceOptions } from '../../src/device/n150/device-options.ts';
import { allTaps, type TapName } from '../../src/device/taps.ts';
import { DEFECTS } from '../bench/why/planted-defects.ts';
import { recordingOf, valuesOf } from '../bench/why/recorded-defect.ts';
import { randomOf } from '../faults/random.ts';
import { type Lab, openLab } from '../sources/open-lab.ts';
import type { DeviceResources } from '../sources/open-n150.ts';
import { tinyCheckpoints } from '../sources/package-root.ts';
import { type Attribution, attribute } from './attribute.ts';
import { attributeRecording } from './attribute-recording.ts';
import type { PlantedFault } from './device-lanes.ts';
import type { AttributionRequest } from './experiment.ts';

const checkpoint = openCheckpoint(tinyCheckpoints()[0]!);
const POSITIONS = 36;
const random = randomOf(5, 'tokens');
const tokenIds = Int32Array.from({ length: POSITIONS }, () => Math.floor(random() * checkpoint.config.vocabSize));
const LAYER = 3;
/** Of a whole attribution, which runs the model some hundred times. */
const SHORT = 8;

let reference: Reference;
beforeAll(async () => {
  reference = await createReference(checkpoint, {
    precision: 'fp32',
    threads: 2,
    taps: allTaps(checkpoint.config.layers),
  });
});
afterAll(() => reference.close());

function planted(
  id: string | undefined,
  layer = LAYER,
): { readonly device: Checkpoint; readonly faults: readonly PlantedFault[] } {
  const defect = DEFECTS.find((one) => one.id === id);
  const { checkpoint: device = checkpoint, faults = [] } =
    defect?.plant(checkpoint, layer, POSITIONS, randomOf(7, defect.id)) ?? {};
  return { device, faults };
}

async function withLab<T>(
  device: Checkpoint,
  use: (lab: Lab) => T | Promise<T>,
  resources: Partial<DeviceResources> = {},
): Promise<T> {
  const sides = { device, reference: checkpoint, config: parseDeviceOptions(''), isInstruct: false };
  const lab = await openLab(sides, { threads: 2, ...resources });
  try {
    return await use(lab);
  } finally {
    await lab.close();
  }
}

interface Asked {
  readonly layer?: number;
  readonly resources?: Partial<DeviceResources>;
  readonly request?: Partial<AttributionRequest>;
}

function attributed(id: string | undefined, asked: Asked = {}): Promise<Attribution> {
  const { layer = LAYER, resources = {}, request = { opsOnly: true } } = asked;
  const { device, faults } = planted(id, layer);
  return withLab(
    device,
    (lab) => {
      const plain = { reference, lab, faults, tokenIds, promptLength: POSITIONS, prompt: 'planted', user: 0 };
      return attribute({ ...plain, ...request });
    },
    resources,
  );
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

describe('a recording', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-recorded-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The defective device recorded, and the file held against a healthy one. */
  async function attributedRecording(
    id: string | undefined,
    isRecorded: (tap: TapName) => boolean,
  ): Promise<Attribution> {
    const { device, faults } = planted(id);
    const values = await withLab(device, (lab) => valuesOf(lab, faults, tokenIds));
    return withLab(checkpoint, (lab) => {
      const recorded = recordingOf(path.join(folder, 'card.safetensors'), lab, values, tokenIds, isRecorded);
      const request = { reference, lab, tokenIds, promptLength: POSITIONS, prompt: 'planted', user: 0 };
      return attributeRecording({ ...request, recorded, heldAgainst: 'n150', label: 'a card' });
    });
  }

  it.each([
    { id: 'corrupted weight tile (down)', op: 'down' },
    { id: 'stale KV position', op: 'kvCache' },
  ])('with every tap has $id blamed first, by its own values alone', async ({ id, op }) => {
    const { ops, firstBlamed, recording } = await attributedRecording(id, () => true);
    expect(ops[firstBlamed!]).toMatchObject({ layer: LAYER, op, span: [] });
    expect(recording!.notRecorded).toEqual([]);
  });

  it('with the stream behind each layer has the layer blamed, and says what to record', async () => {
    const { ops, firstBlamed } = await attributedRecording('corrupted weight tile (down)', (tap) =>
      /^layers\.\d+\.out$/.test(tap),
    );
    expect(ops[firstBlamed!]).toMatchObject({ layer: LAYER, op: 'residual' });
    expect(ops[firstBlamed!]!.span).toContain(`layers.${LAYER}.mlp.out`);
    expect(ops[firstBlamed!]!.span.every((tap) => tap.startsWith(`layers.${LAYER}.`))).toBe(true);
  });

  it('of a healthy device is blamed for nothing, and its exact operations are those of the reference', async () => {
    const { firstBlamed, exact, recording } = await attributedRecording(undefined, () => true);
    expect({ firstBlamed, firstApart: recording!.firstApart }).toEqual({ firstBlamed: null, firstApart: null });
    expect(exact!.pcc).toBeGreaterThan(1 - 1e-9);
  });
});

// With a byte of memory golden taps are there for one layer at a time, and all weights are streamed.
it('finds the same by the same numbers, whatever memory there is', async () => {
  const random = randomOf(9, 'memory');
  const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-why-'));
  const resources = { memoryBytes: 1, weightCache: path.join(scratch, 'packed') };
  for (let i = 0; i < 3; i++) {
    const { id } = DEFECTS[Math.floor(random() * DEFECTS.length)]!;
    const layer = Math.floor(random() * checkpoint.config.layers);
    const [plenty, little] = [await attributed(id, { layer }), await attributed(id, { layer, resources })];
    expect(little, `${id} in layer ${layer}`).toEqual(plenty);
  }
  rmSync(scratch, { recursive: true });
});

it('makes keys and values of the last layer again as if everything before it were made again too', async () => {
  const last = `layer ${checkpoint.config.layers - 1}`;
  const short = { tokenIds: tokenIds.subarray(0, SHORT), promptLength: SHORT };
  const [small, large] = [
    await attributed(undefined, { request: short }),
    await attributed(undefined, { request: { ...short, isSmall: false }, resources: { memoryBytes: 2 << 20 } }),
  ];
  const ofLast = ({ changes }: Attribution) =>
    changes.filter(({ direction, name }) => direction === 'promotion' && name === last);
  expect(ofLast(small)[0]).toMatchObject({ past: 'redone' });
  expect(ofLast(large)).toEqual([{ ...ofLast(small)[0]!, past: 'remade' }]);
});

it('blames nothing on a healthy device, whose operations are each measured once', async () => {
  const { ops, firstBlamed, device, healthy } = await attributed(undefined);
  expect({ firstBlamed, device }).toEqual({ firstBlamed: null, device: healthy });
  expect(ops.map(({ tap }) => tap)).toEqual([...allTaps(checkpoint.config.layers), 'logits']);
});
