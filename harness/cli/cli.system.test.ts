// Facts about the command line, as a user meets it; where streams, signals, folders or the build are the point, as a child process.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRunRecord } from '../record/json-schema.ts';
import { readRunEvent } from '../record/read-log.ts';
import { readTokensWithoutTiming } from '../record/read-tokens.fixture.ts';
import { shownCommand } from '../run/shown-command.ts';
import { callCommand } from './in-process.fixture.ts';
import { type Finished, MAIN, ROOT, type SpawnedCommand, spawnCommand } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-cli-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** One short prompt: enough to run everything. */
const SHORT = [
  '--weights',
  'fixtures/tiny-qwen2',
  '--prompt',
  'senate-and-house',
  '--max-new-tokens',
  '4',
  '--out',
  scratch,
];

const NO_VARIABLES = { FAKE_DEVICE: '', WH_ARCH_YAML: '' };
const start = (args: readonly string[], cwd: string = ROOT): SpawnedCommand => spawnCommand(args, NO_VARIABLES, cwd);
const qwenPcc = (...args: string[]): Promise<Finished> => callCommand(args, { environment: NO_VARIABLES });
const lastRun = (): string => path.join(scratch, 'last');

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error('dist is missing: run `npm run build` before these tests');
});

describe('qwen-pcc --help', () => {
  it('documents every exit code', async () => {
    const { code, stdout } = await start(['--help']).finished;
    expect(code).toBe(0);
    for (const exitCode of [0, 1, 2, 3, 4, 5, 70, 130])
      expect(stdout).toMatch(new RegExp(`^ +${exitCode} {2}\\w`, 'm'));
  });

  it('lists every knob of the device', async () => {
    const { stdout } = await qwenPcc('validate', '--help');
    expect(stdout).toMatch(/tier=exact\|fast\|fp32 {2}\[fast\]/);
  });
});

describe('qwen-pcc validate', () => {
  it('passes on the tiny checkpoint, data on stdout, a line for machines at the end', async () => {
    const { code, stdout, stderr } = await start(['validate', ...SHORT]).finished;
    expect(code).toBe(0);
    expect(stderr).toBe(
      'at most 158 tokens\ngeneral_weights-1_batch · senate-and-house · 0 of at most 158 tokens done\n',
    );
    expect(stdout).toMatch(/^general_weights-1_batch · tiny-qwen2 · N150 device model/);
    expect(stdout).toMatch(
      /\nPASS {2}158 of 158 tokens judged.*\nlens {2}.*report\.html\n1 prompt and \d+ rules: \d+ passed, 0 failed\n$/,
    );
    expect(readdirSync(lastRun()).sort()).toEqual([
      'junit.xml',
      'local.json',
      'report.html',
      'run.json',
      'run.jsonl',
      'summary.md',
    ]);
    expect(readRunRecord(lastRun()).exitCode).toBe(0);
  });

  it('prints run.json with --json', async () => {
    const { stdout } = await qwenPcc('validate', ...SHORT, '--json');
    expect(stdout).toBe(readFileSync(path.join(lastRun(), 'run.json'), 'utf8'));
  });

  it('fails with 1 below the threshold, keeps evidence, and can be inspected and resumed', async () => {
    const args = [...SHORT, '--threshold', '1'];
    const failed = await qwenPcc('validate', ...args);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toMatch(
      /\nFAIL {2}.*\nlens {2}.*report\.html#.*\nnext {2}qwen-pcc inspect .*\n1 prompt and \d+ rules: \d+ passed, [1-9]\d* failed\n$/,
    );
    expect(readdirSync(path.join(lastRun(), 'evidence')).length).toBeGreaterThan(0);

    const inspected = await qwenPcc('inspect', '--out', scratch, '--token', '40');
    expect(inspected.code).toBe(0);
    expect(inspected.stdout).toMatch(
      /position 40[\s\S]*worst vocabulary entries[\s\S]*layers\.5\.out[\s\S]*again +qwen-pcc inspect/,
    );

    const before = readTokensWithoutTiming(lastRun());
    for (const options of [args, ['--out', scratch]]) {
      const resumed = await qwenPcc('validate', ...options, '--resume', 'last');
      expect(resumed.code).toBe(1);
      expect(readTokensWithoutTiming(lastRun())).toEqual(before);
    }
  });

  it('refuses to resume with other options', async () => {
    await qwenPcc('validate', ...SHORT);
    const { code, stderr } = await qwenPcc('validate', ...SHORT, '--threshold', '0.5', '--resume', 'last');
    expect(code).toBe(2);
    expect(stderr).toMatch(/RESUME_DIFFERS[\s\S]*pccMinimum/);
  });

  it('stops cleanly at Ctrl-C with 130 and keeps what was judged', async () => {
    const { child, finished } = start(['validate', ...SHORT.slice(0, 2), '--out', scratch]);
    const log = path.join(scratch, 'last', 'run.jsonl');
    const previous = existsSync(log) ? readRunEvent(lastRun()).runId : undefined;
    await expect
      .poll(
        () =>
          existsSync(log) &&
          readRunEvent(lastRun()).runId !== previous &&
          readFileSync(log, 'utf8').includes('"event":"token"'),
        { timeout: 30_000 },
      )
      .toBe(true);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await finished;
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopping after this token/);
    expect(stdout).toMatch(/\nnext {2}go on with: qwen-pcc validate --resume /);
    expect(readRunRecord(lastRun())).toMatchObject({ exitCode: 130, verdict: { status: 'error' } });
    expect(readTokensWithoutTiming(lastRun()).length).toBeGreaterThan(0);
  });

  it('calls a recording of other tokens invalid, with 4', async () => {
    const recording = 'capture:fixtures/golden-ttnn/general-1-accurate-exp.safetensors';
    const args = ['--prompts', 'fixtures/prompts/general.json', ...SHORT, '--device', recording];
    const { code, stdout, stderr } = await qwenPcc('validate', ...args);
    expect(code).toBe(4);
    expect(stderr).toMatch(/the recording is of other tokens than the plan/);
    expect(stdout).toMatch(/\nINVALID {2}/);
  });

  it('finds its fixtures from any folder', async () => {
    const { code, stderr } = await start(['validate', '--prompt', 'nobody'], scratch).finished;
    expect(code).toBe(2);
    expect(stderr).toMatch(/general_weights-1_batch.*senate-and-house/);
  });
});

describe('qwen-pcc record', () => {
  it('writes rows that stand in for the reference and bring their own plan', async () => {
    const file = path.join(scratch, 'golden.safetensors');
    const recorded = await qwenPcc('record', ...SHORT.slice(0, 6), '--out', file);
    expect(recorded.code).toBe(0);
    const { code, stdout } = await qwenPcc('validate', '--reference', `golden:${file}`, '--out', scratch);
    expect(code).toBe(0);
    expect(stdout).toMatch(/158 of 158 tokens judged/);
  });

  it('does not replace a file unless told to', async () => {
    const file = path.join(scratch, 'there.safetensors');
    writeFileSync(file, 'mine');
    const { code, stderr } = await qwenPcc('record', ...SHORT.slice(0, 6), '--out', file);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--force/);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it('is refused as golden of other weights', async () => {
    const file = path.join(scratch, 'other.safetensors');
    await qwenPcc('record', ...SHORT.slice(0, 6), '--out', file);
    const args = [
      'validate',
      '--weights',
      'fixtures/tiny-qwen2-instruct',
      '--reference',
      `golden:${file}`,
      '--out',
      scratch,
    ];
    const { code, stderr } = await qwenPcc(...args);
    expect(code).toBe(4);
    expect(stderr).toMatch(/GOLDEN_OF_OTHER_WEIGHTS/);
  });
});

describe('qwen-pcc doctor', () => {
  it('describes machine and checkpoints', async () => {
    const { code, stdout } = await qwenPcc('doctor');
    expect(code).toBe(0);
    expect(stdout).toMatch(/memory[\s\S]*disk[\s\S]*onnxruntime-node[\s\S]*tiny-qwen2-instruct/);
  });

  it('finds vectors reproduced, and names a mismatch with exit code 1', async () => {
    const folder = path.join(scratch, 'vectors');
    cpSync(path.join(ROOT, 'fixtures/vectors/bfp8-unpack.bin'), path.join(folder, 'bfp8-unpack.bin'));
    const good = await qwenPcc('doctor', '--vectors', folder);
    expect(good.code).toBe(0);
    expect(good.stdout).toMatch(/fpu-steps\.bin +absent[\s\S]*bfp8-unpack\.bin +65536 +0 +pass/);
    const bytes = readFileSync(path.join(folder, 'bfp8-unpack.bin'));
    bytes[1000]! ^= 1;
    writeFileSync(path.join(folder, 'bfp8-unpack.bin'), bytes);
    const bad = await qwenPcc('doctor', '--vectors', folder);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/FAIL {2}65536 cases in 1 files, [1-9]/);
  });
});

describe("the original system's environment", () => {
  const withEnvironment = (environment: Readonly<Record<string, string>>, ...args: string[]): Promise<Finished> =>
    callCommand(args, { environment: { ...NO_VARIABLES, ...environment } });
  const inspected = ['inspect', '--out', scratch, '--token', '3', '--json'];

  it.each([
    ['validate', ...SHORT],
    ['record', ...SHORT.slice(0, 6), '--source', 'n150', '--out', path.join(scratch, 'never.safetensors')],
    ['doctor'],
  ])('FAKE_DEVICE=N300 ends %s with 2', async (...args) => {
    const { code, stdout, stderr } = await withEnvironment({ FAKE_DEVICE: 'N300' }, ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/FAKE_DEVICE=N300\n.*FAKE_DEVICE=N150, or no such variable\n.*hint/);
  });

  it('WH_ARCH_YAML that names no descriptor ends with 2', async () => {
    const { code, stderr } = await withEnvironment({ WH_ARCH_YAML: 'wormhole.yaml' }, 'doctor');
    expect(code).toBe(2);
    expect(stderr).toMatch(/CORE_DESCRIPTOR_UNKNOWN: WH_ARCH_YAML names no core descriptor/);
  });

  it('gives doctor its grid', async () => {
    const environment = { FAKE_DEVICE: 'N150', WH_ARCH_YAML: 'wormhole_b0_80_arch_fabric_mux.yaml' };
    expect((await withEnvironment(environment, 'doctor')).stdout).toMatch(/\nN150 grid +8x7\n/);
    expect(JSON.parse((await qwenPcc('doctor', '--json')).stdout)).toMatchObject({ grid: '8x8' });
  });

  it('gives a run its grid, which its report names, resume checks and inspect keeps', async () => {
    const environment = { WH_ARCH_YAML: 'wormhole_b0_80_arch_fabric_mux.yaml' };
    const { code, stdout } = await withEnvironment(environment, 'validate', ...SHORT);
    expect(code).toBe(0);
    expect(stdout).toMatch(/grid 8x7/);
    expect(readRunRecord(lastRun()).cases[0]!.variants[0]!.source!.settings).toMatchObject({ gridRows: 7 });

    const resumed = await qwenPcc('validate', ...SHORT, '--resume', 'last');
    expect(resumed.code).toBe(2);
    expect(resumed.stderr).toMatch(/RESUME_DIFFERS[\s\S]*gridRows=7[\s\S]*n150/);
    expect((await qwenPcc('validate', '--out', scratch, '--resume')).code).toBe(0);

    expect(await withEnvironment({ FAKE_DEVICE: 'N300' }, ...inspected)).toMatchObject({ code: 2 });
    const again = await qwenPcc(...inspected.slice(0, -1));
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/grid 8x7/);
  });
});

describe('qwen-pcc inspect', () => {
  it('runs a token again whose run had prompts of ids in a file that is gone, a limit of their length and no tokenizer', async () => {
    const prompts = path.join(scratch, 'inspect-ids.json');
    writeFileSync(prompts, JSON.stringify([{ name: 'few', ids: [3, 4, 5, 6, 7] }]));
    const weights = ['--weights', 'fixtures/golden-hf/quirk-yarn'];
    const limits = ['--max-seq-len', '5', '--max-new-tokens', '0'];
    await qwenPcc('validate', ...weights, ...limits, '--prompts', prompts, '--out', scratch);
    rmSync(prompts);
    const { code, stdout } = await qwenPcc('inspect', '--out', scratch, '--token', '4');
    expect(code).toBe(0);
    expect(stdout).toMatch(/few › position 4[\s\S]*<id 3><id 4><id 5><id 6>[\s\S]*layers\.0\.out/);
  });
});

describe('shownCommand', () => {
  it('quotes for a shell and can be typed again in the folder it was typed in, without absolute paths', () => {
    const command = shownCommand(
      ['validate', '--device', 'capture:/home/me/a b.safetensors', '--prompt', "it's"],
      '/home/me/work',
    );
    expect(command).toBe("qwen-pcc validate --device 'capture:../a b.safetensors' --prompt 'it'\\''s'");
    expect(shownCommand(['--weights', '/models/Qwen2-7B'], '/home/me')).toBe(
      'qwen-pcc --weights ../../models/Qwen2-7B',
    );
  });
});
