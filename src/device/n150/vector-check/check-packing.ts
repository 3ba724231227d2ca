// Checks the files on packing and unpacking alone: host tiles, device groups, every BFP8_B datum.
// Source: fixtures/vectors/README.md.
import { BLOCK_LENGTH, bf16FromBfp8 } from '../../../numerics/block-float.ts';
import { packDeviceBlock } from '../../../numerics/block-float-device.ts';
import { TILE_BYTES, TILE_ELEMENTS, TILE_SIDE } from '../../../tensor/tile-layout.ts';
import { packMatrix, unpackMatrix } from '../../wormhole/host-packing.ts';
import { type Comparison, comparePattern, compareValues, createComparison } from './comparison.ts';
import { float32Values, readRecords, type VectorFile } from './vector-file.ts';

const BYTES_PER_GROUP = BLOCK_LENGTH + 1;
const DEVICE_RECORD_BYTES = 2 * BLOCK_LENGTH + 2 * BYTES_PER_GROUP;
const UNPACK_FILE_BYTES = 0x1_0000 * 2;

/** bfp8-pack.bin: each group without and with double rounding. */
export function checkDevicePack(file: VectorFile): Comparison {
  const { data, records } = readRecords(file, DEVICE_RECORD_BYTES);
  const comparison = createComparison('equal bits');
  const patterns = new Uint16Array(BLOCK_LENGTH);
  const bytes = new Uint8Array(BLOCK_LENGTH);
  for (let record = 0; record < records; record++) {
    const start = record * DEVICE_RECORD_BYTES;
    for (let i = 0; i < BLOCK_LENGTH; i++) patterns[i] = data.getUint16(start + 2 * i, true);
    for (const doubleRound of [false, true]) {
      const goldenStart = start + 2 * BLOCK_LENGTH + (doubleRound ? BYTES_PER_GROUP : 0);
      const place = `group ${record}, ${doubleRound ? 'with' : 'without'} double rounding`;
      const exponent = packDeviceBlock(patterns, doubleRound, bytes);
      comparePattern(comparison, () => `${place}, shared exponent`, exponent, data.getUint8(goldenStart));
      for (let i = 0; i < BLOCK_LENGTH; i++) {
        comparePattern(comparison, () => `${place}, element ${i}`, bytes[i]!, data.getUint8(goldenStart + 1 + i));
      }
    }
  }
  return comparison;
}

/** bfp8-unpack.bin: all shared exponents times all bytes. */
export function checkUnpack(file: VectorFile): Comparison {
  const { data } = readRecords(file, UNPACK_FILE_BYTES);
  const comparison = createComparison('equal bits');
  for (let index = 0; index < 0x1_0000; index++) {
    const actual = bf16FromBfp8(index >>> 8, index & 0xff);
    comparePattern(
      comparison,
      () => `shared exponent ${index >>> 8}, byte ${index & 0xff}`,
      actual,
      data.getUint16(2 * index, true),
    );
  }
  return comparison;
}

/** host-pack-*.bin: tiles packed by ttnn's host code (nearest even), byte for byte, and unpacked. */
export function checkHostPack(file: VectorFile, format: 'BFP8_B' | 'BFP4_B'): Comparison {
  const valueBytes = 4 * TILE_ELEMENTS;
  const recordBytes = 2 * valueBytes + TILE_BYTES[format];
  const { data, records } = readRecords(file, recordBytes);
  const comparison = createComparison('equal bits');
  for (let record = 0; record < records; record++) {
    const start = record * recordBytes;
    const values = float32Values(data, start, TILE_ELEMENTS);
    const packed = packMatrix(values, TILE_SIDE, TILE_SIDE, { format, rounding: 'nearestEven' });
    for (let i = 0; i < packed.tiles.length; i++) {
      comparePattern(
        comparison,
        () => `tile ${record}, byte ${i}`,
        packed.tiles[i]!,
        data.getUint8(start + valueBytes + i),
      );
    }
    const golden = float32Values(data, start + valueBytes + TILE_BYTES[format], TILE_ELEMENTS);
    compareValues(comparison, `tile ${record}, unpacked`, unpackMatrix(packed), golden);
  }
  return comparison;
}
