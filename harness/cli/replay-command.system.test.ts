// A bundle gives the numbers of its token anywhere, bit for bit; what was cut, changed or forged is refused by name.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ReplayedBundle } from '../bundle/replay-text.ts';
import { packArchive, unpackArchive } from '../bundle/zip-file.ts';
import { callCommand } from './in-process.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-bundle-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const place = (name: string): string => path.join(scratch, name);

const inspect = (...args: string[]) => callCommand(['inspect', '--out', place('reports'), ...args]);
const replay = (file: string, ...args: string[]) => callCommand(['replay', file, ...args], { cwd: place('elsewhere') });
const jsonOf = async (file: string, ...args: string[]) =>
  JSON.parse((await replay(file, '--json', ...args)).stdout) as ReplayedBundle;

function entriesOf(file: string): Map<string, Buffer> {
  return new Map(unpackArchive(file, readFileSync(file), () => 2 ** 30));
}

/** What of bundle.json is forged. */
interface Forgeable {
  readonly token: Record<string, unknown>;
  readonly logged: Record<string, unknown>;
  readonly tokenIds: number[];
  readonly spec: {
    readonly judge: { readonly rules: { readonly id: string; threshold: number }[] };
    readonly cases: { readonly prompts: { readonly promptIds: number[] }[] }[];
  };
  readonly run: object;
  readonly sides: { readonly golden: object };
  readonly files: { readonly name: string; bytes: number; sha256: string }[];
}

/** The bundle with some files changed and every digest made good again, as a forger would. */
function forged(name: string, change: (entries: Map<string, Buffer>, record: Forgeable) => void): string {
  const entries = entriesOf(place('kept.zip'));
  const record = JSON.parse(entries.get('bundle.json')!.toString()) as Forgeable;
  change(entries, record);
  for (const file of record.files) {
    const bytes = entries.get(file.name)!;
    file.bytes = bytes.length;
    file.sha256 = createHash('sha256').update(bytes).digest('hex');
  }
  entries.set('bundle.json', Buffer.from(JSON.stringify(record)));
  writeFileSync(place(name), packArchive(Array.from(entries, ([entry, bytes]) => ({ name: entry, bytes }))));
  return place(name);
}

describe('a bundle', () => {
  beforeAll(async () => {
    mkdirSync(place('elsewhere'));
    const run = [
      'validate',
      '--weights',
      'fixtures/tiny-qwen2',
      '--prompt',
      'treasury-digits',
      '--max-new-tokens',
      '2',
    ];
    await callCommand([...run, '--device', 'n150:skipLayer=3', '--out', place('reports')]);
    expect(await inspect('--first', '--bundle', place('kept.zip'))).toMatchObject({ code: 0, stdout: '' });
    expect(await inspect('--token', '20', '--bundle', place('made.zip'))).toMatchObject({ code: 0 });
    const { stderr } = await inspect('--token', '100', '--bundle', place('whole.zip'), '--with-weights');
    expect(stderr).toMatch(/^weights: 2\.8 MiB in 5 files .*, 50 of 2048 rows of the embedding/);
  });

  it.each(['kept.zip', 'made.zip', 'whole.zip'])('%s gives the numbers of the log in another folder', async (name) => {
    const moved = place(`elsewhere/${name}`);
    cpSync(place(name), moved);
    const { token, loggedDiffers, taps } = await jsonOf(moved);
    const { logged, token: said } = JSON.parse(entriesOf(moved).get('bundle.json')!.toString());
    expect(JSON.stringify(token)).toBe(JSON.stringify(said));
    expect(JSON.stringify(token)).toBe(JSON.stringify(logged));
    expect({ loggedDiffers, taps: taps.length }).toEqual({ loggedDiffers: null, taps: 18 });
  });

  it('of a token whose context was fed in other pieces has the digits of the log', async () => {
    await inspect('--token', '136', '--bundle', place('decoded.zip'));
    const { token, loggedDiffers } = await jsonOf(place('decoded.zip'));
    const { logged } = JSON.parse(entriesOf(place('decoded.zip')).get('bundle.json')!.toString());
    expect(JSON.stringify(token)).toBe(JSON.stringify(logged));
    expect(loggedDiffers).toBeNull();
  });

  it('whose log has other digits says so, and which come first', async () => {
    const other = forged('other.zip', (_, record) => {
      record.logged['pcc'] = 0.5;
    });
    expect((await jsonOf(other)).loggedDiffers).toBe('pcc');
    expect((await replay(other)).stdout).toContain("the run's log has other digits, first in pcc");
  });

  it('keeps the committed schema', () => {
    const schema = z.fromJSONSchema(JSON.parse(readFileSync('docs/schema/bundle.schema.json', 'utf8')));
    const record = JSON.parse(entriesOf(place('whole.zip')).get('bundle.json')!.toString());
    expect(schema.safeParse(record).error).toBeUndefined();
    expect(schema.safeParse({ ...record, surprise: 1 }).success).toBe(false);
  });

  it('names no place of the machine that wrote it', () => {
    const text = entriesOf(place('whole.zip')).get('bundle.json')!.toString();
    expect(text).not.toContain(scratch);
    expect(text).not.toContain(process.cwd());
  });

  it('says what each rule says, and exits with 0 for a token that fails', async () => {
    const { code, stdout } = await replay(place('kept.zip'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/golden-rank +62 +<= 20 +fail/);
    expect(stdout).toMatch(/pcc-minimum +0\.84\d+ +>= 0\.79 +pass/);
  });

  it('runs both sides again from the checkpoint in it, or from one that is given: bit-equal', async () => {
    const weights = path.resolve('fixtures/tiny-qwen2');
    for (const [file, ...args] of [
      [place('whole.zip'), '--rerun'],
      [place('kept.zip'), '--weights', weights],
    ] as const) {
      const { rerun } = await jsonOf(file, ...args);
      expect(rerun.map(({ side, different }) => [side, different])).toEqual([
        ['reference', 0],
        ['device', 0],
      ]);
    }
  });

  it('with embedding rows in other places runs again, and says that its rows are others', async () => {
    const entries = entriesOf(place('whole.zip'));
    const record = JSON.parse(entries.get('bundle.json')!.toString()) as { slices: { rows: number[] }[] };
    record.slices[0]!.rows = record.slices[0]!.rows.map((row, i) => (i === 0 && row > 0 ? row - 1 : row));
    entries.set('bundle.json', Buffer.from(JSON.stringify(record)));
    writeFileSync(place('moved.zip'), packArchive(Array.from(entries, ([name, bytes]) => ({ name, bytes }))));
    const { code, stdout } = await replay(place('moved.zip'), '--rerun');
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(/device run again .* other bits/) });
  });

  it('is refused with other weights than the run had, and asks for those that it does not have', async () => {
    const other = path.resolve('fixtures/tiny-qwen2-instruct');
    expect(await replay(place('kept.zip'), '--weights', other)).toMatchObject({
      code: expect.toSatisfy((c) => c === 2 || c === 4),
    });
    const { code, stderr } = await replay(place('kept.zip'), '--rerun');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('BUNDLE_RERUN') });
  });

  it('that lost its end or a bit is refused by name', async () => {
    const bytes = readFileSync(place('kept.zip'));
    for (const end of [0, 21, 1000, bytes.length - 1]) {
      writeFileSync(place('cut.zip'), bytes.subarray(0, end));
      expect(await replay(place('cut.zip'))).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('BUNDLE_BROKEN'),
      });
    }
    for (let at = 40; at < bytes.length - 22; at += Math.floor(bytes.length / 20)) {
      const turned = Buffer.from(bytes);
      turned[at]! ^= 16;
      writeFileSync(place('turned.zip'), turned);
      expect(await replay(place('turned.zip')), `byte ${at}`).toMatchObject({ code: 2, stdout: '' });
    }
  });

  it.each([
    ['a logit', (entries: Map<string, Buffer>) => entries.get('rows.safetensors')!.writeFloatLE(3, 400)],
    ['a tap', (entries: Map<string, Buffer>) => entries.get('taps.safetensors')!.writeFloatLE(3, 4000)],
    [
      'a number',
      (_entries: Map<string, Buffer>, { token }: Forgeable) => {
        token['pcc'] = 0.999;
      },
    ],
    [
      'a status',
      (_entries: Map<string, Buffer>, { token }: Forgeable) => {
        token['status'] = 'pass';
      },
    ],
    [
      'a limit',
      (_entries: Map<string, Buffer>, { spec }: Forgeable) => {
        for (const rule of spec.judge.rules) if (rule.id === 'golden-rank') rule.threshold = 1000;
      },
    ],
    [
      'a token of the context',
      (_entries: Map<string, Buffer>, { spec, tokenIds }: Forgeable) => {
        tokenIds[3]!++;
        spec.cases[0]!.prompts[0]!.promptIds[3]!++;
      },
    ],
  ])('in which %s was changed is refused though all digests are right', async (_what, change) => {
    const file = forged('forged.zip', (entries, record) => {
      for (const [name, bytes] of entries) entries.set(name, Buffer.from(bytes));
      change(entries, record);
    });
    expect(await replay(file)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('BUNDLE_DIFFERS'),
    });
  });

  it('has no text that steers a terminal', async () => {
    const steering = '\u001b[31mred\u001b[2J';
    const file = forged('steering.zip', (_entries, record) => {
      Object.assign(record.run, { runId: steering });
      Object.assign(record.sides.golden, { label: steering });
    });
    const { code, stdout } = await replay(file);
    expect(code).toBe(0);
    expect(stdout).not.toContain('\u001b');
  });

  it('is refused where it is none', async () => {
    writeFileSync(place('none.zip'), 'PK, but no archive');
    expect(await replay(place('none.zip'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('BUNDLE_BROKEN'),
    });
    expect(await replay(place('nowhere.zip'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('FILE_UNREADABLE'),
    });
  });

  it('needs rows: those that the run kept, or the token run again', async () => {
    const { code, stderr } = await inspect('--token', '20', '--stored', '--bundle', place('rowless.zip'));
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('BUNDLE_ROWS') });
    expect(await inspect('--first', '--stored', '--bundle', place('stored.zip'))).toMatchObject({ code: 0 });
    expect((await jsonOf(place('stored.zip'))).loggedDiffers).toBeNull();
    expect(statSync(place('stored.zip')).size).toBeLessThan(statSync(place('kept.zip')).size);
  });
});
