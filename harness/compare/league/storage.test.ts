// What entrants cost: bits of the files, bytes that a device reads for a token, and the bound on speed that follows.

import path from 'node:path';
import { expect, it } from 'vitest';
import { FIXTURES } from '../../../src/checkpoint/checkpoint.fixture.ts';
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { parseDeviceOptions } from '../../../src/device/n150/device-options.ts';
import { deviceStorageOf, storageOf } from './storage.ts';

const tiny = openCheckpoint(path.join(FIXTURES, 'tiny-qwen2'));
const gguf = openCheckpoint(path.join(FIXTURES, 'quantised/gguf/tiny-qwen2.gguf'));
/** Weights of a layer's matrices [128 wide, 384 in the MLP, 64 of keys and values], and of lm_head. */
const LAYER = 128 * (128 + 64 + 64 + 128) + 3 * 128 * 384;
const MLP = 3 * 128 * 384;
const HEAD = 2048 * 128;

it('a checkpoint of BF16 has 16 bits a weight and two bytes of file', () => {
  const weights = 6 * (LAYER + 128 + 64 + 64 + 2 * 128) + 2 * HEAD + 128;
  expect(storageOf(tiny)).toEqual({ bitsPerWeight: 16, fileBytes: 2 * weights, encoding: null });
});

it('a GGUF file has the bits of its blocks, scales included', () => {
  const { bitsPerWeight, fileBytes, encoding } = storageOf(gguf);
  expect(bitsPerWeight).toBeCloseTo((8 * fileBytes) / (storageOf(tiny).fileBytes / 2), 12);
  expect(bitsPerWeight).toBeGreaterThan(4);
  expect(bitsPerWeight).toBeLessThan(8);
  expect(encoding).toMatch(/GGUF|Q\d/i);
});

it.each([
  // A tile of 1024 is 1088 bytes in BFP8_B, 576 in BFP4_B.
  { knobs: '', bytes: ((6 * LAYER + HEAD) * 1088) / 1024, cache: (2 * 6 * 64 * 1088) / 1024 },
  {
    knobs: 'mlpFormat=BFP4_B',
    bytes: (6 * (LAYER - MLP) + HEAD) * (1088 / 1024) + (6 * MLP * 576) / 1024,
    cache: (2 * 6 * 64 * 1088) / 1024,
  },
  { knobs: 'weightFormat=BF16,lmHeadFormat=BF16,kvFormat=BF16', bytes: 2 * (6 * LAYER + HEAD), cache: 2 * 6 * 64 * 2 },
])('a device with "$knobs" reads its tiles for a token', ({ knobs, bytes, cache }) => {
  expect(deviceStorageOf(tiny, parseDeviceOptions(knobs))).toEqual({
    weightBytes: bytes,
    cacheBytesPerToken: cache,
    tokensPerSecondMax: 288e9 / bytes,
  });
});
