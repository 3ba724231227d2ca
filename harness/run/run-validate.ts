// A run's work: every case in lockstep, every token judged and appended at once; what stops it is handed back, not lost.
import type { LogitsSource, SourceInfo } from '../../src/device/logits-source.ts';
import type { RunFolder } from '../record/run-folder.ts';
import type { DecodingMode, PromptRecord } from '../record/run-record.ts';
import { type RunUsage, UsageMeter } from '../record/run-usage.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { runFree } from '../sequence/free-running.ts';
import { runLockstep } from '../sequence/lockstep.ts';
import type { RowPair, SequenceRequest, Stage } from '../sequence/sequence.ts';
import { blame } from '../sequence/sides.ts';
import { type PlannedCase, type PlannedPrompt, type SequenceLimits, tokensPlannedMax } from '../sources/plan.ts';
import { ResumedRecords } from './resumed-records.ts';
import { type JudgeSettings, TokenJudge } from './token-judge.ts';

/** A planned case with what it takes to run it; its sources are opened when its turn comes and closed after it. */
export interface RunCase extends PlannedCase {
  readonly eosTokenIds: readonly number[];
  readonly tokenizerSha256: string;
  /** Text of one token id. */
  readonly textOf: (tokenId: number) => string;
  /** Text of a sequence. */
  readonly decode: (tokenIds: Int32Array) => string;
  readonly layers: number;
  readonly openReference: () => Promise<LogitsSource>;
  readonly openDevice: () => Promise<LogitsSource>;
}

interface CaseSources {
  readonly reference: LogitsSource;
  readonly device: LogitsSource;
}

/** All that decides about the numbers of a run. */
export interface RunPlan {
  readonly cases: readonly RunCase[];
  readonly limits: SequenceLimits;
  readonly mode: DecodingMode;
  readonly judge: JudgeSettings;
}

export interface RunOptions {
  readonly folder: RunFolder;
  readonly signal?: AbortSignal;
  /** Called after each token that was judged or that a resumed run brings along. */
  readonly onToken?: (record: TokenRecord) => void;
  /** Called when a side begins a chunk of a prompt, and after layers of it. */
  readonly onStage?: (variant: string, prompt: string, stage: Stage) => void;
}

/** A case as far as it was run. */
export interface CaseResult {
  readonly name: string;
  readonly reference: SourceInfo;
  readonly device: SourceInfo;
  readonly tokenizerSha256: string;
  readonly vocabSize: number;
  readonly prompts: readonly PromptRecord[];
}

export interface RunResult {
  readonly cases: readonly CaseResult[];
  readonly records: readonly TokenRecord[];
  /** Tokens after the points where free texts part, which have no common context. */
  readonly tokensAfterDivergence: number;
  readonly usage: RunUsage;
  /** What ended the run before its plan was done; undefined if it was done. */
  readonly failure: unknown;
}

/** What a run folder pins, so that only the same run can be resumed in it. */
export function describePlan({ cases, limits, mode, judge }: RunPlan): unknown {
  return {
    limits,
    mode,
    judge,
    cases: cases.map(({ name, prompts, eosTokenIds, tokenizerSha256 }) => ({
      name,
      eosTokenIds,
      tokenizerSha256,
      prompts: prompts.map((prompt) => ({
        name: prompt.name,
        promptIds: [...prompt.promptIds],
        continuationIds: prompt.continuationIds === undefined ? null : [...prompt.continuationIds],
      })),
    })),
  };
}

/**
 * Runs all cases.
 *
 * A resumed run computes two prompts of the folder again: the last one, which may be incomplete, and the one before it, whose
 * rows are the negative controls of the last one. What is computed again must be what the folder has.
 */
export async function runValidate(plan: RunPlan, options: RunOptions): Promise<RunResult> {
  const run = new Run(plan, options);
  let failure: unknown;
  try {
    for (const runCase of plan.cases) await run.runCase(runCase);
  } catch (error) {
    failure = error;
  }
  const { cases, records, tokensAfterDivergence } = run;
  return { cases, records, tokensAfterDivergence, usage: run.usage.total(), failure };
}

class Run {
  readonly cases: (CaseResult & { readonly prompts: PromptRecord[] })[] = [];
  readonly records: TokenRecord[] = [];
  tokensAfterDivergence = 0;
  readonly usage: UsageMeter = new UsageMeter();
  private readonly plan: RunPlan;
  private readonly options: RunOptions;
  private readonly resumed: ResumedRecords;

  constructor(plan: RunPlan, options: RunOptions) {
    this.plan = plan;
    this.options = options;
    this.resumed = new ResumedRecords(plan, options.folder.resumedRecords);
  }

  async runCase(runCase: RunCase): Promise<void> {
    this.options.signal?.throwIfAborted();
    const reference = await blame('reference', () => this.usage.opening('golden', runCase.openReference));
    try {
      const device = await blame('device', () => this.usage.opening('actual', runCase.openDevice));
      try {
        await this.runPrompts(runCase, { reference, device });
      } finally {
        await device.close();
      }
    } finally {
      await reference.close();
    }
  }

  private async runPrompts(runCase: RunCase, sources: CaseSources): Promise<void> {
    const { reference, device } = sources;
    const infos = { reference: withoutThreads(reference.info), device: withoutThreads(device.info) };
    this.options.folder.pin(`sources/${runCase.name}.json`, infos);
    const { name, tokenizerSha256 } = runCase;
    const result = {
      name,
      reference: reference.info,
      device: device.info,
      tokenizerSha256,
      vocabSize: reference.vocabSize,
      prompts: [] as PromptRecord[],
    };
    this.cases.push(result);
    const judge = new TokenJudge({
      variant: name,
      vocabSize: reference.vocabSize,
      device: device.info,
      textOf: runCase.textOf,
      settings: this.plan.judge,
      keepEvidence: (file, write) => this.options.folder.keepEvidence(file, write),
    });
    for (const prompt of runCase.prompts) {
      if (this.resumed.isSkippable(name, prompt.name)) result.prompts.push(this.takeOver(name, prompt));
      else await this.runPrompt(runCase, prompt, sources, judge, result.prompts);
    }
  }

  /** A prompt that the resumed run judged completely: its records tell all there is to know. */
  private takeOver(variant: string, prompt: PlannedPrompt): PromptRecord {
    const records = this.resumed.of(variant, prompt.name);
    for (const record of records) this.tell(record);
    const tokenIds = records.map((record) => record.inputToken.golden);
    return promptRecord(prompt, { tokenIds, tokensPlanned: records.length, tokensJudged: records.length });
  }

  private async runPrompt(
    runCase: RunCase,
    prompt: PlannedPrompt,
    { reference, device }: CaseSources,
    judge: TokenJudge,
    prompts: PromptRecord[],
  ): Promise<void> {
    const { limits, mode } = this.plan;
    const { signal, onStage } = this.options;
    judge.startPrompt(prompt.name, prompt.promptIds.length);
    const request: SequenceRequest = {
      prompt: prompt.name,
      promptIds: prompt.promptIds,
      eosTokenIds: runCase.eosTokenIds,
      ...limits,
      ...(prompt.continuationIds === undefined ? {} : { continuationIds: prompt.continuationIds }),
      ...(signal === undefined ? {} : { signal }),
      ...(onStage === undefined ? {} : { onStage: (stage: Stage): void => onStage(runCase.name, prompt.name, stage) }),
    };
    const fed: number[] = [];
    // Stands in for a prompt that does not end: coverage then says what is missing.
    const place = prompts.push(
      promptRecord(prompt, { tokenIds: fed, tokensPlanned: tokensPlannedMax(prompt, limits), tokensJudged: 0 }),
    );
    const onPair = (pair: RowPair): void => {
      const judged = judge.judge(pair);
      this.usage.addToken(judged);
      const record = this.resumed.settle(judged);
      if (!this.resumed.has(record)) this.options.folder.append(record);
      fed.push(pair.tokenId);
      prompts[place - 1] = { ...prompts[place - 1]!, tokensJudged: fed.length };
      this.tell(record);
    };
    if (mode === 'teacherForced') {
      const { tokenIds } = await runLockstep(reference, device, request, onPair);
      prompts[place - 1] = promptRecord(prompt, { tokenIds, tokensPlanned: tokenIds.length, tokensJudged: fed.length });
      return;
    }
    const { tokenIds, divergencePosition } = await runFree(reference, device, request, onPair);
    const tokensPlanned = divergencePosition ?? tokenIds.length;
    this.tokensAfterDivergence += tokenIds.length - tokensPlanned;
    prompts[place - 1] = promptRecord(prompt, {
      tokenIds,
      tokensPlanned,
      tokensJudged: fed.length,
      divergencePosition,
    });
  }

  private tell(record: TokenRecord): void {
    this.records.push(record);
    this.options.onToken?.(record);
  }
}

interface PromptOutcome {
  readonly tokenIds: Iterable<number>;
  readonly tokensPlanned: number;
  readonly tokensJudged: number;
  readonly divergencePosition?: number | undefined;
}

function promptRecord(prompt: PlannedPrompt, outcome: PromptOutcome): PromptRecord {
  const tokenIds = [...outcome.tokenIds];
  const hasNewTokens = tokenIds.length > prompt.promptIds.length;
  return {
    name: prompt.name,
    tokenIds,
    promptLength: prompt.promptIds.length,
    forcedBy: !hasNewTokens ? 'none' : prompt.continuationIds === undefined ? 'reference' : 'continuation',
    divergencePosition: outcome.divergencePosition ?? null,
    tokensPlanned: outcome.tokensPlanned,
    tokensJudged: outcome.tokensJudged,
  };
}

/** Threads change no bit, so a run may be resumed on another machine. */
function withoutThreads(info: SourceInfo): unknown {
  const settings = Object.fromEntries(Object.entries(info.settings).filter(([name]) => !/thread|worker/i.test(name)));
  return { ...info, settings };
}
