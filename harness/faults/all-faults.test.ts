// Faults are data: complete, told apart, seeded; each of values or rows changes rows, and none changes what it was made from.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import { ALL_FAULTS } from './all-faults.ts';
import type { Fault } from './fault.ts';
import type { FaultMaterial } from './fault-material.ts';
import type { StoredRows, StoredSequence } from './stored-rows.ts';

const VOCABULARY = 2048;
const PROMPT = 4;
const IDS = Int32Array.from({ length: 10 }, (_, i) => (i * 37 + 5) % VOCABULARY);

async function toyRows(): Promise<StoredRows> {
  const source = new ToySource(VOCABULARY);
  const sequences: StoredSequence[] = [];
  for (const [i, prompt] of ['first', 'second'].entries()) {
    const rows = new Map<number, Float32Array>();
    const tokenIds = IDS.map((id) => (id + i) % VOCABULARY);
    await source.truncate(0);
    await source.feed(tokenIds, { rows: 'all' }, ({ position, logits }) => void rows.set(position, logits.slice()));
    sequences.push({ prompt, user: 0, promptLength: PROMPT, tokenIds, rows });
  }
  return { info: source.info, vocabSize: VOCABULARY, sequences };
}

function materialOf(golden: StoredRows, seed = 1): FaultMaterial {
  return {
    golden,
    device: golden,
    seed,
    checkpoint: undefined as never,
    scratch: '/nowhere',
    openModel: async () => new ToySource(VOCABULARY),
    openCheckpoint: async () => new ToySource(VOCABULARY),
  };
}

async function rowsOf(fault: Fault, material: FaultMaterial): Promise<Float32Array[]> {
  const source = (await fault.open(material)) as LogitsSource;
  const rows: Float32Array[] = [];
  for (const { prompt, tokenIds } of material.golden.sequences) {
    await source.truncate(0);
    const want = { rows: 'all', prompt, promptLength: PROMPT } as const;
    await source.feed(tokenIds, want, ({ logits }) => void rows.push(logits.slice()));
  }
  return rows;
}

const storedRows = ({ sequences }: StoredRows): Float32Array[] => sequences.flatMap(({ rows }) => [...rows.values()]);

function digestOf(rows: readonly Float32Array[]): string {
  const hash = createHash('sha256');
  for (const row of rows) hash.update(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
  return hash.digest('hex');
}

const offline = ALL_FAULTS.filter(({ kind }) => kind === 'values' || kind === 'rows' || kind === 'context');

describe('the faults', () => {
  it('are at least 45 that must be caught, each with a name of its own', () => {
    expect(ALL_FAULTS.filter(({ expect: wanted }) => wanted === 'caught').length).toBeGreaterThanOrEqual(45);
    expect(new Set(ALL_FAULTS.map(({ id }) => id)).size).toBe(ALL_FAULTS.length);
    expect(new Set(ALL_FAULTS.map(({ name }) => name)).size).toBe(ALL_FAULTS.length);
    expect(ALL_FAULTS.filter(({ id }) => !/^[a-z\d.-]+$/.test(id))).toEqual([]);
  });

  it('say what they stand for, where it was seen and why they matter', () => {
    const texts = ALL_FAULTS.flatMap(({ name, standsFor, source, why }) => [name, standsFor, source, why]);
    expect(texts.filter((text) => text.trim().length < 5)).toEqual([]);
  });

  it.each(offline.filter(({ id }) => id !== 'golden-rows'))(
    '$id changes rows, the same ones each time',
    async (fault) => {
      const golden = await toyRows();
      const before = digestOf(storedRows(golden));
      const rows = await rowsOf(fault, materialOf(golden));
      expect(rows).toHaveLength(storedRows(golden).length);
      expect(digestOf(rows)).not.toBe(before);
      expect(digestOf(await rowsOf(fault, materialOf(golden)))).toBe(digestOf(rows));
      expect(digestOf(storedRows(golden))).toBe(before);
    },
  );

  it('that take two prompts say so where there is one', async () => {
    const golden = await toyRows();
    const one = materialOf({ ...golden, sequences: golden.sequences.slice(0, 1) });
    for (const id of ['wrong-user', 'cache-kept']) {
      const opened = await ALL_FAULTS.find((fault) => fault.id === id)!.open(one);
      expect(opened).toEqual({ unfit: 'it takes 2 prompts, and the case has 1' });
    }
  });

  it('that take a live model say so where the reference is a recording', async () => {
    const recorded = { ...materialOf(await toyRows()), openModel: undefined };
    const opened = await ALL_FAULTS.find(({ id }) => id === 'stale-token')!.open(recorded);
    expect(opened).toEqual({ unfit: expect.stringMatching(/recording/) });
  });
});
