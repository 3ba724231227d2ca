// Tries a gate with every fault on a user's own case, and says which of them the rules in use let pass.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import type { Fault } from '../faults/fault.ts';
import type { FaultMaterial } from '../faults/fault-material.ts';
import { StoredSource } from '../faults/stored-rows.ts';
import type { RunEvent } from '../record/events.ts';
import type { LocalPaths } from '../record/local-paths.ts';
import type { RunSpec } from '../record/run-spec.ts';
import {
  type FaultResult,
  SELFTEST_SCHEMA_VERSION,
  type SelfTestCase,
  type SelfTestRecord,
} from '../record/selftest-record.ts';
import type { Models } from '../sources/models.ts';
import { openCases } from '../sources/open-cases.ts';
import { openOnnx } from '../sources/open-onnx.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { brokenRules, concludeFault, unfitResult } from './conclude-fault.ts';
import { concludeSelfTest } from './conclude-selftest.ts';
import { type JudgingOptions, judgeSource } from './judge-source.ts';
import { recordRows, requireRoom } from './record-rows.ts';
import { damageOfRules } from './rule-damage.ts';

export interface SelfTestOptions {
  readonly header: Omit<RunEvent, 'spec' | 'runId'>;
  readonly spec: RunSpec;
  readonly local: LocalPaths;
  readonly models: Models;
  readonly faults: readonly Fault[];
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** Called before each fault. */
  readonly onFault?: (caseName: string, fault: string) => void;
}

/** @throws what a side of the honest case throws; faults throw nothing. */
export async function runSelfTest(options: SelfTestOptions): Promise<SelfTestRecord> {
  const { header, spec, seed } = options;
  for (const one of spec.cases) requireRoom(one, spec.limits, modelOf(one.name, options).config.vocabSize);
  const tried: TriedSelfTestCase[] = [];
  for (const one of openCases(spec, options.local, { models: options.models })) tried.push(await tryCase(one, options));
  const cases = tried.map(({ record }) => record);
  return {
    schemaVersion: SELFTEST_SCHEMA_VERSION,
    tool: header.tool,
    command: header.command,
    seed,
    pccSemantics: spec.judge.semantics,
    pccMinimum: spec.judge.pccMinimum,
    rules: spec.judge.rules,
    cases,
    damage: damageOfRules(
      spec.judge.rules,
      tried.map(({ record, ...more }) => ({ ...record, ...more })),
    ),
    ...concludeSelfTest(cases),
  };
}

interface TriedSelfTestCase {
  readonly record: SelfTestCase;
  readonly variant: string;
  readonly unjudged: readonly string[];
}

async function tryCase(one: OpenableCase, options: SelfTestOptions): Promise<TriedSelfTestCase> {
  const { spec, seed, signal, header } = options;
  options.onFault?.(one.spec.name, 'none: both sides run');
  const rows = await recordRows(one, spec.limits, signal);
  const checkpoint = modelOf(one.spec.name, options);
  const judging: JudgingOptions = { header, spec, model: checkpoint.config, golden: rows.golden, signal };
  const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-selftest-'));
  const { threads } = options.local;
  const material: FaultMaterial = {
    ...rows,
    seed,
    checkpoint,
    scratch,
    openModel: one.spec.reference.kind === 'golden' ? undefined : one.openReference,
    openCheckpoint: (folder) => {
      const precision = one.spec.reference.kind === 'onnx' ? one.spec.reference.precision : 'fp32';
      const settings = { precision, ...(threads === undefined ? {} : { threads }) };
      return openOnnx(openCheckpoint(folder), settings, 'device', undefined);
    },
  };
  try {
    const honest = await judgeSource(one, async () => new StoredSource(rows.device), judging);
    const faults: FaultResult[] = [];
    for (const fault of options.faults) {
      signal?.throwIfAborted();
      options.onFault?.(one.spec.name, fault.name);
      faults.push(await tryFault(fault, one, material, judging));
      rmSync(path.join(scratch, fault.id), { recursive: true, force: true });
    }
    const record: SelfTestCase = {
      name: one.spec.name,
      model: one.spec.model,
      reference: rows.golden.info,
      device: rows.device.info,
      vocabSize: rows.golden.vocabSize,
      prompts: one.spec.prompts.map(({ name }) => name),
      tokens: rows.golden.sequences.reduce((sum, each) => sum + each.rows.size, 0),
      honest: { outcome: honest.run.exitCode === 0 ? 'passes' : 'fails', brokenRules: brokenRules(honest.run) },
      faults,
    };
    const { rules } = honest.run.gate;
    return {
      record,
      variant: one.spec.variants[0]!.name,
      unjudged: rules.filter(({ judged }) => judged === 0).map(({ id }) => id),
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function tryFault(
  fault: Fault,
  one: OpenableCase,
  material: FaultMaterial,
  judging: JudgingOptions,
): Promise<FaultResult> {
  const opened = await fault.open(material);
  if ('unfit' in opened) return unfitResult(fault, opened.unfit);
  const open = async (): Promise<LogitsSource> => {
    if ('refuses' in opened) throw opened.refuses;
    return opened;
  };
  const judged = await judgeSource(one, open, judging);
  judging.signal?.throwIfAborted();
  return concludeFault(fault, judged);
}

function modelOf(caseName: string, { local, models }: SelfTestOptions): FaultMaterial['checkpoint'] {
  return models.open(local.cases[caseName]!.weights).checkpoint;
}
