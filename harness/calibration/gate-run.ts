// Runs one case of the package's fixtures for a gate, in a run folder of its own.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { SCHEMA_VERSION } from '../record/events.ts';
import { describeEnvironment } from '../run/environment.ts';
import { shownCommand } from '../run/shown-command.ts';
import { startRun, type WrittenRun, writeRun } from '../run/write-run.ts';
import { parseDeviceSpec } from '../sources/device-spec.ts';
import { openCases } from '../sources/open-cases.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { type PlannedRun, planRun } from '../sources/plan-run.ts';

export interface GateCase {
  /** `tiny-qwen2` or `tiny-qwen2-instruct`. */
  readonly checkpoint: string;
  /** Where run folders go; reports/gates without it. */
  readonly out?: string;
  /** As --device. */
  readonly device?: string;
  /** Folder of a checkpoint for the device alone. */
  readonly deviceWeights?: string;
  /** Prompt file; the default one of the checkpoint's family without it. */
  readonly prompts?: string;
  /** Names of the prompts; all of them without it. */
  readonly only?: readonly string[];
  readonly maxNewTokens?: number;
  readonly threads?: number;
  /** Puts something between the device and the judge. */
  readonly wrapDevice?: (device: LogitsSource) => LogitsSource;
}

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
}

/** The plan of one case, as `qwen-pcc validate` would make it. */
export function gatePlan(gate: GateCase): Promise<PlannedRun> {
  const { checkpoint, device = 'n150', deviceWeights, prompts, only } = gate;
  return planRun({
    weights: [fixturePath(checkpoint)],
    deviceWeights,
    prompts,
    only,
    defaultPrompts: { general: fixturePath('prompts/general.json'), instruct: fixturePath('prompts/instruct.json') },
    devices: [parseDeviceSpec(device, process.env)],
    reference: { kind: 'onnx' },
    precision: 'fp32',
    mode: 'teacherForced',
    judge: {
      semantics: 'strict',
      pccMinimum: DEFAULT_PCC_MINIMUM,
      rules: defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }),
    },
    maxNewTokens: gate.maxNewTokens,
  });
}

export async function runGate(gate: GateCase): Promise<WrittenRun> {
  const { spec, paths } = await gatePlan(gate);
  const local = { currentFolder: process.cwd(), arguments: [], cases: paths, threads: gate.threads };
  const started = startRun(
    gate.out ?? fileURLToPath(new URL('../../reports/gates', import.meta.url)),
    {
      event: 'run',
      schemaVersion: SCHEMA_VERSION,
      startedAt: new Date().toISOString(),
      tool: { name: 'qwen-pcc', version: 'gate', gitSha: null },
      machine: describeEnvironment(),
      command: equivalentCommand(gate),
      notes: [],
      part: null,
      spec,
    },
    local,
  );
  const { wrapDevice } = gate;
  const cases = openCases(spec, local);
  const written = await writeRun(started, {
    cases: wrapDevice === undefined ? cases : cases.map((one) => withDevice(one, wrapDevice)),
  });
  return { ...written, folder: path.relative('.', written.folder) };
}

/** The command line that runs the same without what a test puts in between; for people. */
function equivalentCommand({ checkpoint, device, deviceWeights, prompts, only, maxNewTokens }: GateCase): string {
  const words = ['validate', '--weights', fixturePath(checkpoint)];
  if (device !== undefined) words.push('--device', device);
  if (deviceWeights !== undefined) words.push('--device-weights', deviceWeights);
  if (prompts !== undefined) words.push('--prompts', prompts);
  if (only !== undefined) words.push('--prompt', ...only);
  if (maxNewTokens !== undefined) words.push('--max-new-tokens', String(maxNewTokens));
  return shownCommand(words);
}

function withDevice(one: OpenableCase, wrap: (device: LogitsSource) => LogitsSource): OpenableCase {
  return {
    ...one,
    variants: one.variants.map((variant) => ({ ...variant, open: async () => wrap(await variant.open()) })),
  };
}
