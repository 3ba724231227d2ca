// Faults put in on purpose: each makes the gate red, and the verdict names what it saw.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LogitsRow, LogitsSource } from '../../src/device/logits-source.ts';
import { EXIT_CODES } from '../../src/errors.ts';
import { copyWithTensor } from '../faults/sabotaged-checkpoint.ts';
import { FirstTokenTwice, oneRowLate, SabotagedRows } from '../faults/sabotaged-source.ts';
import { readTokens } from '../record/read-tokens.fixture.ts';
import { EVIDENCE_ROWS_MAX } from '../run/evidence-file.ts';
import { fixturePath, type GateCase, runGate } from './gate-run.ts';
import '../vitest/to-pass-gate.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-sabotage-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** One prompt is enough to see a fault, and keeps each of these at a second. */
const healthy: GateCase = {
  checkpoint: 'tiny-qwen2',
  only: ['call-me-ishmael'],
  maxNewTokens: 32,
  out: path.join(scratch, 'runs'),
};

/** bfloat16 pattern of 128: the usual weight of this matrix, 0.06, with its exponent off by eleven. */
const LARGE_WEIGHT = 0x4300;

const changedWeight = (): string =>
  copyWithTensor(
    fixturePath('tiny-qwen2'),
    path.join(scratch, 'weight'),
    'model.layers.3.mlp.down_proj.weight',
    (patterns) => {
      patterns[12_345] = LARGE_WEIGHT;
    },
  );
const withoutKeyBias = (): string => {
  const drop = (patterns: Uint16Array): void => {
    patterns.fill(0);
  };
  let folder = fixturePath('tiny-qwen2');
  for (let layer = 0; layer < 6; layer++) {
    folder = copyWithTensor(
      folder,
      path.join(scratch, `bias-${layer}`),
      `model.layers.${layer}.self_attn.k_proj.bias`,
      drop,
    );
  }
  return folder;
};

describe('sabotage', () => {
  it('is needed: the same prompt passes without it', async () => {
    expect(await runGate(healthy)).toPassGate();
  });

  it.each([
    {
      fault: 'one weight changed',
      gate: () => ({ deviceWeights: changedWeight() }),
      rules: ['pcc-minimum', 'kl-mean'],
    },
    {
      fault: 'one layer skipped',
      gate: () => ({ device: 'n150:skipLayer=3' }),
      rules: ['pcc-median', 'kl-mean', 'top1'],
    },
    {
      fault: 'the bias of all keys dropped',
      gate: () => ({ deviceWeights: withoutKeyBias() }),
      rules: ['kl-mean', 'top1'],
    },
    {
      fault: 'rows one position late',
      gate: () => ({ wrapDevice: (device: LogitsSource) => new SabotagedRows(device, oneRowLate()) }),
      rules: ['pcc-minimum', 'top1'],
    },
    {
      fault: 'logits scaled by 0.5',
      gate: () => ({ wrapDevice: (device: LogitsSource) => new SabotagedRows(device, scaled) }),
      rules: ['gain', 'kl-mean'],
    },
  ])('$fault: fails $rules', async ({ gate, rules }) => {
    const red = await runGate({ ...healthy, ...gate() });
    expect(red.run.exitCode).toBe(EXIT_CODES.accuracyFail);
    expect(red.run.verdict.failingRules).toEqual(expect.arrayContaining(rules));
    expect(red.run.verdict.headline).toContain(red.run.verdict.failingRules[0]);
    expect(() => expect(red).toPassGate()).toThrow(/FAIL {2}.*[\s\S]*next: qwen-pcc inspect/);
  });

  it('rows one position late: the failure text says which row they fit', async () => {
    const red = await runGate({ ...healthy, wrapDevice: (device) => new SabotagedRows(device, oneRowLate()) });
    expect(() => expect(red).toPassGate()).toThrow(/fits golden's row of the position before \(PCC 0\.99/);
  });

  it('30 % NaN: the comparison is invalid, not a number', async () => {
    const red = await runGate({ ...healthy, wrapDevice: (device) => new SabotagedRows(device, withNan) });
    expect(red.run.exitCode).toBe(EXIT_CODES.comparisonInvalid);
    expect(red.run.verdict).toMatchObject({ status: 'invalid', failingRules: expect.arrayContaining(['finite']) });
    const records = readTokens(red.folder);
    expect(records.every(({ status }) => status === 'invalidNonFinite')).toBe(true);
    expect(records[0]!.reason).toMatch(/29\.9 % of the device's logits are NaN/);
    expect(readdirSync(path.join(red.folder, 'evidence'))).toHaveLength(EVIDENCE_ROWS_MAX);
  });

  it('one position off by one: the comparison is invalid and names both contexts', async () => {
    const red = await runGate({ ...healthy, wrapDevice: (device) => new FirstTokenTwice(device) });
    expect(red.run.exitCode).toBe(EXIT_CODES.comparisonInvalid);
    expect(red.run.coverage.tokensJudged).toBe(0);
    expect(red.run.failure).toMatchObject({
      code: 'CONTEXT_DIFFERS',
      message: expect.stringMatching(/fed .*position 0\n.*consumed .*position 1/),
    });
  });
});

function scaled(row: LogitsRow): LogitsRow {
  for (let i = 0; i < row.logits.length; i++) row.logits[i]! *= 0.5;
  return row;
}

/** Every vocabulary entry whose last digit is 7, 8 or 9: 613 of 2048. */
function withNan(row: LogitsRow): LogitsRow {
  for (let i = 0; i < row.logits.length; i++) if (i % 10 >= 7) row.logits[i] = Number.NaN;
  return row;
}
