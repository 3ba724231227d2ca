// The device model as a source of logits: same bits however a prompt is fed and by however many threads, taps, knobs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../errors.ts';
import type { LogitsRow, TapName } from '../logits-source.ts';
import { createKernelMatmulEngine } from '../wormhole/kernels/kernel-matmul-engine.ts';
import type { MatmulEngine } from '../wormhole/matmul-engine.ts';
import { createPlainMatmulEngine } from '../wormhole/matrix-unit/matmul.ts';
import { KNOB_NAMES } from './compute-config.ts';
import { parseDeviceOptions } from './device-options.ts';
import { distanceOf, equalShare, openFixture, readGoldenCase, runDevice } from './graph.fixture.ts';
import { createN150Source } from './n150-source.ts';

/** Holds the event loop up, as a layer does. */
function sleepOnThisThread(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

const checkpoint = openFixture('tiny-qwen2');
const vocabSize = checkpoint.config.vocabSize;
const { tokenIds, logits: golden } = readGoldenCase('general-0');
/** Crosses a border of attention's chunks of 32. */
const ids = tokenIds.slice(0, 40);

let engine: MatmulEngine;
beforeAll(async () => {
  engine = await createKernelMatmulEngine({ threads: 2 });
});
afterAll(() => engine.close());

describe('N150 source', () => {
  it.each(['tier=fast', 'tier=exact', 'tier=exact,recipe=ttnn-0.81', 'tier=fp32'])(
    'gives the same bits for a prompt at once, in pieces and token by token (%s)',
    async (options) => {
      const atOnce = await runDevice(checkpoint, engine, options, ids);
      const inPieces = await runDevice(checkpoint, engine, options, ids, [7, 21, 11, 1]);
      const singly = await runDevice(
        checkpoint,
        engine,
        options,
        ids,
        Array.from(ids, () => 1),
      );
      expect(new Set(atOnce).size).toBeGreaterThan(200);
      expect(equalShare(inPieces, atOnce)).toBe(1);
      expect(equalShare(singly, atOnce)).toBe(1);
    },
  );

  it.each(['tier=fast', 'tier=exact'])(
    'gives the same bits by 1, 2 and 3 threads and by the twins (%s)',
    async (options) => {
      const few = ids.slice(0, 5);
      const byTwo = await runDevice(checkpoint, engine, options, few);
      for (const threads of [1, 3]) {
        const other = await createKernelMatmulEngine({ threads });
        expect(equalShare(await runDevice(checkpoint, other, options, few), byTwo)).toBe(1);
        await other.close();
      }
      const byTwins = await runDevice(checkpoint, createPlainMatmulEngine(), options, few);
      expect(equalShare(byTwins, byTwo)).toBe(1);
    },
  );

  it('forgets what truncate takes away', async () => {
    const source = await createN150Source(checkpoint, parseDeviceOptions(''), engine);
    const rows: Float32Array[] = [];
    const keep = ({ logits }: { logits: Float32Array }): void => void rows.push(logits.slice());
    await source.feed(ids.subarray(0, 10), { rows: 'last' }, keep);
    await source.truncate(5);
    expect(source.length).toBe(5);
    await source.feed(Int32Array.of(1, 2, 3), { rows: 'none' }, keep);
    await source.truncate(5);
    await source.feed(ids.subarray(5, 10), { rows: 'last' }, keep);
    expect(rows).toHaveLength(2);
    expect(equalShare(rows[1]!, rows[0]!)).toBe(1);
    await source.close();
  });

  it('gives up between two layers when its feed is aborted, and runs the sequence anew after that', async () => {
    const source = await createN150Source(checkpoint, parseDeviceOptions(''), engine);
    const rows: Float32Array[] = [];
    const keep = ({ logits }: { logits: Float32Array }): void => void rows.push(logits.slice());
    await source.feed(ids, { rows: 'last' }, keep);
    await source.truncate(0);
    const aborted = source.feed(ids, { rows: 'last', signal: AbortSignal.abort() }, keep);
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    await source.truncate(0);
    await source.feed(ids, { rows: 'last' }, keep);
    expect(rows).toHaveLength(2);
    expect(equalShare(rows[1]!, rows[0]!)).toBe(1);
    await source.close();
  });

  it('serves timers and signals while weights are resident: a timer that aborts is heard before layer 3 of 6', async () => {
    const source = await createN150Source(checkpoint, parseDeviceOptions('tier=exact'), engine);
    const stop = new AbortController();
    const done: number[] = [];
    setTimeout(() => stop.abort(), 20);
    const aborted = source.feed(
      tokenIds,
      {
        rows: 'last',
        signal: stop.signal,
        // However fast a layer is, the timer is due while the first one runs.
        onLayer: (layer) => done.push(layer) === 1 && sleepOnThisThread(30),
      },
      () => {},
    );
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(checkpoint.config.layers).toBe(6);
    expect(done.length).toBeLessThan(3);
    await source.close();
  });

  it('hands out no row when it is aborted after the last layer, while the lm_head is multiplied', async () => {
    const source = await createN150Source(checkpoint, parseDeviceOptions(''), engine);
    const stop = new AbortController();
    const { layers } = checkpoint.config;
    const want = {
      rows: 'all',
      signal: stop.signal,
      onLayer: (done: number) => void (done === layers && setImmediate(() => stop.abort())),
    } as const;
    let rows = 0;
    await expect(source.feed(ids, want, () => void rows++)).rejects.toMatchObject({ name: 'AbortError' });
    expect(rows).toBe(0);
    await source.close();
  });

  it('gives the same bits and taps for a last row as among all rows', async () => {
    const taps: TapName[] = [
      'embed_tokens.out',
      'layers.4.out',
      'layers.5.self_attn.out',
      'layers.5.mlp.out',
      'norm.out',
    ];
    const kept: { position: number; logits: Float32Array; taps: Float32Array[] }[] = [];
    const keep = (row: LogitsRow): void => {
      const { position } = row;
      kept.push({ position, logits: row.logits.slice(), taps: taps.map((tap) => row.taps.get(tap)!.slice()) });
    };
    const source = await createN150Source(checkpoint, parseDeviceOptions(''), engine);
    await source.feed(ids, { rows: 'all', taps }, keep);
    const last = kept.at(-1)!;
    kept.length = 0;
    await source.truncate(0);
    await source.feed(ids.subarray(0, 20), { rows: 'none', taps }, keep);
    await source.feed(ids.subarray(20), { rows: 'last', taps }, keep);
    expect(kept).toEqual([last]);
    expect(last.taps.map((tap) => tap.length)).toEqual(taps.map(() => checkpoint.config.hiddenSize));
    await source.close();
  });

  it('hands out rows in order with position, id and only the taps asked for', async () => {
    const source = await createN150Source(checkpoint, parseDeviceOptions(''), engine);
    const taps: TapName[] = [
      'embed_tokens.out',
      'layers.0.self_attn.out',
      'layers.0.mlp.out',
      'layers.0.out',
      'norm.out',
    ];
    const seen: string[] = [];
    await source.feed(ids.subarray(0, 3), { rows: 'all', taps }, (row) => {
      seen.push(`${row.position}:${row.tokenId}`);
      expect([...row.taps.keys()]).toEqual(taps);
      const at = (tap: TapName, i: number): number => row.taps.get(tap)![i]!;
      for (let i = 0; i < 5; i++) {
        const sum = at('embed_tokens.out', i) + at('layers.0.self_attn.out', i) + at('layers.0.mlp.out', i);
        // Two additions, each rounded to 8 significant bits of values below 1.
        expect(Math.abs(at('layers.0.out', i) - sum)).toBeLessThan(2 * 2 ** -8 * Math.max(1, Math.abs(sum)));
      }
    });
    expect(seen).toEqual([0, 1, 2].map((position) => `${position}:${ids[position]}`));
    await source.close();
  });

  it('refuses token ids outside the vocabulary', async () => {
    const source = await createN150Source(checkpoint, parseDeviceOptions(''), engine);
    await expect(source.feed(Int32Array.of(vocabSize), { rows: 'all' }, () => {})).rejects.toThrow(InputError);
    await source.close();
  });

  it('names recipe, tier, formats, every knob and what was derived', async () => {
    const packed: string[] = [];
    const options = parseDeviceOptions('tier=exact,recipe=ttnn-0.81');
    const source = await createN150Source(checkpoint, options, engine, {
      onPacking: (done, total) => packed.push(`${done}/${total}`),
    });
    expect(source.info.label).toBe('N150 device model, tier exact, recipe ttnn-0.81, grid 8x8');
    expect(source.info.weightsSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(source.info.dtypes).toMatchObject({ weights: 'BFP8_B', kvCache: 'BFP8_B', logits: 'BFP8_B' });
    for (const name of KNOB_NAMES) expect(source.info.settings[name]).toBe(options[name]);
    expect(source.info.settings).toMatchObject({
      gridRows: 8,
      layerNormCores: '4 x 1 tiles',
      attentionCoresPerHead: 1,
      linearCores: 'qkv 4, o 4, gate and up 4, down 12, lm_head 4',
      kBlocks: 'qkv, gate, up, lm_head 4, o 4, down 12',
    });
    expect(packed.at(-1)).toBe('7/7');
    await source.close();
  });
});

describe('debugging knobs', () => {
  it.each([
    { knob: 'skipLayer=2', pcc: 0.99 },
    { knob: 'ropePositionOffset=1', pcc: 1 },
  ])('$knob changes the logits', async ({ knob, pcc }) => {
    const plain = await runDevice(checkpoint, engine, 'tier=fast', ids.subarray(0, 20));
    const changed = await runDevice(checkpoint, engine, `tier=fast,${knob}`, ids.subarray(0, 20));
    expect(equalShare(changed, plain)).toBeLessThan(0.9);
    expect(distanceOf(golden, changed, vocabSize).pccMinimum).toBeLessThan(pcc);
  });

  describe('demoRotOffByOne', () => {
    const few = ids.slice(0, 14);
    const promptLength = 10;
    const singly = Array.from(few, () => 1);
    const rows = (logits: Float32Array, from: number, to: number): Float32Array =>
      logits.subarray(from * vocabSize, to * vocabSize);

    it.each(['tier=fast', 'tier=exact'])(
      'acts on the first position after the prompt, however it is fed (%s)',
      async (tier) => {
        const plain = await runDevice(checkpoint, engine, tier, few);
        const knob = `${tier},demoRotOffByOne=true`;
        const behind = await runDevice(checkpoint, engine, knob, few, singly, promptLength);
        expect(equalShare(rows(behind, 0, promptLength), rows(plain, 0, promptLength))).toBe(1);
        // Later rows differ too: the key of that position stays rotated by one less.
        expect(equalShare(rows(behind, promptLength, 14), rows(plain, promptLength, 14))).toBeLessThan(0.9);
        const inChunks = await runDevice(checkpoint, engine, knob, few, [10, 1, 3], promptLength);
        expect(equalShare(inChunks, behind)).toBe(1);
        const atOnce = await runDevice(checkpoint, engine, knob, few, [14], promptLength);
        expect(equalShare(atOnce, behind)).toBe(1);
      },
    );

    it('acts once a sequence: feeding the rest again without its prompt length gives the plain bits', async () => {
      const source = await createN150Source(checkpoint, parseDeviceOptions('demoRotOffByOne=true'), engine);
      const lastRow = async (want: { promptLength?: number }): Promise<Float32Array> => {
        let last = new Float32Array();
        await source.truncate(promptLength);
        for (const id of few.subarray(source.length)) {
          await source.feed(Int32Array.of(id), { rows: 'all', ...want }, ({ logits }) => {
            last = logits.slice();
          });
        }
        return last;
      };
      const behind = await lastRow({ promptLength });
      const plain = rows(await runDevice(checkpoint, engine, '', few), 13, 14);
      expect(equalShare(behind, plain)).toBeLessThan(0.9);
      expect(equalShare(await lastRow({}), plain)).toBe(1);
      expect(equalShare(await lastRow({ promptLength }), behind)).toBe(1);
      await source.close();
    });

    it('does nothing where no prompt length is known', async () => {
      const plain = await runDevice(checkpoint, engine, '', few);
      expect(equalShare(await runDevice(checkpoint, engine, 'demoRotOffByOne=true', few, singly), plain)).toBe(1);
    });
  });
});
