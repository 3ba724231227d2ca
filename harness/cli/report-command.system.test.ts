// qwen-pcc report: where it writes, what it says, another run beside, taps that inspect kept, runs that were killed.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callCommand } from './in-process.fixture.ts';

const out = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-report-command-'));
afterAll(() => rmSync(out, { recursive: true }));
let folder: string;
let file: string;

async function validate(...more: string[]): Promise<string> {
  const words = ['--weights', 'general', '--prompt', 'senate-and-house', '--max-new-tokens', '0', '--out', out];
  await callCommand(['validate', ...words, ...more]);
  const names = readdirSync(out).filter((name) => /^2/.test(name));
  return path.join(out, names.sort().at(-1)!);
}

beforeAll(async () => {
  folder = await validate('--device', 'n150:skipLayer=2');
  file = path.join(folder, 'report.html');
});

const FIRST = '#/general_weights-1_batch/n150%3AskipLayer%3D2/senate-and-house/26';

describe('qwen-pcc report', () => {
  it('writes the bytes that the run left, and prints where, with the address of the first failing token', async () => {
    const before = readFileSync(file, 'utf8');
    rmSync(file);
    const { code, stdout, stderr } = await callCommand(['report', '--out', out]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^[\d.]+ KiB in one file\n$/) });
    expect(stdout).toMatch(/report\.html#/);
    expect(stdout.trim().endsWith(`/report.html${FIRST}`)).toBe(true);
    expect(path.resolve(stdout.split('#')[0]!)).toBe(file);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('shows the taps that inspect kept, only of the device that the run had', async () => {
    const inspect = ['inspect', folder, '--token', '26', '--keep'];
    await callCommand([...inspect, '--device', 'n150']);
    expect(existsSync(path.join(folder, 'inspected'))).toBe(false);
    const { stdout } = await callCommand(inspect);
    await callCommand(['report', folder]);
    const page = /id="t0\.0">([^<]*)</.exec(readFileSync(file, 'utf8'))![1]!;
    const text = inflateRawSync(Buffer.from(page, 'base64')).toString('latin1');
    const [, pcc] = /\["layers\.3\.out",([\d.]+),/.exec(text)!;
    expect(stdout).toMatch(new RegExp(`layers\\.3\\.out +${Number(pcc).toFixed(5)}`));
  });

  it('sets another run of the same prompts beside', async () => {
    const other = await validate();
    const { code } = await callCommand(['report', folder, '--beside', other]);
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain(`"n150 @ ${path.basename(other)}"`);
  });

  it('of a run that was killed has what its log has', async () => {
    const log = path.join(folder, 'run.jsonl');
    writeFileSync(log, readFileSync(log, 'utf8').split('\n').slice(0, 40).join('\n'));
    const { code, stdout } = await callCommand(['report', folder]);
    expect(code).toBe(0);
    expect(stdout).toContain(FIRST);
    expect(readFileSync(file, 'utf8')).toContain('The run ended before it could be judged: 37 of 154 tokens');
  });

  it('a run that did not start has left one that says why', async () => {
    const { stderr } = await callCommand(['validate', '--out', out, '--threshold', '79']);
    const unstarted = path.join(out, 'last', 'report.html');
    expect(stderr).toContain('OPTION_VALUE');
    expect(readFileSync(unstarted, 'utf8')).toContain('The run did not start: no token was compared.');
  });
});
