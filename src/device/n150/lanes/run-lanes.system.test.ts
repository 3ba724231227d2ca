// Lanes against the graph that they stand beside: the same bits alone, over a saved past, forked, and mixed in precision.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKernelMatmulEngine } from '../../wormhole/kernels/kernel-matmul-engine.ts';
import type { N150Config } from '../compute-config.ts';
import { parseDeviceOptions } from '../device-options.ts';
import { type DeviceWeights, loadDeviceWeights } from '../device-weights.ts';
import { distanceOf, equalShare, openFixture, readGoldenCase, runDevice } from '../graph.fixture.ts';
import { copyLastRows, type Rows } from '../rows.ts';
import type { KvRows, Lane } from './lane.ts';
import { runLanes } from './run-lanes.ts';

const checkpoint = openFixture('tiny-qwen2');
const model = checkpoint.config;
const POSITIONS = 40;
const { tokenIds: all, logits } = readGoldenCase('general-0');
const tokenIds = all.slice(0, POSITIONS);
const golden = logits.subarray((POSITIONS - 1) * model.vocabSize, POSITIONS * model.vocabSize);
const device = parseDeviceOptions('');
const exact: N150Config = parseDeviceOptions(
  'tier=fp32,weightFormat=BF16,lmHeadFormat=BF16,biasFormat=BF16,rmsEps=1e-6',
);

let engine: Awaited<ReturnType<typeof createKernelMatmulEngine>>;
const weights = new Map<string, DeviceWeights>();
beforeAll(async () => {
  engine = await createKernelMatmulEngine({ threads: 2 });
  weights.set('device', await loadDeviceWeights(checkpoint, device, engine));
  weights.set('exact', await loadDeviceWeights(checkpoint, exact, engine));
});
afterAll(async () => {
  for (const set of weights.values()) await set.release();
  await engine.close();
});

const lanesOf = (...lanes: Lane[]): Promise<Float32Array[]> =>
  runLanes({ model, engine, weights, tokenIds, promptLength: undefined, lanes });
const plain: Lane = { configFor: () => device, weightsOf: () => 'device', rows: POSITIONS };
const onGraph = async (): Promise<Float32Array> =>
  (await runDevice(checkpoint, engine, '', tokenIds)).slice(-model.vocabSize);

describe('lanes', () => {
  it('compute the bits of the graph, forked at any layer too, and over the keys and values of another lane', async () => {
    const cached = new Map<number, { keys: Float32Array; values: Float32Array }>();
    const width = model.keyValueHeads * model.headDim;
    const recorded: Lane = {
      ...plain,
      onTap(tap, rows) {
        const [, layer, part] = /^layers\.(\d+)\.self_attn\.([kv])_cached$/.exec(tap) ?? [];
        if (layer === undefined) return;
        const kept = cached.get(Number(layer)) ?? { keys: rows as never, values: rows as never };
        cached.set(Number(layer), {
          ...kept,
          [part === 'k' ? 'keys' : 'values']: copyLastRows(rows, POSITIONS, width),
        });
      },
    };
    const past = (layer: number): KvRows => cached.get(layer)!;
    const made = await lanesOf(
      recorded,
      { ...plain, rows: 3, past },
      { ...plain, forks: { from: recorded, layer: 4 } },
      { ...plain, forks: { from: recorded, layer: model.layers } },
    );
    const expected = await onGraph();
    expect(made.map((row) => equalShare(row, expected))).toEqual([1, 1, 1, 1]);
  });

  it('make the same bits of a residual stream, of which keys and values alone are made anew', async () => {
    const streams: Float32Array[] = [];
    const keep = (layer: number, rows: Rows): void => {
      streams[layer] = (rows as Float32Array).slice();
    };
    const watched: Lane = {
      ...plain,
      onTap(tap, rows) {
        if (tap === 'embed_tokens.out') keep(0, rows);
        const [, layer] = /^layers\.(\d+)\.out$/.exec(tap) ?? [];
        if (layer !== undefined) keep(Number(layer) + 1, rows);
      },
    };
    const [whole, ofStream, wrong] = await lanesOf(
      watched,
      { ...plain, stream: (layer) => streams[layer]! },
      { ...plain, stream: (layer) => streams[layer]!.map((value) => -value) },
    );
    expect(equalShare(ofStream!, whole!)).toBe(1);
    expect(equalShare(wrong!, whole!)).toBeLessThan(1);
  });

  it('compute the same bits on weights that are streamed or packed anew, two sets of them in a layer', async () => {
    const mixed: Lane = {
      configFor: (_, part) => (part === 'down' ? exact : device),
      weightsOf: (_, part) => (part === 'down' ? 'exact' : 'device'),
      rows: POSITIONS,
    };
    const [resident] = await lanesOf(mixed, plain);
    const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-lanes-'));
    const weightCache = join(scratch, 'packed');
    const streamed = new Map<string, DeviceWeights>([
      ['device', await loadDeviceWeights(checkpoint, device, engine, { weightCache, memoryBytes: 0 })],
      ['exact', await loadDeviceWeights(checkpoint, exact, engine, { packsEachTime: true })],
    ]);
    const run = { model, engine, weights: streamed, tokenIds, promptLength: undefined };
    const [again] = await runLanes({ ...run, lanes: [mixed, plain] });
    for (const set of streamed.values()) await set.release();
    rmSync(scratch, { recursive: true });
    expect(equalShare(again!, resident!)).toBe(1);
  });

  it('are exact where every class is, and mix precisions and weights class by class', async () => {
    const exactLane: Lane = { configFor: () => exact, weightsOf: () => 'exact', rows: POSITIONS };
    const lmHeadOnly: Lane = {
      ...exactLane,
      configFor: (_, opClass) => (opClass === 'lmHead' ? device : exact),
      weightsOf: (_, part) => (part === 'lmHead' ? 'device' : 'exact'),
    };
    const [precise, head, whole] = await lanesOf(exactLane, lmHeadOnly, plain);
    const far = (row: Float32Array): number => 1 - distanceOf(golden, row, model.vocabSize).pccMinimum;
    expect(far(precise!)).toBeLessThan(1e-9);
    expect(far(head!)).toBeGreaterThan(1e-7);
    expect(far(head!)).toBeLessThan(far(whole!));
  });
});
