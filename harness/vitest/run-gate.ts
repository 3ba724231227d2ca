// Runs one checkpoint for a gate, as `qwen-pcc validate` would, in a run folder of its own.
import path from 'node:path';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { InputError } from '../../src/errors.ts';
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../gate/thresholds.ts';
import { RUN_REPORTS } from '../lens/run-reports.ts';
import { SCHEMA_VERSION } from '../record/events.ts';
import { readRulesFile } from '../rules-file/read-rules-file.ts';
import { resolveRules } from '../rules-file/resolve-rules.ts';
import type { ReadRulesFile } from '../rules-file/rules-file.ts';
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
  /** A rules file (docs/rules-file.md) of rules and expected failures; what is run is said here alone. None is looked for without it. */
  readonly config?: string;
  /** Puts something between the device and the judge. */
  readonly wrapDevice?: (device: LogitsSource) => LogitsSource;
}

/**
 * The plan of one case, as `qwen-pcc validate` would make it.
 *
 * @throws as `planRun`, `readRulesFile` and `resolveRules`; InputError CONFIG_PLAN for a rules file that says what is run, too.
 */
export async function gatePlan(gate: GateCase): Promise<PlannedRun> {
  const { weights, device = 'n150', deviceWeights, prompts, only, maxNewTokens, templateDate, config } = gate;
  const file = config === undefined ? undefined : await readRulesFile(config);
  if (file !== undefined) requireRulesAlone(file);
  const planned = await planRun({
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
  if (file === undefined) return planned;
  const { spec, notes } = planned;
  const resolved = resolveRules(file, {
    semantics: spec.judge.semantics,
    threshold: undefined,
    cases: spec.cases,
    today: new Date().toISOString().slice(0, 10),
  });
  return { ...planned, spec: { ...spec, judge: resolved.judge }, notes: [...notes, ...resolved.notes] };
}

/** The case of a gate has its plan; a second one would go unread. */
function requireRulesAlone({ path: file, content }: ReadRulesFile): void {
  const found = (['plan', 'variants'] as const).filter((key) => content[key] !== undefined);
  if (found.length === 0) return;
  throw new InputError(`${file}: a gate takes rules and expected failures of a file, and what is run from its case.`, {
    code: 'CONFIG_PLAN',
    facts: { found: found.join(' and '), wanted: 'rules, expected' },
    hint: 'keep the rules in a file of their own, which `qwen-pcc validate --config` takes too, and say the plan in the case.',
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
  config,
}: GateCase): string {
  const words = ['validate', '--weights', weights];
  for (const text of [device].flat()) words.push('--device', text);
  if (deviceWeights !== undefined) words.push('--device-weights', deviceWeights);
  if (prompts !== undefined) words.push('--prompts', prompts);
  if (only !== undefined) words.push('--prompt', ...only);
  if (maxNewTokens !== undefined) words.push('--max-new-tokens', String(maxNewTokens));
  if (templateDate !== undefined) words.push('--template-date', templateDate);
  if (config !== undefined) words.push('--config', config);
  return shownCommand(words);
}

function withDevice(one: OpenableCase, wrap: (device: LogitsSource) => LogitsSource): OpenableCase {
  return {
    ...one,
    variants: one.variants.map((variant) => ({ ...variant, open: async () => wrap(await variant.open()) })),
  };
}
