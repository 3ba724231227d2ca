// report.html as a file: the same bytes each time, nothing of the network, complete, small enough, for every kind of ending.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLog } from '../record/read-log.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { readRun } from '../replay/read-run.ts';
import { logLines, noisyToy, runToy, TOY_VOCABULARY, toyCase, writeLog } from '../run/toy-run.fixture.ts';
import type { WrittenRun } from '../run/write-run.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import type { LensHead } from './lens-format.ts';
import { unstartedPage } from './unstarted-page.ts';
import { type LensOptions, writeLens } from './write-lens.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-write-lens-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Every fifth row of it fails. */
const failing = (): ToySource =>
  new ToySource(TOY_VOCABULARY, (row) => {
    if (row.position % 5 === 4) row.logits.reverse();
    return row;
  });
let made: WrittenRun;
let page: string;

beforeAll(async () => {
  made = await runToy(scratch, [toyCase('a', { noisy: noisyToy, failing }), toyCase('b')]);
  page = readFileSync(path.join(made.folder, 'report.html'), 'utf8');
});

function lens(folder: string, options?: LensOptions): Readonly<Record<string, string>> {
  const replay = readRun(folder);
  return writeLens(concludeRun(replay), replay.highlights, folder, options);
}

function headOf(html: string): LensHead {
  return JSON.parse(/<script type="application\/json" id="qp-head">(.*?)<\/script>/s.exec(html)![1]!) as LensHead;
}

interface Unpacked {
  readonly columns: Readonly<Record<string, readonly number[]>>;
  readonly notes: unknown;
}

function unpack(base64: string): Unpacked {
  const bytes = inflateRawSync(Buffer.from(base64, 'base64'));
  const headBytes = bytes.readUInt32LE(0);
  const head = JSON.parse(bytes.toString('utf8', 4, 4 + headBytes)) as {
    columns: [string, string, number][];
    notes: unknown;
  };
  let at = 4 + headBytes;
  const columns = head.columns.map(([name, type, length]) => {
    const width = type === 'u8' ? 1 : 4;
    const values = Array.from({ length }, (_, i) => {
      const word = Buffer.from(Array.from({ length: width }, (_, byte) => bytes[at + byte * length + i]!));
      return type === 'u8' ? word[0]! : type === 'i32' ? word.readInt32LE() : word.readFloatLE();
    });
    at += width * length;
    return [name, values] as const;
  });
  return { columns: Object.fromEntries(columns), notes: head.notes };
}

function blockOf(html: string, id: string): Unpacked {
  return unpack(new RegExp(`id="${id.replace('.', '\\.')}">([^<]*)<`).exec(html)![1]!);
}

describe('report.html', () => {
  it('is a pure reading of the run folder: the same bytes again, run.json not needed', () => {
    rmSync(path.join(made.folder, 'run.json'));
    expect(lens(made.folder)['report.html']).toBe(page);
  });

  it('has every token of the log in its columns, in order', () => {
    const records = [...readLog(made.folder)].flatMap(({ event }): TokenRecord[] =>
      event.event === 'token' ? [event] : [],
    );
    const { sequences, cases } = headOf(page);
    expect(sequences.map(({ case: index, variant, prompt }) => `${cases[index]!.name} ${variant} ${prompt}`)).toEqual([
      ...['a noisy first', 'a failing first', 'a noisy second', 'a failing second', 'a noisy third', 'a failing third'],
      ...['b toy first', 'b toy second', 'b toy third'],
    ]);
    for (const { case: index, variant, prompt, spine, failing: count, pages } of sequences) {
      const own = records.filter(
        (one) => one.case === cases[index]!.name && one.variant === variant && one.prompt === prompt,
      );
      const { columns } = blockOf(page, spine);
      expect(columns['position']).toEqual(own.map(({ position }) => position));
      expect(columns['token']).toEqual(own.map(({ inputToken }) => inputToken.golden));
      expect(columns['pccGap']).toEqual(own.map(({ pcc }) => Math.fround(1 - pcc!)));
      expect(columns['kl']).toEqual(own.map(({ distribution }) => Math.fround(distribution!.klNats)));
      expect(count).toBe(own.filter(({ failedRules }) => failedRules.length > 0).length);
      const detail = blockOf(page, pages[0]!.id);
      expect(detail.columns['topId']).toEqual(own.flatMap(({ choice }) => choice!.top.map(({ id }) => id)));
      expect(detail.columns['topActual']).toEqual(
        own.flatMap(({ choice }) => choice!.top.map(({ logit }) => logit.actual)),
      );
    }
  });

  it('has the texts of every token that a side preferred', () => {
    const { columns, notes } = blockOf(page, 'v0');
    const { columns: top } = blockOf(page, 't0.0');
    expect(columns['id']).toEqual(expect.arrayContaining([...new Set(top['topId'])]));
    expect(notes).toEqual(columns['id']!.map((id) => `t${id}`));
  });

  it('has the regret of a flip: how much less golden likes what the device chose, and 0 where they agree', () => {
    const { columns } = blockOf(page, 's1');
    const [agreeing, flipped] = [0, 4];
    expect(columns['regret']![agreeing]).toBe(0);
    const record = [...readLog(made.folder)]
      .map(({ event }) => event)
      .find(
        (event) => event.event === 'token' && event.variant === 'failing' && event.position === flipped,
      ) as TokenRecord;
    const logit = (id: number): number => record.choice!.top.find((top) => top.id === id)!.logit.golden;
    const { top1 } = record.choice!;
    expect(columns['regret']![flipped]).toBe(Math.fround(logit(top1.golden) - logit(top1.actual)));
    expect(columns['regret']![flipped]).toBeGreaterThan(0);
  });

  it('lets nothing in: one script, by its digest, and no address', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
    const script = /<script type="module">([\s\S]*?)<\/script>/.exec(page)![1]!;
    const digest = createHash('sha256').update(script).digest('base64');
    expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-/);
    expect(policy).toContain(`script-src 'sha256-${digest}';`);
    expect(page.slice(0, page.indexOf('<script')).match(/https?:/g)).toBeNull();
    expect(page).not.toContain('<!--qp:');
  });

  it('has an app of less than 90 KB', () => {
    const app = readFileSync(new URL('../viewer/built/lens.html', import.meta.url));
    expect(app.length).toBeGreaterThan(20_000);
    expect(app.length).toBeLessThan(90_000);
  });

  it('names nothing of this machine', () => {
    expect(page).not.toContain(scratch);
    expect(page).not.toContain(process.cwd());
  });

  it('puts pages beside the file when there is no room, those without failing tokens first', () => {
    const room = 9_000;
    const files = lens(made.folder, { pageBytesMax: room });
    const pages = headOf(files['report.html']!).sequences.flatMap((one) =>
      one.pages.map((page) => ({ ...page, failing: one.failing })),
    );
    const outside = pages.filter(({ file }) => file !== undefined);
    expect(outside.length).toBeGreaterThan(0);
    expect(outside.length).toBeLessThan(pages.length);
    expect(outside.some(({ failing: count }) => count === 0)).toBe(true);
    for (const { id, file } of outside) {
      const call = new RegExp(`qpPage\\("${id.replace('.', '\\.')}","([^"]*)"\\)`).exec(files[file!]!)![1]!;
      expect(unpack(call).columns['topId']!.length).toBeGreaterThan(0);
    }
    expect(files['report.html']).toMatch(/script-src 'sha256-[^']*' 'self' file:;/);
  });

  it('of a run that was killed has what was judged, and says what ended it', () => {
    const folder = path.join(scratch, made.run.runId);
    const lines = logLines(folder);
    const whole = lines.join('\n');
    writeLog(folder, lines.slice(0, Math.floor(lines.length / 2)), '{"event":"tok');
    const html = lens(folder)['report.html']!;
    expect(html).toContain('The run ended before it could be judged');
    expect(html).toContain('RUN_UNFINISHED');
    expect(headOf(html).sequences.length).toBeGreaterThan(0);
    writeLog(folder, whole.split('\n'));
    expect(lens(folder)['report.html']).toBe(page);
  });

  it('of a run that did not start says why', () => {
    const html = unstartedPage({ code: 'X_Y', message: '</pre><script>no', exitCode: 2 }, 'qwen-pcc validate --x');
    expect(html).toContain('X_Y: &lt;/pre&gt;&lt;script&gt;no');
    expect(html).toContain('qwen-pcc validate --x');
    expect(html).not.toContain('id="qp-head"');
  });
});

describe('a run beside another', () => {
  it('has its variants of the same prompts, by its name, and the command that looks into them there', async () => {
    const other = await runToy(scratch, [toyCase('a', { noisy: failing })]);
    const replay = readRun(other.folder);
    const beside = {
      run: other.run,
      collected: (await import('./collect-run.ts')).collectRun(other.folder, other.run),
    };
    expect(replay.isComplete).toBe(true);
    const head = headOf(lens(made.folder, { beside })['report.html']!);
    const name = `noisy @ ${other.run.runId}`;
    expect(head.cases[0]!.variants.map((variant) => variant.name)).toEqual(['noisy', 'failing', name]);
    expect(head.cases[0]!.variants[2]!.from).toEqual({ folder: `reports/${other.run.runId}`, variant: 'noisy' });
    expect(head.sequences.filter(({ prompt }) => prompt === 'first').map(({ variant }) => variant)).toEqual([
      'noisy',
      'failing',
      name,
      'toy',
    ]);
  });
});
