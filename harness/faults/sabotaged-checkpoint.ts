// A copy of a checkpoint with one tensor changed, for the device side alone.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';

/**
 * Copies a checkpoint of one weight file to `folder` and lets `spoil` change the bfloat16 patterns of one tensor.
 *
 * @returns `folder`.
 */
export function copyWithTensor(
  source: string,
  folder: string,
  tensor: string,
  spoil: (patterns: Uint16Array) => void,
): string {
  cpSync(source, folder, { recursive: true });
  const entry = openCheckpoint(folder).tensors.get(tensor);
  if (entry?.kind !== 'plain' || entry.dtype !== 'BF16') throw new Error(`${source} has no bfloat16 tensor ${tensor}`);
  const file = path.join(folder, path.basename(entry.file));
  const bytes = readFileSync(file);
  const patterns = new Uint16Array(entry.lengthBytes / 2);
  for (let i = 0; i < patterns.length; i++) patterns[i] = bytes.readUInt16LE(entry.offsetBytes + 2 * i);
  spoil(patterns);
  for (let i = 0; i < patterns.length; i++) bytes.writeUInt16LE(patterns[i]!, entry.offsetBytes + 2 * i);
  writeFileSync(file, bytes);
  return folder;
}
