// Facts about get-weights as a user meets it: the command line against a hub on 127.0.0.1.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/errors.ts';
import { FAKE_COMMIT, FAKE_REPO, type FakeHub, startFakeHub } from '../hub/fake-hub.fixture.ts';
import { callCommand } from './in-process.fixture.ts';
import type { Finished } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-get-weights-'));
let hub: FakeHub;
beforeAll(async () => {
  hub = await startFakeHub({ 'config.json': Buffer.from('{}'), 'model.safetensors': Buffer.alloc(70_000, 3) });
});
afterAll(async () => {
  await hub.close();
  rmSync(scratch, { recursive: true });
});

function getWeights(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const hubEnvironment = { HF_TOKEN: 'hf_secret', HF_ENDPOINT: hub.endpoint, ...environment };
  return callCommand(['get-weights', ...args], { environment: hubEnvironment });
}

describe('get-weights', () => {
  const folder = path.join(scratch, 'general');

  it('downloads from HF_ENDPOINT with HF_TOKEN, result on stdout and progress on stderr', async () => {
    const { code, stdout, stderr } = await getWeights(['--weights_path', folder]);
    expect(stderr.split('\n')).toEqual([
      `commit ${FAKE_COMMIT}: 2 files, 68.4 KiB`,
      'config.json: 2 B',
      'config.json: received and checked',
      'model.safetensors: 68.4 KiB',
      'model.safetensors: received and checked',
      '',
    ]);
    expect(stdout).toBe(`${folder}: ${FAKE_REPO} at ${FAKE_COMMIT}, 2 files received, 0 there already, 68.4 KiB\n`);
    expect(code).toBe(EXIT_CODES.pass);
    expect(readdirSync(folder)).toEqual(['config.json', 'model.safetensors']);
    expect(hub.seen.every(({ authorization }) => authorization === 'Bearer hf_secret')).toBe(true);
  });

  it('does nothing the second time', async () => {
    const { code, stdout } = await getWeights(['--weights_path', folder, '--json']);
    expect(JSON.parse(stdout)).toEqual({
      repo: FAKE_REPO,
      folder,
      commit: FAKE_COMMIT,
      downloaded: [],
      present: ['config.json', 'model.safetensors'],
      totalBytes: 70_002,
    });
    expect(code).toBe(EXIT_CODES.pass);
  });

  it('asks for the instruct model with --instruct, and ends with 2 where a hub does not have it', async () => {
    const { code, stdout, stderr } = await getWeights(['--weights_path', path.join(scratch, 'other'), '--instruct']);
    expect(stdout).toBe('');
    expect(stderr).toContain('InputError HUB_NOT_FOUND: the hub does not know Qwen/Qwen2-7B-Instruct at main.');
    expect(code).toBe(EXIT_CODES.usage);
    expect(existsSync(path.join(scratch, 'other'))).toBe(false);
  });

  it.each([
    { what: 'no folder', args: [], says: '--weights_path' },
    { what: 'two models', args: ['--weights_path', 'x', '--instruct', '--repo', 'a/b'], says: "'--repo <owner/name>'" },
  ])('ends with 2 when given $what', async ({ args, says }) => {
    const { code, stderr } = await getWeights(args);
    expect(stderr).toContain(says);
    expect(code).toBe(EXIT_CODES.usage);
  });
});
