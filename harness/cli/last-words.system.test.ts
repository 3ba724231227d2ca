// A run that is ended where it cannot speak: killed, or its mapped weights cut under it; stderr says so, and the next command goes on.
import { cpSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT, type SpawnedCommand, spawnCommand } from './spawned-command.fixture.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-last-words-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const SAID = /ended from outside[\s\S]*qwen-pcc validate --resume (\S+)/;

/** A run of some seconds, and what is done to it when its first prompt begins. */
function run(name: string, whenRunning: (command: SpawnedCommand) => void, ...more: string[]) {
  const out = path.join(scratch, name);
  const weights = path.join(scratch, `${name}-weights`);
  cpSync(path.join(ROOT, 'fixtures/tiny-qwen2'), weights, { recursive: true });
  const command = spawnCommand(['validate', '--weights', weights, '--out', out, ...more]);
  let isRunning = false;
  command.child.stderr!.on('data', (chunk: Buffer) => {
    if (isRunning || !chunk.toString().includes(' of at most ')) return;
    isRunning = true;
    whenRunning(command);
  });
  return { ...command, weights };
}

describe('a run that is killed', () => {
  it('is spoken for, and goes on where it is told to', async () => {
    const { finished } = run('killed', ({ child }) => child.kill('SIGKILL'), '--prompt', 'call-me-ishmael');
    const { code, stderr } = await finished;
    expect(code).toBeNull();
    const [, folder] = SAID.exec(stderr)!;
    const resumed = await spawnCommand(['validate', '--resume', folder!]).finished;
    expect(resumed).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nPASS /) });
    expect(resumed.stderr).not.toMatch(SAID);
  });
});

describe('a run that ends by itself', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('at %s is not spoken for', async (signal) => {
    const { code, stderr } = await run(`stopped-${signal}`, ({ child }) => child.kill(signal)).finished;
    expect(code).toBe(130);
    expect(stderr).not.toMatch(SAID);
  });
});

describe('weights that are cut while they are read', () => {
  it('make a run invalid or end it, and either is said', async () => {
    const { finished, weights } = run(
      'cut',
      () => {
        const file = path.join(weights, 'model.safetensors');
        truncateSync(file, Math.floor(statSync(file).size / 2));
      },
      '--prompt',
      'call-me-ishmael',
    );
    const { code, stderr } = await finished;
    if (code === null) expect(stderr).toMatch(SAID);
    else expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringMatching(/CHECKPOINT_CHANGED/) });
  });
});
