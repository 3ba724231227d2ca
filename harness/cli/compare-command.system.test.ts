// qwen-pcc compare on the tiny checkpoint: honest copies are equivalent, damage is named and worse, and one league comes out whatever the way to it.
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rewriteWeights } from '../../src/checkpoint/checkpoint.fixture.ts';
import { QUANTISED, quantisedFolder } from '../../src/checkpoint/formats/quantised-folder.fixture.ts';
import { readSafetensorsHeader, readTensor } from '../../src/checkpoint/safetensors.ts';
import { EXIT_CODES } from '../../src/errors.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { type CompareEntrant, type CompareRecord, CompareRecordSchema } from '../compare/league/compare-record.ts';
import type { WeightComparison } from '../compare/weights/weight-comparison.ts';
import { readTokens } from '../record/read-tokens.fixture.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { logLines, writeLog } from '../run/toy-run.fixture.ts';
import { noisy, plantedIn, storedAs, TINY, transposed } from './compare-variants.fixture.ts';
import { callCommand } from './in-process.fixture.ts';
import { type Finished, ROOT } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-compare-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const at = (name: string): string => path.join(scratch, name);
const PROMPTS = at('prompts.json');
const OUT = at('reports');
/** Judged of each prompt, and greedy ones after. */
const [TOKENS, GREEDY] = [60, 2];
const INSTRUCT = path.join(ROOT, 'fixtures/tiny-qwen2-instruct');
const isMatrix = (name: string): boolean => name.endsWith('proj.weight');
const LAYER = 'layers.3.self_attn';

const honest = {
  copy: () => storedAs(at('copy'), () => false, 'BF16'),
  f32: () => storedAs(at('f32'), () => true, 'F32'),
  f16: () => storedAs(at('f16'), isMatrix, 'F16'),
};
/** Where --weights-only finds each. */
const damaged = {
  transposed: { tensor: `${LAYER}.o_proj.weight`, make: (end: string) => plantedIn(at('transposed'), end, transposed) },
  scaled: {
    tensor: `${LAYER}.v_proj.weight`,
    make: (end: string) => plantedIn(at('scaled'), end, (values) => values.map((value) => 2 * value)),
  },
  biasless: {
    tensor: `${LAYER}.k_proj.bias`,
    make: (end: string) => plantedIn(at('biasless'), end, (values) => values.map(() => 0)),
  },
  headed: { tensor: 'lm_head.weight', make: () => withHeadOf(INSTRUCT, at('headed')) },
};
/** What a rounding to bfloat16 loses: tiny-qwen2 is its rounding. */
const precise = () => storedAs(at('precise'), isMatrix, 'F32', noisy(1 / 512));
const planted = () => plantedIn(at('planted'), 'lm_head.weight', noisy(0.135));

function withHeadOf(other: string, folder: string): string {
  cpSync(TINY, folder, { recursive: true });
  const data = readTensor(readSafetensorsHeader(path.join(other, 'model.safetensors')), 'lm_head.weight').bytes;
  rewriteWeights(folder, (tensors) => tensors.map((one) => (one.name === 'lm_head.weight' ? { ...one, data } : one)));
  return folder;
}

const compare = (...args: string[]): Promise<Finished> =>
  callCommand(['compare', ...args, '--out', OUT, '--threads', '2', '--resamples', '1000'], { cwd: ROOT });
const PLAN = ['--prompts', PROMPTS, '--max-new-tokens', `${GREEDY}`];
const parsed = (json: string): CompareRecord => CompareRecordSchema.parse(JSON.parse(json));

let folder: string;
let said: Finished;
let record: CompareRecord;
const entrant = (label: string): CompareEntrant => record.league.find((one) => one.label === label)!;

beforeAll(async () => {
  const general = JSON.parse(readFileSync(path.join(ROOT, 'fixtures/prompts/general.json'), 'utf8')) as {
    name: string;
    text: string;
  }[];
  const tokenizer = loadTokenizer(TINY);
  const prompts = general.map(({ name, text }) => ({ name, ids: [...tokenizer.encode(text)].slice(0, TOKENS) }));
  writeFileSync(PROMPTS, JSON.stringify(prompts));
  const gptq = path.join(scratch, 'gptq');
  cpSync(quantisedFolder('gptq', scratch), gptq, { recursive: true });
  const variants = [
    ...Object.values(honest).map((make) => make()),
    ...Object.values(damaged).map(({ tensor, make }) => make(tensor)),
    planted(),
    precise(),
    path.join(QUANTISED, 'gguf/tiny-qwen2.gguf'),
    gptq,
  ];
  said = await compare(TINY, ...variants, ...PLAN, '--json');
  folder = realpathSync(path.join(OUT, 'last'));
  record = parsed(said.stdout);
});

describe('one league of honest and damaged checkpoints', () => {
  it('is printed by its schema, every entrant with Q, D and T', () => {
    expect(said.code, said.stderr).toBe(0);
    expect(said.stdout).toBe(readFileSync(path.join(folder, 'compare.json'), 'utf8'));
    expect(record).toMatchObject({ base: 'tiny-qwen2', prompts: 8, tokens: 8 * (TOKENS + GREEDY), leftOut: [] });
    expect(record.league.map(({ label }) => label)).toEqual([
      'tiny-qwen2',
      ...Object.keys(honest),
      ...Object.keys(damaged),
      ...['planted', 'precise', 'tiny-qwen2.gguf', 'gptq'],
    ]);
    for (const { checkpoint, device, total, label } of record.league.slice(1)) {
      expect(
        [checkpoint, device, total].map((one) => one?.tokens),
        label,
      ).toEqual(new Array(3).fill(record.tokens));
    }
    expect(entrant('tiny-qwen2.gguf').storage!.bitsPerWeight).toBeLessThan(8);
    expect(entrant('gptq').storage!.bitsPerWeight).toBeLessThan(16);
    expect(entrant('f32').storage!.bitsPerWeight).toBe(32);
  });

  it.each(Object.keys(honest))('calls %s equivalent', (label) => {
    expect(entrant(label).text).toBe('equivalent');
  });

  it('calls the KL of a rounding to bfloat16 equivalent; a few tokens of choices prove no point of top-1', () => {
    const { checkpoint, readings, word } = entrant('precise');
    expect(checkpoint!.klMean).toBeLessThan(1e-4);
    expect(readings[0]).toMatchObject({ metric: 'KL', word: 'equivalent' });
    expect(word).not.toBe('worse');
  });

  it.each([...Object.keys(damaged), 'planted'])('calls %s worse', (label) => {
    expect(entrant(label).word).toBe('worse');
  });

  it.each(Object.entries(damaged).map(([name, { tensor }]) => ({ name, tensor })))(
    'has $name, which --weights-only finds in $tensor and nowhere else',
    async ({ name, tensor }) => {
      const { code, stdout } = await callCommand(['compare', TINY, at(name), '--weights-only', '--json']);
      expect(code).toBe(1);
      const { relation, tensors } = JSON.parse(stdout) as WeightComparison;
      expect(relation).toBe('faulty');
      expect(tensors.flatMap((one) => (one.diagnoses.length > 0 ? [one.name] : []))).toEqual([
        expect.stringMatching(new RegExp(`${tensor}$`)),
      ]);
    },
  );

  it("knows the package's checkpoints by their names, as validate does", async () => {
    const [named, placed] = [
      await callCommand(['compare', 'general', 'instruct', '--weights-only', '--json']),
      await callCommand(['compare', TINY, INSTRUCT, '--weights-only', '--json']),
    ];
    expect(named).toEqual(placed);
  });

  it('has honest ones that --weights-only lets pass', async () => {
    for (const name of Object.keys(honest))
      expect((await callCommand(['compare', TINY, at(name), '--weights-only'])).code, name).toBe(0);
  });

  it('sees the damage that was planted as what it is: about 0.01 nat, of the checkpoint and not of the device', () => {
    const { checkpoint, device, total, readings } = entrant('planted');
    const base = entrant('tiny-qwen2').total.klMean!;
    expect(readings[0]).toMatchObject({ metric: 'KL', word: 'worse' });
    expect(readings[0]!.difference).toBeCloseTo(0.01, 2);
    expect(checkpoint!.klMean).toBeCloseTo(0.01, 2);
    expect(device!.klMean! / base).toBeCloseTo(1, 0);
    expect(total.klMean! - base).toBeCloseTo(readings[0]!.difference!, 9);
  });

  it('names places outside the folder it was typed in from there, and none absolutely', () => {
    for (const file of ['compare.json', 'compare.md', 'sweep_results.json']) {
      const text = readFileSync(path.join(folder, file), 'utf8').replaceAll(`../`, '<up>');
      for (const place of [scratch, ROOT, homedir()]) expect(text, file).not.toContain(place);
    }
    expect(record.command).toContain(path.relative(ROOT, scratch));
  });

  it('is told again from its folder alone, and --fail-on makes what is worse an exit code', async () => {
    const { stdout, code } = await compare(folder, '--json', '--fail-on', 'worse');
    expect(code).toBe(1);
    expect(stdout).toBe(said.stdout);
  });
});

/** What a row says, whatever the run calls it. */
const numbersOf = ({ position, inputToken, contextHash, pcc, moments, hygiene, distribution, choice }: TokenRecord) => {
  return { position, inputToken, contextHash, pcc, moments, hygiene, distribution, choice };
};
const FIRST = 'senate-and-house';
const rowsIn = (run: string, variant?: string): object[] =>
  readTokens(run)
    .filter((one) => one.prompt === FIRST && (variant === undefined || one.variant === variant))
    .map(numbersOf);
/**
 * `compare` streams the weights of a quantised variant's reference, `validate` keeps them in memory: sums round in another order, which moves logits of some
 * tens by 1e-5 at most. A margin in ULP of 1/8 makes eight times that of it, decibels of a small error a few times.
 */
const NEARLY = 1e-4;
const nearly = (value: unknown): unknown => {
  if (typeof value === 'number') {
    const within = NEARLY * Math.max(1, Math.abs(value));
    return Number.isInteger(value) ? value : expect.closeTo(value, -Math.log10(2 * within));
  }
  if (Array.isArray(value)) return value.map(nearly);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, nearly(inner)]));
};
const validate = async (...args: string[]): Promise<object[]> => {
  await callCommand(['validate', ...args, '--prompt', FIRST, '--out', OUT, '--threads', '2']);
  return rowsIn(realpathSync(path.join(OUT, 'last')));
};

describe('the three differences', () => {
  const GGUF = path.join(QUANTISED, 'gguf/tiny-qwen2.gguf');

  it('T is what validate --device-weights judges', async () => {
    const wanted = await validate('--weights', TINY, '--device-weights', GGUF, ...PLAN);
    expect(wanted).toHaveLength(TOKENS + GREEDY);
    expect(rowsIn(folder, entrant('tiny-qwen2.gguf').variants.total)).toEqual(wanted);
  });

  it.each([
    { label: 'precise', weights: at('precise'), as: (rows: unknown) => rows, to: 'the bit' },
    { label: 'tiny-qwen2.gguf', weights: GGUF, as: nearly, to: 'last bits' },
  ])(
    'D of $label is what validate --weights VARIANT judges at the same tokens, to $to',
    async ({ label, weights, as }) => {
      const rows = rowsIn(folder, entrant(label).variants.total) as ReturnType<typeof numbersOf>[];
      const ids = rows.map(({ inputToken }) => inputToken.golden);
      const forced = at('forced.json');
      writeFileSync(
        forced,
        JSON.stringify([{ name: FIRST, ids: ids.slice(0, TOKENS), continuation: ids.slice(TOKENS) }]),
      );
      const wanted = await validate('--weights', weights, '--prompts', forced);
      expect(wanted).toHaveLength(TOKENS + GREEDY);
      expect(rowsIn(folder, entrant(label).variants.device!)).toEqual(as(wanted));
    },
  );
});

describe('a comparison that stops', () => {
  const SHORT = [TINY, path.join(scratch, 'biasless'), 'kv-bf16', ...PLAN, '--prompt', FIRST, 'long-words'];
  let whole: CompareRecord;
  let wholeFolder: string;
  beforeAll(async () => {
    whole = parsed((await compare(...SHORT, '--json')).stdout);
    wholeFolder = realpathSync(path.join(OUT, 'last'));
  });

  it.each([20, 200, 350])('by a kill after %i lines is the whole one after --resume', async (lines) => {
    const killed = path.join(OUT, `killed-${lines}`);
    cpSync(wholeFolder, killed, { recursive: true });
    rmSync(path.join(killed, 'compare.json'));
    writeLog(killed, logLines(killed).slice(0, lines), '{"event":"tok');
    const { stdout, code, stderr } = await compare('--resume', killed, '--json');
    expect(code, stderr).toBe(0);
    expect({ ...parsed(stdout), runId: whole.runId }).toEqual(whole);
  });

  it('is no failure, unless --fail-on asks for the word that it has', async () => {
    expect(whole.league.map(({ word }) => word)).toEqual(['base', 'undecided', 'undecided']);
    const codeOf = async (...args: string[]): Promise<number | null> => (await compare(wholeFolder, ...args)).code;
    expect(await codeOf()).toBe(0);
    expect(await codeOf('--fail-on', 'worse')).toBe(0);
    expect(await codeOf('--fail-on', 'undecided')).toBe(1);
  });

  it('by its budget says how to go on, and that leads to the whole one', async () => {
    const { stderr } = await compare(...SHORT, '--budget', '0.000001s');
    const [, run] = /go on with qwen-pcc compare --resume (\S+)$/m.exec(stderr) ?? [];
    // Without a league the report is there all the same, as it is of any run.
    expect(readFileSync(path.join(run!, 'report.html'), 'utf8')).not.toContain('id="comparison"');
    const { stdout } = await compare('--resume', run!, '--json');
    expect({ ...parsed(stdout), runId: whole.runId, command: whole.command }).toEqual(whole);
    expect(readFileSync(path.join(run!, 'report.html'), 'utf8')).toContain('id="comparison"');
  });
});

it('says on stderr why its exit code is not that of the league: rows that cannot be compared', async () => {
  // Finite values, whose logits are beyond float32.
  const huge = plantedIn(at('huge'), 'lm_head.weight', (values) => values.map((value) => Math.sign(value) * 3e38));
  const { code, stderr } = await compare(TINY, huge, ...PLAN, '--prompt', 'senate-and-house');
  expect(code, stderr).toBe(EXIT_CODES.comparisonInvalid);
  expect(stderr).toMatch(/^comparison invalid: finite: nonFinite \d+ > 0 at .*n150@huge/m);
});

it('compares references alone with --device none, recordless and with the damage of the checkpoint', async () => {
  const args = [TINY, path.join(scratch, 'copy'), path.join(scratch, 'headed'), '--device', 'none', ...PLAN];
  const { league, base } = parsed((await compare(...args, '--json')).stdout);
  expect(base).toBe('tiny-qwen2');
  expect(league.map(({ label, word, device }) => ({ label, word, device }))).toEqual([
    { label: 'copy', word: 'equivalent', device: null },
    { label: 'headed', word: 'worse', device: null },
  ]);
  expect(league[1]!.checkpoint).toEqual(league[1]!.total);
  expect(league[1]!.total.klMean).toBe(entrant('headed').checkpoint!.klMean);
});

it('compares two runs: exit code 1 where a token newly fails', async () => {
  const runs: string[] = [];
  for (const device of ['n150', 'n150:weightFormat=BFP4_B,lmHeadFormat=BFP4_B']) {
    await validate('--weights', TINY, '--device', device, ...PLAN);
    runs.push(realpathSync(path.join(OUT, 'last')));
  }
  const { code, stdout, stderr } = await compare(...runs, '--json');
  expect(code, stderr).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ exitCode: 1 });
  expect((await compare(runs[1]!, runs[0]!)).code).toBe(0);
});
