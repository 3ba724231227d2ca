// Runs one checkpoint for a gate, as `qwen-pcc validate` would, in a run folder of its own.
import path from 'node:path';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { RUN_REPORTS } from '../lens/run-reports.ts';
import { SCHEMA_VERSION } from '../record/events.ts';
import { describeEnvironment } from '../run/environment.ts';
import { shownCommand } from '../run/shown-command.ts';
import { startRun, writeRun } from '../run/write-run.ts';
import { parseDeviceSpec } from '../sources/device-spec.ts';
import { openCases } from '../sources/open-cases.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { gitSha, packageFile, packageVersion } from '../sources/package-root.ts';
import { type PlannedRun, planRun } from '../sources/plan-run.ts';
import type { GateRun } from './to-pass-gate.ts';

export interface GateCase {
  /** Folder of the checkpoint; on both sides, unless the device has `deviceWeights`. */
  readonly weights: string;
  /** Where run folders go; reports/gates without it. */
  readonly out?: string;
  /** As --device; several are variants of one run, beside one reference. */
  readonly device?: string | readonly string[];
  /** Folder of a checkpoint for the device alone. */
  readonly deviceWeights?: string;
  /** Prompt file; the default one of the checkpoint's family without it. */
  readonly prompts?: string;
  /** Names of the prompts; all of them without it. */
  readonly only?: readonly string[];
  readonly maxNewTokens?: number;
  /** The day that chat templates are told, YYYY-MM-DD; the packaged prompts need none. */
  readonly templateDate?: string;
  readonly threads?: number;
  /** Puts something between the device and the judge. */
  readonly wrapDevice?: (device: LogitsSource) => LogitsSource;
}

/** The plan of one case, as `qwen-pcc validate` would make it. */
export function gatePlan(gate: GateCase): Promise<PlannedRun> {
  const { weights, device = 'n150', deviceWeights, prompts, only, maxNewTokens, templateDate } = gate;
  return planRun({
    weights: [weights],
    deviceWeights,
    prompts,
    only,
    defaultPrompts: {
      general: packageFile('fixtures/prompts/general.json'),
      instruct: packageFile('fixtures/prompts/instruct.json'),
    },
    devices: [device].flat().map((text) => parseDeviceSpec(text, process.env)),
    reference: { kind: 'onnx' },
    precision: 'fp32',
    mode: 'teacherForced',
    judge: {
      semantics: 'strict',
      pccMinimum: DEFAULT_PCC_MINIMUM,
      rules: defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }),
    },
    maxNewTokens,
    templateDate,
  });
}

export async function runGate(gate: GateCase): Promise<GateRun> {
  const { spec, paths, notes } = await gatePlan(gate);
  const local = { currentFolder: process.cwd(), arguments: [], cases: paths, threads: gate.threads };
  const started = startRun(
    gate.out ?? path.join('reports', 'gates'),
    {
      event: 'run',
      schemaVersion: SCHEMA_VERSION,
      startedAt: new Date().toISOString(),
      tool: { name: 'qwen-pcc', version: packageVersion(), gitSha: gitSha() },
      machine: describeEnvironment(),
      command: equivalentCommand(gate),
      notes,
      part: null,
      spec,
    },
    local,
  );
  const { wrapDevice } = gate;
  const cases = openCases(spec, local);
  const written = await writeRun(started, {
    cases: wrapDevice === undefined ? cases : cases.map((one) => withDevice(one, wrapDevice)),
    reports: RUN_REPORTS,
  });
  return { ...written, folder: path.relative('.', written.folder) };
}

/** The command line that runs the same without what a test puts in between; for people. */
function equivalentCommand({
  weights,
  device = [],
  deviceWeights,
  prompts,
  only,
  maxNewTokens,
  templateDate,
}: GateCase): string {
  const words = ['validate', '--weights', weights];
  for (const text of [device].flat()) words.push('--device', text);
  if (deviceWeights !== undefined) words.push('--device-weights', deviceWeights);
  if (prompts !== undefined) words.push('--prompts', prompts);
  if (only !== undefined) words.push('--prompt', ...only);
  if (maxNewTokens !== undefined) words.push('--max-new-tokens', String(maxNewTokens));
  if (templateDate !== undefined) words.push('--template-date', templateDate);
  return shownCommand(words);
}

function withDevice(one: OpenableCase, wrap: (device: LogitsSource) => LogitsSource): OpenableCase {
  return {
    ...one,
    variants: one.variants.map((variant) => ({ ...variant, open: async () => wrap(await variant.open()) })),
  };
}
