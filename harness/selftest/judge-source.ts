// Judges one device against stored golden rows as `validate` would, in memory: the same loop, the same gate, no folder.
import type { ModelConfig } from '../../src/checkpoint/config.ts';
import { checkedSource } from '../../src/device/checked-source.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { type StoredRows, StoredSource } from '../faults/stored-rows.ts';
import { formatEvent, type RunEvent } from '../record/events.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { CaseSpec, RunSpec } from '../record/run-spec.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { concludeRun } from '../replay/conclude-run.ts';
import { RunReplay } from '../replay/run-replay.ts';
import { performRun, type RunWriter } from '../run/perform-run.ts';
import type { OpenableCase } from '../sources/openable-case.ts';

export interface JudgedSource {
  readonly run: RunRecord;
  readonly records: readonly TokenRecord[];
}

export interface JudgingOptions {
  /** Of the runs; its plan gives limits and rules. */
  readonly header: Omit<RunEvent, 'spec' | 'runId'>;
  readonly spec: RunSpec;
  readonly model: ModelConfig;
  readonly golden: StoredRows;
  readonly signal?: AbortSignal | undefined;
}

/** @param open - the device; what it throws is the device's fault. */
export async function judgeSource(
  one: OpenableCase,
  open: () => Promise<LogitsSource>,
  { header, spec, model, golden, signal }: JudgingOptions,
): Promise<JudgedSource> {
  const caseSpec = forcedCase(one.spec, golden);
  const replay = new RunReplay({
    ...header,
    runId: 'selftest',
    spec: { ...spec, mode: 'teacherForced', cases: [caseSpec] },
  });
  const records: TokenRecord[] = [];
  await performRun({
    log: FORGETFUL,
    replay,
    cases: [
      {
        ...one,
        spec: caseSpec,
        openReference: async () => checkedSource(new StoredSource(golden), 'reference', model),
        variants: [
          {
            spec: caseSpec.variants[0]!,
            notes: () => [],
            sourceKey: 'device',
            open: async () => checkedSource(await open(), 'device', model),
          },
        ],
        requireUnchanged: async () => undefined,
      },
    ],
    onToken: (record) => void records.push(record),
    ...(signal === undefined ? {} : { signal }),
  });
  return { run: concludeRun(replay), records };
}

/** Lines are made, since a replay reads them, and kept by nobody. */
const FORGETFUL: RunWriter = { append: formatEvent, keepFile: () => undefined, isRepeating: false };

/** Every token is known by now, so that whole chunks can be fed. */
function forcedCase(spec: CaseSpec, { sequences }: StoredRows): CaseSpec {
  return {
    ...spec,
    variants: [spec.variants[0]!],
    prompts: spec.prompts.map((prompt, i) => ({
      ...prompt,
      continuationIds: [...sequences[i]!.tokenIds.subarray(prompt.promptIds.length)],
    })),
  };
}
