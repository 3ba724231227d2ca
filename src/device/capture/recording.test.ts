// Recordings: what is written is read back; parts that are missing or do not fit together are invalid.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSafetensorsHeader, writeSafetensors } from '../../checkpoint/safetensors.ts';
import { EXIT_CODES, InputError } from '../../errors.ts';
import { openRecording } from './recording.ts';
import { createRecordingWriter } from './recording-writer.ts';
import { recordTwoPrompts, TEST_INFO } from './two-prompts.fixture.ts';

const scratch = mkdtempSync(join(tmpdir(), 'qwen-pcc-recording-'));
afterAll(() => rmSync(scratch, { recursive: true }));

describe('openRecording', () => {
  const good = {
    input_ids: { dtype: 'I32' as const, shape: [4], data: Int32Array.of(3, 1, 4, 1) },
    positions: { dtype: 'I32' as const, shape: [2], data: Int32Array.of(1, 3) },
    logits: { dtype: 'F32' as const, shape: [2, 5], data: new Float32Array(10).map((_, i) => i) },
  };
  type Parts = Record<string, { dtype: 'I32' | 'F32' | 'BF16' | 'F64'; shape: number[]; data: ArrayBufferView }>;

  function record(name: string, parts: Parts, metadata: Record<string, string> = {}): string {
    const path = join(scratch, `${name}.safetensors`);
    writeSafetensors(
      path,
      Object.entries(parts).map(([tensor, part]) => ({ name: tensor, ...part })),
      metadata,
    );
    return path;
  }

  it('reads BF16 logits exactly', () => {
    const data = Uint16Array.from({ length: 10 }, (_, i) => 0x3f80 + i);
    const [prompt] = openRecording(record('bf16', { ...good, logits: { dtype: 'BF16', shape: [2, 5], data } })).prompts;
    expect(prompt!.readLogits(1)[0]).toBe(1 + 5 / 128);
  });

  it('gives each prompt its own rows where names have dots and one begins another', () => {
    const path = join(scratch, 'dots.safetensors');
    const writer = createRecordingWriter(path, TEST_INFO, {});
    const names = ['a', 'a.b', 'a.b.c', '2.5'];
    for (const [i, name] of names.entries()) {
      writer.beginPrompt(name);
      writer.addRow({ position: 0, tokenId: i, logits: Float32Array.of(i, 9, 9), taps: new Map() });
      writer.endPrompt({ inputIds: Int32Array.of(i), promptLength: 1 });
    }
    writer.finish();
    const recording = openRecording(path);
    expect(recording.prompts.map(({ name }) => name)).toEqual(names);
    for (const [i, name] of names.entries()) {
      expect(recording.find(name)!.inputIds).toEqual(Int32Array.of(i));
      expect(recording.find(name)!.readLogits(0)[0]).toBe(i);
    }
  });

  it('takes fewer tap rows than logits rows as the last ones', () => {
    const hidden = { dtype: 'F32' as const, shape: [1, 2], data: Float32Array.of(7, 8) };
    const [prompt] = openRecording(record('last-n', { ...good, 'hidden.1': hidden })).prompts;
    expect(prompt!.readTap('layers.0.out', 0)).toBeUndefined();
    expect(prompt!.readTap('layers.0.out', 1)).toEqual(Float32Array.of(7, 8));
  });

  it.each([
    { name: 'no ids', change: { input_ids: undefined }, code: 'RECORDING_MISSING' },
    { name: 'no positions, and fewer rows than tokens', change: { positions: undefined }, code: 'RECORDING_LOGITS' },
    { name: 'no logits', change: { logits: undefined }, code: 'RECORDING_MISSING' },
    {
      name: 'fewer logits rows than positions',
      change: { logits: { dtype: 'F32' as const, shape: [1, 5], data: new Float32Array(5) } },
      code: 'RECORDING_LOGITS',
    },
    {
      name: 'logits that are integers',
      change: { logits: { dtype: 'I32' as const, shape: [2, 5], data: new Int32Array(10) } },
      code: 'RECORDING_LOGITS',
    },
    {
      name: 'positions after the tokens',
      change: { positions: { dtype: 'I32' as const, shape: [2], data: Int32Array.of(1, 4) } },
      code: 'RECORDING_POSITIONS',
    },
    {
      name: 'positions that do not ascend',
      change: { positions: { dtype: 'I32' as const, shape: [2], data: Int32Array.of(3, 3) } },
      code: 'RECORDING_POSITIONS',
    },
    {
      name: 'ids that are no integers',
      change: { input_ids: { dtype: 'F32' as const, shape: [4], data: new Float32Array(4) } },
      code: 'RECORDING_IDS',
    },
    {
      name: 'a tap that the table does not have',
      change: { 'tap.layers.0.mlp': { dtype: 'F32' as const, shape: [2, 2], data: new Float32Array(4) } },
      code: 'RECORDING_TAP_NAME',
    },
    {
      name: 'more tap rows than logits rows',
      change: { 'hidden.1': { dtype: 'F32' as const, shape: [3, 2], data: new Float32Array(6) } },
      code: 'RECORDING_TAP',
    },
  ])('refuses $name with exit code 2', ({ name, change, code }) => {
    const parts = Object.fromEntries(
      Object.entries({ ...good, ...change }).filter(([, part]) => part !== undefined),
    ) as Parts;
    const path = record(name.replaceAll(' ', '-'), parts);
    expect(() => openRecording(path)).toThrow(InputError);
    expect(() => openRecording(path)).toThrow(expect.objectContaining({ code, exitCode: EXIT_CODES.usage }));
  });

  it.each([
    { name: 'a meaning of hidden that does not exist', metadata: { hidden: 'normed' } },
    { name: 'prompt names that are no JSON', metadata: { prompts: 'a, b' } },
    { name: 'a source that is no object', metadata: { source: '3' } },
  ])('refuses metadata with $name', ({ metadata }) => {
    const path = record('metadata', good, metadata);
    expect(() => openRecording(path)).toThrow(expect.objectContaining({ code: 'RECORDING_METADATA' }));
  });

  it('refuses prompts of different vocabularies', () => {
    const path = join(scratch, 'vocabularies.safetensors');
    const writer = createRecordingWriter(path, TEST_INFO);
    for (const [name, width] of [
      ['a', 5],
      ['b', 6],
    ] as const) {
      writer.beginPrompt(name);
      writer.addRow({ position: 0, tokenId: 1, logits: new Float32Array(width), taps: new Map() });
      writer.endPrompt({ inputIds: Int32Array.of(1), promptLength: 1 });
    }
    writer.finish();
    expect(() => openRecording(path)).toThrow(expect.objectContaining({ code: 'RECORDING_VOCABULARY' }));
  });

  it.each([
    { meaning: 'residual', last: 'layers.1.out' },
    { meaning: 'transformers', last: 'norm.out' },
    { meaning: undefined, last: 'norm.out' },
  ])('reads the last of hidden.0 … hidden.2 as $last when the metadata says $meaning', ({ meaning, last }) => {
    const hidden = { dtype: 'F32' as const, shape: [2, 2], data: new Float32Array(4) };
    const path = record(
      `hidden-${meaning}`,
      { ...good, 'hidden.0': hidden, 'hidden.1': hidden, 'hidden.2': hidden },
      meaning === undefined ? {} : { hidden: meaning },
    );
    expect(openRecording(path).prompts[0]!.taps).toEqual(['embed_tokens.out', 'layers.0.out', last]);
  });
});

describe('createRecordingWriter', () => {
  it('writes what openRecording reads: names in order, prompt lengths, provenance', () => {
    const recording = openRecording(recordTwoPrompts(join(scratch, 'two.safetensors')));
    expect(recording.prompts.map(({ name, promptLength }) => [name, promptLength])).toEqual([
      ['prompt-1', 2],
      ['prompt-2', 2],
    ]);
    expect([...recording.prompts[1]!.inputIds]).toEqual([5, 6, 8, 9]);
    expect(JSON.parse(recording.metadata['source']!)).toEqual(TEST_INFO);
  });

  it('writes a single prompt at the top level, as other tools do', () => {
    const path = join(scratch, 'one.safetensors');
    const writer = createRecordingWriter(path, TEST_INFO);
    writer.beginPrompt('only');
    writer.addRow({ position: 1, tokenId: 4, logits: Float32Array.of(1, 2, 3), taps: new Map() });
    writer.endPrompt({ inputIds: Int32Array.of(3, 4), promptLength: 2 });
    writer.finish();
    expect([...readSafetensorsHeader(path).tensors.keys()].sort()).toEqual(['input_ids', 'logits', 'positions']);
    expect(openRecording(path).prompts[0]!.name).toBe('only');
  });

  it('leaves nothing behind when aborted', () => {
    const folder = mkdtempSync(join(scratch, 'aborted-'));
    const path = join(folder, 'aborted.safetensors');
    const writer = createRecordingWriter(path, TEST_INFO);
    writer.beginPrompt('only');
    const taps = new Map([['norm.out' as const, Float32Array.of(1, 2)]]);
    writer.addRow({ position: 0, tokenId: 4, logits: Float32Array.of(1), taps });
    expect(readdirSync(folder)).not.toEqual([]);
    writer.abort();
    writer.abort();
    expect(readdirSync(folder)).toEqual([]);
    expect(() => openRecording(path)).toThrow(/cannot be opened or read/);
  });

  it('has each row of logits and taps on disk as soon as it is added', () => {
    const folder = mkdtempSync(join(scratch, 'spooled-'));
    const path = join(folder, 'taps.safetensors');
    const writer = createRecordingWriter(path, TEST_INFO, { tokenizerSha256: 'ab'.repeat(32) });
    const bytesOnDisk = (): number =>
      readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    const names = ['layers.0.out', 'layers.1.out', 'norm.out'] as const;
    const value = (position: number, tap: number, i: number): number => 100 * position + 10 * tap + i;
    writer.beginPrompt('only');
    for (let position = 0; position < 5; position++) {
      const taps = new Map(
        names.map((name, tap) => [name, Float32Array.of(0, 1, 2).map((i) => value(position, tap, i))]),
      );
      writer.addRow({ position, tokenId: position, logits: new Float32Array(7).fill(position), taps });
      expect(bytesOnDisk()).toBe((position + 1) * 4 * (7 + 3 * names.length));
      // The arrays are the source's again once the row was taken.
      for (const values of taps.values()) values.fill(Number.NaN);
    }
    writer.endPrompt({ inputIds: Int32Array.of(0, 1, 2, 3, 4), promptLength: 2 });
    writer.finish();
    expect(readdirSync(folder)).toEqual(['taps.safetensors']);
    const recording = openRecording(path);
    expect(recording.tokenizer).toEqual({ sha256: 'ab'.repeat(32) });
    for (const [tap, name] of names.entries()) {
      expect(recording.prompts[0]!.readTap(name, 3)).toEqual(Float32Array.of(0, 1, 2).map((i) => value(3, tap, i)));
    }
  });
});
