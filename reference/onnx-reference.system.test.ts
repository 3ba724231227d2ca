import { afterEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/weights.ts';
import type { LogitsRow, TapName } from '../src/device/logits-source.ts';
import { EXIT_CODES, InputError, ReferenceFaultError, UsageError } from '../src/errors.ts';
import {
  feedInPieces,
  fixturePath,
  maxDistance,
  rangeTolerance,
  readGoldenCase,
  rmsDistance,
  wrongArgmaxRows,
} from './golden-cases.fixture.ts';
import { createReference, type Reference } from './onnx-reference.ts';
import type { ReferenceOptions } from './reference-options.ts';

const CASES = [
  { name: 'general-0', checkpoint: 'tiny-qwen2' },
  { name: 'general-1', checkpoint: 'tiny-qwen2' },
  { name: 'instruct-0', checkpoint: 'tiny-qwen2-instruct' },
  { name: 'instruct-1', checkpoint: 'tiny-qwen2-instruct' },
  { name: 'quirk-tied-f16', checkpoint: 'golden-hf/quirk-tied-f16' },
  { name: 'quirk-headdim-f32', checkpoint: 'golden-hf/quirk-headdim-f32' },
  { name: 'quirk-sharded-heavy', checkpoint: 'golden-hf/quirk-sharded-heavy' },
  { name: 'quirk-config-v5', checkpoint: 'golden-hf/quirk-config-v5' },
  { name: 'quirk-yarn', checkpoint: 'golden-hf/quirk-yarn' },
  { name: 'quirk-tied-own-head', checkpoint: 'golden-hf/quirk-tied-own-head' },
  { name: 'quirk-rope-twice', checkpoint: 'golden-hf/quirk-rope-twice' },
] as const;

const GENERAL_LAYERS = 6;
const open: Reference[] = [];

async function reference(checkpoint: string, options: Partial<ReferenceOptions> = {}): Promise<Reference> {
  const created = await createReference(openCheckpoint(fixturePath(checkpoint)), { precision: 'fp32', ...options });
  open.push(created);
  return created;
}

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** In pieces long-context.system.test.ts feeds it. */
const LONG = { name: 'general-4096', checkpoint: 'tiny-qwen2' } as const;

describe.each(CASES)('the reference on $name', ({ name, checkpoint }) => {
  const golden = readGoldenCase(`golden-hf/${name}`);

  it('is as near to float64 as float32 comes, with the same bits in one pass, in sevens and token by token', async () => {
    const source = await reference(checkpoint, { chunk: golden.tokenIds.length });
    const length = golden.tokenIds.length;
    const ways = [
      await feedInPieces(source, golden, length),
      await feedInPieces(source, golden, 7),
      await feedInPieces(source, golden, 1),
    ];
    for (const logits of ways) {
      expect(maxDistance(logits, golden.truth)).toBeLessThanOrEqual(golden.tolerance);
      expect(wrongArgmaxRows(logits, golden)).toEqual([]);
    }
    for (const logits of ways) expect(Buffer.from(logits.buffer).equals(Buffer.from(ways[0]!.buffer))).toBe(true);
  });
});

describe.each([...CASES, LONG])('the reference on $name', ({ name, checkpoint }) => {
  const golden = readGoldenCase(`golden-hf/${name}`);

  it('is as near to float64 as float32 comes with mapped weights, one thread and a short chunk', async () => {
    const source = await reference(checkpoint, { weights: 'mapped', threads: 1, chunk: 50 });
    const logits = await feedInPieces(source, golden, golden.tokenIds.length);
    expect(maxDistance(logits, golden.truth)).toBeLessThanOrEqual(golden.tolerance);
    expect(wrongArgmaxRows(logits, golden)).toEqual([]);
  });
});

describe('greedy continuation', () => {
  it.each([
    { name: 'general-0', checkpoint: 'tiny-qwen2' },
    { name: 'instruct-0', checkpoint: 'tiny-qwen2-instruct' },
    { name: 'instruct-1', checkpoint: 'tiny-qwen2-instruct' },
  ])('of $name is that of Transformers', async ({ name, checkpoint }) => {
    const golden = readGoldenCase(`golden-hf/${name}`);
    const source = await reference(checkpoint);
    const greedy = golden.greedy();
    expect(greedy.length).toBeGreaterThan(1);
    expect(await source.greedyContinuation(golden.tokenIds, greedy.length)).toEqual(greedy);
  });

  it('ends with the ending id', async () => {
    const golden = readGoldenCase('golden-hf/instruct-0');
    const source = await reference('tiny-qwen2-instruct');
    const [first, second] = golden.greedy();
    expect(await source.greedyContinuation(golden.tokenIds, 100, [second!])).toEqual(Int32Array.of(first!, second!));
  });
});

describe('taps', () => {
  const golden = readGoldenCase('golden-hf/general-0');
  const outOf = (layer: number): TapName => (layer === GENERAL_LAYERS ? 'norm.out' : `layers.${layer - 1}.out`);
  const hiddenTap = (k: number): TapName => (k === 0 ? 'embed_tokens.out' : outOf(k));

  it.each(Array.from({ length: GENERAL_LAYERS + 1 }, (_, k) => ({ tap: hiddenTap(k), tensor: `hidden.${k}` })))(
    'give $tensor at $tap, in one pass and in sevens',
    async ({ tap, tensor }) => {
      const truth = golden.tensor(tensor);
      const source = await reference('tiny-qwen2', { taps: [tap] });
      for (const piece of [golden.tokenIds.length, 7]) {
        const rows = await rowsOf(source, golden.tokenIds, piece, [tap]);
        const found = Float32Array.from(rows.slice(-8).flatMap(({ taps }) => [...taps.get(tap)!]));
        expect(maxDistance(found, truth)).toBeLessThanOrEqual(rangeTolerance(truth));
      }
    },
  );

  it('of attention and MLP add up to the residual stream', async () => {
    const names: TapName[] = ['layers.1.out', 'layers.2.self_attn.out', 'layers.2.mlp.out', 'layers.2.out'];
    const source = await reference('tiny-qwen2', { taps: names });
    const rows = await rowsOf(source, golden.tokenIds, golden.tokenIds.length, names);
    for (const { taps } of rows) {
      const [before, attention, mlp, after] = names.map((name) => taps.get(name)!);
      const sum = before!.map((value, i) => Math.fround(value + attention![i]!)).map((value, i) => value + mlp![i]!);
      expect(sum).toEqual(after);
    }
  });

  it('change no logits', async () => {
    const plain = await reference('tiny-qwen2');
    const tapped = await reference('tiny-qwen2', { taps: ['layers.0.self_attn.out', 'layers.3.out', 'norm.out'] });
    const length = golden.tokenIds.length;
    expect(await feedInPieces(tapped, golden, length)).toEqual(await feedInPieces(plain, golden, length));
  });

  it('that the reference was not created with are refused by name', async () => {
    const source = await reference('tiny-qwen2', { taps: ['norm.out'] });
    const asked = source.feed(golden.tokenIds, { rows: 'all', taps: ['layers.0.out'] }, () => {});
    await expect(asked).rejects.toThrow(UsageError);
    await expect(asked).rejects.toThrow(/found\s+layers\.0\.out\n\s+wanted\s+norm\.out/);
    const absurd = reference('tiny-qwen2', { taps: ['layers.6.out'] });
    await expect(absurd).rejects.toThrow(/found\s+layers\.6\.out/);
  });
});

describe('precision bf16', () => {
  const golden = readGoldenCase('golden-hf/general-0');

  it('errs as much as Transformers in bfloat16 does', async () => {
    const transformers = rmsDistance(golden.tensor('logits_bf16'), golden.truth);
    expect(transformers).toBeGreaterThan(100 * golden.tolerance);
    const source = await reference('tiny-qwen2', { precision: 'bf16' });
    for (const piece of [golden.tokenIds.length, 7, 1]) {
      const ratio = rmsDistance(await feedInPieces(source, golden, piece), golden.truth) / transformers;
      expect(ratio).toBeGreaterThan(0.5);
      expect(ratio).toBeLessThan(2);
    }
  });

  it.each([...new Set(CASES.map(({ checkpoint }) => checkpoint))])(
    'gives bfloat16 values on %s',
    async (checkpoint) => {
      const source = await reference(checkpoint, { precision: 'bf16', taps: ['layers.0.out'] });
      const [row] = (
        await rowsOf(
          source,
          Int32Array.from({ length: 20 }, (_, i) => 5 * i),
          20,
          ['layers.0.out'],
        )
      ).slice(-1);
      for (const values of [row!.logits, row!.taps.get('layers.0.out')!]) {
        expect(new Set(values).size).toBeGreaterThan(8);
        const bits = new Uint32Array(values.slice().buffer);
        expect(bits.every((pattern) => (pattern & 0xffff) === 0)).toBe(true);
      }
    },
  );
});

describe('a reference', () => {
  const golden = readGoldenCase('golden-hf/general-0');

  it('hands out position and id with each row, in order, over several passes', async () => {
    const source = await reference('tiny-qwen2', { chunk: 5 });
    const ids = golden.tokenIds.subarray(0, 12);
    const rows = await rowsOf(source, ids, 12);
    expect(rows.map(({ position }) => position)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(rows.map(({ tokenId }) => tokenId)).toEqual([...ids]);
    expect(source.length).toBe(12);
  });

  it('hands out the last row, or none, with the numbers that all rows have', async () => {
    const source = await reference('tiny-qwen2', { chunk: 5 });
    const all = await rowsOf(source, golden.tokenIds, golden.tokenIds.length);
    await source.truncate(0);
    const last: LogitsRow[] = [];
    await source.feed(golden.tokenIds.subarray(0, 11), { rows: 'none' }, keepIn(last));
    expect(last).toEqual([]);
    await source.feed(golden.tokenIds.subarray(11), { rows: 'last' }, keepIn(last));
    expect(last.map(({ position }) => position)).toEqual([golden.tokenIds.length - 1]);
    expect(maxDistance(last[0]!.logits, all.at(-1)!.logits)).toBeLessThanOrEqual(golden.tolerance);
  });

  it('forgets what truncate cuts off', async () => {
    const source = await reference('tiny-qwen2');
    const ids = golden.tokenIds;
    const before = await rowsOf(source, ids, ids.length);
    await source.truncate(20);
    await source.feed(Int32Array.of(7, 8, 9), { rows: 'none' }, () => {});
    await source.truncate(20);
    expect(source.length).toBe(20);
    const after = await rowsOf(source, ids.subarray(20), ids.length);
    after.forEach(({ logits }, i) => {
      expect(maxDistance(logits, before[20 + i]!.logits)).toBeLessThanOrEqual(golden.tolerance);
    });
  });

  it('waits for a sink that is busy', async () => {
    const source = await reference('tiny-qwen2');
    let busy = 0;
    await source.feed(golden.tokenIds.subarray(0, 4), { rows: 'all' }, async () => {
      expect(++busy).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 1));
      busy--;
    });
    expect(busy).toBe(0);
  });

  it('says what it is', async () => {
    const { info, vocabSize } = await reference('tiny-qwen2', { threads: 1 });
    expect(vocabSize).toBe(2048);
    expect(info).toMatchObject({
      kind: 'reference',
      model: 'tiny-qwen2',
      dtypes: { weights: 'BF16', logits: 'F32' },
      logitsFormat: 'F32',
    });
    expect(info.settings).toMatchObject({ onnxruntime: '1.30.0', precision: 'fp32', threads: 1 });
    expect(info.weightsSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('refuses ids outside the vocabulary before it consumes anything', async () => {
    const source = await reference('tiny-qwen2');
    const fed = source.feed(Int32Array.of(1, 2, 2048), { rows: 'all' }, () => {});
    await expect(fed).rejects.toThrow(InputError);
    await expect(fed).rejects.toThrow(/position\s+2\n\s+found\s+2048\n\s+wanted\s+0 to 2047/);
    expect(source.length).toBe(0);
  });

  it('refuses more positions than the model has', async () => {
    const source = await reference('golden-hf/quirk-config-v5');
    const fed = source.feed(new Int32Array(32_769), { rows: 'none' }, () => {});
    await expect(fed).rejects.toThrow(/32769 positions/);
  });

  it('refuses a chunk or threads of nothing', async () => {
    await expect(reference('tiny-qwen2', { chunk: 0 })).rejects.toThrow(UsageError);
    await expect(reference('tiny-qwen2', { threads: 1.5 })).rejects.toThrow(/found\s+1\.5/);
  });

  it('closes twice without harm and then refuses to be fed', async () => {
    const source = await reference('tiny-qwen2');
    await source.close();
    await source.close();
    const fed = source.feed(Int32Array.of(1), { rows: 'all' }, () => {});
    await expect(fed).rejects.toThrow(ReferenceFaultError);
    await expect(fed).rejects.toMatchObject({ exitCode: EXIT_CODES.referenceFault });
  });
});

function keepIn(rows: LogitsRow[]): (row: LogitsRow) => void {
  return ({ position, tokenId, logits, taps }) => {
    const copied = new Map([...taps].map(([name, values]) => [name, values.slice()]));
    rows.push({ position, tokenId, logits: logits.slice(), taps: copied });
  };
}

/** Feeds ids after what the source holds and copies the rows; a source that holds everything starts anew. */
async function rowsOf(
  source: Reference,
  tokenIds: Int32Array,
  pieceLength: number,
  taps: readonly TapName[] = [],
): Promise<LogitsRow[]> {
  const rows: LogitsRow[] = [];
  if (source.length >= tokenIds.length) await source.truncate(0);
  for (let start = 0; start < tokenIds.length; start += pieceLength) {
    await source.feed(tokenIds.subarray(start, start + pieceLength), { rows: 'all', taps }, keepIn(rows));
  }
  return rows;
}
