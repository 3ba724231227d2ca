// Whole runs of toy sources in a temporary folder, for tests of what runs, resumes, merges and reports.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { RUN_REPORTS } from '../lens/run-reports.ts';
import { type RunEvent, SCHEMA_VERSION } from '../record/events.ts';
import type { LocalPaths } from '../record/local-paths.ts';
import { LOG_FILE } from '../record/read-log.ts';
import type { CaseSpec, RunSpec } from '../record/run-spec.ts';
import { ToySource } from '../sequence/toy-source.fixture.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { resumeRun, startRun, type WriteOptions, type WrittenRun, writeRun } from './write-run.ts';

export const TOY_VOCABULARY = 64;

/** A device that errs a little at one vocabulary entry of each row. */
export function noisyToy(): ToySource {
  return new ToySource(TOY_VOCABULARY, (row) => {
    row.logits[row.position % TOY_VOCABULARY]! += 0.25;
    return row;
  });
}

export type ToyDevices = Readonly<Record<string, () => LogitsSource>>;

/** Three prompts of 5, 6 and 7 tokens, with the variants that are given. */
export function toyCase(name: string, devices: ToyDevices = { toy: noisyToy }): OpenableCase {
  const spec: CaseSpec = {
    name,
    model: 'toy',
    reference: { kind: 'onnx', precision: 'fp32' },
    tokenizerSha256: '0',
    eosTokenIds: [],
    prompts: ['first', 'second', 'third'].map((prompt, i) => ({
      name: prompt,
      user: 0,
      promptIds: new Array<number>(5 + i).fill(7 + i),
      continuationIds: null,
      positions: null,
    })),
    variants: Object.keys(devices).map((variant) => ({
      name: variant,
      model: 'toy',
      device: { kind: 'capture', recording: variant, logitsFormat: null },
    })),
  };
  return toyCaseOf(spec, devices);
}

export function toyCaseOf(spec: CaseSpec, devices: ToyDevices): OpenableCase {
  return {
    spec,
    layers: 1,
    texts: { textOf: (id) => `t${id}`, decode: (ids) => [...ids].join(' ') },
    openReference: async () => new ToySource(TOY_VOCABULARY),
    variants: spec.variants.map((variant) => ({
      spec: variant,
      notes: () => [],
      sourceKey: variant.device.kind === 'capture' ? variant.device.recording : variant.name,
      open: async () => devices[variant.device.kind === 'capture' ? variant.device.recording : variant.name]!(),
    })),
    requireUnchanged: async () => undefined,
  };
}

/** 6 new tokens after each prompt, the default gate. */
export function toySpec(cases: readonly OpenableCase[], mode: RunSpec['mode'] = 'teacherForced'): RunSpec {
  return {
    mode,
    limits: { maxNewTokens: 6, maxSeqLen: 4096 },
    judge: {
      semantics: 'strict',
      pccMinimum: DEFAULT_PCC_MINIMUM,
      rules: defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }),
    },
    cases: cases.map(({ spec }) => spec),
  };
}

export const TOY_LOCAL: LocalPaths = { currentFolder: '/', arguments: [], cases: {} };

export function toyHeader(spec: RunSpec, part: readonly number[] | null = null): Omit<RunEvent, 'runId'> {
  return {
    event: 'run',
    schemaVersion: SCHEMA_VERSION,
    startedAt: '2026-11-24T10:43:10.000Z',
    tool: { name: 'qwen-pcc', version: '0.0.0', gitSha: null },
    machine: { os: 'Linux', cpu: 'toy', threads: 1, memoryBytes: 1, node: 'v20', packages: {} },
    command: 'qwen-pcc validate',
    notes: [],
    part,
    spec,
  };
}

export type ToyOptions = Partial<Omit<WriteOptions, 'cases'>> & {
  readonly mode?: RunSpec['mode'];
  readonly part?: readonly number[];
  readonly spec?: RunSpec;
};

/** A run in a folder of its own under `parent`. */
export function runToy(parent: string, cases: readonly OpenableCase[], options: ToyOptions = {}): Promise<WrittenRun> {
  const { mode, part, spec = toySpec(cases, mode), ...rest } = options;
  return writeRun(startRun(parent, toyHeader(spec, part ?? null), TOY_LOCAL), { cases, reports: RUN_REPORTS, ...rest });
}

export async function resumeToy(
  folder: string,
  cases: readonly OpenableCase[],
  options: Omit<ToyOptions, 'mode' | 'part' | 'spec'> = {},
): Promise<WrittenRun> {
  return writeRun(resumeRun(folder), { cases, reports: RUN_REPORTS, ...options });
}

/** Lines of a run's log, without their ends. */
export function logLines(folder: string): string[] {
  return readFileSync(path.join(folder, LOG_FILE), 'utf8').split('\n').slice(0, -1);
}

/** Writes a log of these lines, as a killed run leaves it: `tail` is what stands after the last line end. */
export function writeLog(folder: string, lines: readonly string[], tail = ''): void {
  writeFileSync(path.join(folder, LOG_FILE), `${lines.map((line) => `${line}\n`).join('')}${tail}`);
}
