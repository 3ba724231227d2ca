// Runs one checkpoint for a gate, as `qwen-pcc validate` would, in a run folder of its own.
import path from 'node:path';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { gitSha, packageFile, packageVersion } from '../cli/package-root.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { RunFolder } from '../record/run-folder.ts';
import { repeatableCommand } from '../run/repeatable-command.ts';
import { describePlan, type RunCase, type RunPlan } from '../run/run-validate.ts';
import { writeRun } from '../run/write-run.ts';
import { parseDeviceSpec } from '../sources/device-spec.ts';
import { openCases } from '../sources/open-cases.ts';
import { MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT } from '../sources/plan.ts';
import type { GateRun } from '../vitest/to-pass-gate.ts';

export interface GateCase {
  /** Folder of the checkpoint; on both sides, unless the device has `deviceWeights`. */
  readonly weights: string;
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

/** The plan of one case, as `qwen-pcc validate` would make it. */
export function gatePlan(gate: GateCase): RunPlan {
  const { weights, device = 'n150', deviceWeights, prompts, only, threads, wrapDevice } = gate;
  const limits = { maxNewTokens: gate.maxNewTokens ?? MAX_NEW_TOKENS_DEFAULT, maxSeqLen: MAX_SEQ_LEN_DEFAULT };
  const cases = openCases({
    weights: [weights],
    defaultPrompts: {
      general: packageFile('fixtures/prompts/general.json'),
      instruct: packageFile('fixtures/prompts/instruct.json'),
    },
    device: parseDeviceSpec(device, process.env),
    reference: { kind: 'onnx' },
    precision: 'fp32',
    limits,
    ...(deviceWeights === undefined ? {} : { deviceWeights }),
    ...(prompts === undefined ? {} : { prompts }),
    ...(only === undefined ? {} : { only }),
    ...(threads === undefined ? {} : { threads }),
  });
  return {
    cases: wrapDevice === undefined ? cases : cases.map((one) => withDevice(one, wrapDevice)),
    limits,
    mode: 'teacherForced',
    judge: {
      semantics: 'strict',
      pccMinimum: DEFAULT_PCC_MINIMUM,
      rules: defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM }),
    },
  };
}

export async function runGate(gate: GateCase): Promise<GateRun> {
  const plan = gatePlan(gate);
  const startedAt = new Date();
  const folder = RunFolder.create(gate.out ?? path.join('reports', 'gates'), startedAt, describePlan(plan));
  const written = await writeRun(plan, {
    folder,
    startedAt,
    tool: { name: 'qwen-pcc', version: packageVersion(), gitSha: gitSha() },
    command: equivalentCommand(gate),
  });
  return { ...written, folder: path.relative('.', folder.folder) };
}

/** The command line that runs the same without what a test puts in between. */
function equivalentCommand({ weights, device, deviceWeights, prompts, only, maxNewTokens }: GateCase): string {
  const words = ['validate', '--weights', weights];
  if (device !== undefined) words.push('--device', device);
  if (deviceWeights !== undefined) words.push('--device-weights', deviceWeights);
  if (prompts !== undefined) words.push('--prompts', prompts);
  if (only !== undefined) words.push('--prompt', ...only);
  if (maxNewTokens !== undefined) words.push('--max-new-tokens', String(maxNewTokens));
  return repeatableCommand(words);
}

function withDevice(runCase: RunCase, wrap: (device: LogitsSource) => LogitsSource): RunCase {
  return { ...runCase, openDevice: async () => wrap(await runCase.openDevice()) };
}
