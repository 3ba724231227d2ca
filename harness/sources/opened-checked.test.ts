// Whatever opens a source for a command opens a checked one.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseDeviceOptions } from '../../src/device/n150/device-options.ts';
import { openFixture } from '../../src/device/n150/graph.fixture.ts';
import { InternalError, UsageError } from '../../src/errors.ts';
import { openN150 } from './open-n150.ts';

const HARNESS = fileURLToPath(new URL('..', import.meta.url));
const CREATES = /\bcreate(?:Reference|CaptureSource|N150Source)\(/g;

describe('a source that the harness opens', () => {
  it('is checked wherever one is created, but for benchmarks and tests', () => {
    const opening = readdirSync(HARNESS, { recursive: true, encoding: 'utf8' })
      .filter(
        (file) => file.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(file) && !file.startsWith(`bench${path.sep}`),
      )
      .map((file) => ({ file, text: readFileSync(path.join(HARNESS, file), 'utf8') }))
      .map(({ file, text }) => ({
        file,
        created: text.match(CREATES)?.length ?? 0,
        checked: text.match(/\bcheckedSource\(/g)?.length ?? 0,
      }))
      .filter(({ created }) => created > 0);
    expect(opening.reduce((sum, { created }) => sum + created, 0)).toBeGreaterThanOrEqual(4);
    expect(opening.filter(({ created, checked }) => created !== checked)).toEqual([]);
  });

  it('refuses as the N150 of every command what the contract does not allow', async () => {
    const checkpoint = openFixture('golden-hf/quirk-yarn');
    const device = await openN150(checkpoint, false, parseDeviceOptions(''), { threads: 1 });
    await device.feed(Int32Array.of(1, 2), { rows: 'none' }, () => undefined);
    await expect(device.truncate(1.5)).rejects.toThrow(InternalError);
    const unknown = device.feed(Int32Array.of(1), { rows: 'all', taps: ['layers.99.out'] }, () => undefined);
    await expect(unknown).rejects.toThrow(UsageError);
    expect(device.length).toBe(2);
    await device.close();
    await expect(device.truncate(0)).rejects.toThrow(InternalError);
  });
});
