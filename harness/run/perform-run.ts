// A run's work: every case in lockstep, every token judged and logged at once; what stops it is handed back, not lost.
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { InputError, QwenPccError } from '../../src/errors.ts';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import { GoldenRows } from '../metrics/golden-rows.ts';
import { formatEvent, type LogEvent } from '../record/events.ts';
import type { Pair } from '../record/row-metrics.ts';
import type { RunLog } from '../record/run-log.ts';
import {
  firstDifference,
  isRung,
  judgedSequencesOf,
  type PromptSpec,
  type RunSpec,
  type RunUnit,
  unitsOf,
} from '../record/run-spec.ts';
import { addGoldenCache } from '../record/run-usage.ts';
import { withoutThreads } from '../record/source-info.ts';
import type { Stage } from '../record/stage.ts';
import { sequenceId, type TokenRecord } from '../record/token-record.ts';
import { caseId, type RunReplay } from '../replay/run-replay.ts';
import { runFree } from '../sequence/free-running.ts';
import { type Comparison, type LaneParts, runTogether } from '../sequence/lockstep.ts';
import type { SequenceRequest } from '../sequence/sequence.ts';
import { blame, isAbort, requireComparable } from '../sequence/sides.ts';
import { PROMPTS_TOGETHER } from '../sources/batch-plan.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { describeFailure } from './describe-failure.ts';
import { evidenceShare } from './evidence-file.ts';
import { FeedRecorder } from './feed-recorder.ts';
import type { Outcome } from './prompt-event.ts';
import { requireBaselineSources } from './require-baseline.ts';
import { TokenJudge } from './token-judge.ts';
import { UnitRepeats } from './unit-repeats.ts';
import { isOfPromptAlone, UnitRun, type UnitRunOptions } from './unit-run.ts';
import { UsageMeter } from './usage-meter.ts';

/** What a run writes to: its log, or a memory that forgets. */
export type RunWriter = Pick<RunLog, 'append' | 'keepFile' | 'isRepeating'>;

export interface PerformOptions {
  readonly log: RunWriter;
  /** What the log has so far; every event goes to both. */
  readonly replay: RunReplay;
  /** One for each case of the spec, by name. */
  readonly cases: readonly OpenableCase[];
  readonly signal?: AbortSignal;
  /** Asked before each prompt; false ends the run there, as Ctrl-C would, with all prompts before it whole. */
  readonly mayBegin?: () => boolean;
  /** Called after each token that was judged. */
  readonly onToken?: (record: TokenRecord) => void;
  /** Called when a side begins a chunk of a prompt, and after layers of it. */
  readonly onStage?: (caseName: string, prompt: string, stage: Stage) => void;
}

/**
 * Does what is left of a run and writes its end.
 *
 * @throws InputError if the log cannot be written, with everything before it kept.
 * @throws InputError, ComparisonInvalidError RESUME_DIFFERS if a resumed run is not the one in the log; the log stays as it is.
 * @returns what ended the run before its plan was done; undefined if it was done.
 */
export async function performRun(options: PerformOptions): Promise<unknown> {
  const run = new Run(options);
  let failure: unknown;
  try {
    await run.runCases();
  } catch (error) {
    if (error instanceof LogError) throw error.thrown;
    // What does not repeat the log is another run; the log stays as it is.
    if (error instanceof QwenPccError && error.code === 'RESUME_DIFFERS') throw error;
    failure = error;
  }
  run.finish(failure);
  return failure;
}

interface OpenVariant {
  readonly name: string;
  readonly source: LogitsSource;
  /** Index of its source among those of the case, and of the one whose rows are golden if that is not the reference. */
  readonly comparison: Comparison;
  /** Whether what made the rows of a side is of this variant first: the others get the same rows, which are made once. */
  readonly counted: Pair<boolean>;
  readonly createJudge: (goldenRows: GoldenRows | undefined) => TokenJudge;
}

/** What a case's variants stand on; several may stand on one. */
interface OpenSources {
  readonly reference: LogitsSource;
  readonly devices: readonly LogitsSource[];
  readonly variants: readonly OpenVariant[];
}

/** Sequences and judges of one of the prompts that run together; kept for the next ones. */
interface LaneSources {
  readonly reference: LogitsSource;
  readonly devices: readonly LogitsSource[];
  readonly judges: readonly TokenJudge[];
}

class Run {
  readonly #options: PerformOptions;
  readonly #usage: UsageMeter = new UsageMeter();
  readonly #evidence: ReadonlyMap<string, number>;

  constructor(options: PerformOptions) {
    this.#options = options;
    this.#evidence = evidenceShares(options.replay.run.spec);
  }

  async runCases(): Promise<void> {
    const { replay, cases } = this.#options;
    for (const one of cases) {
      const left = replay.units.slice(replay.unitsDone).filter((unit) => unit.case.name === one.spec.name);
      if (left.length > 0) await this.#runCase(one, left);
    }
  }

  finish(failure: unknown): void {
    const event = {
      event: 'end',
      finishedAt: new Date().toISOString(),
      usage: { ...this.#usage.total(), ...addGoldenCache(this.#options.cases.map((one) => one.goldenCacheUse)) },
      failure: failure === undefined ? null : describeFailure(failure),
    } as const;
    // A run that was stopped while it repeated rows leaves them in the log; only its reports end here.
    const { log, replay } = this.#options;
    replay.add(event, log.isRepeating ? formatEvent(event) : log.append(event));
  }

  async #runCase(one: OpenableCase, units: readonly RunUnit[]): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const open: LogitsSource[] = [];
    try {
      const reference = await blame('reference', () => this.#usage.opening('golden', one.openReference));
      open.push(reference);
      const sources = await this.#openVariants(one, reference, open);
      const lanes = this.#openLanes(one, units, sources, open);
      for (let first = 0; first < units.length; first += lanes.length) {
        if (this.#options.mayBegin?.() === false) throw new DOMException('the time for this run is over', 'AbortError');
        // Before: a mapped file that was cut ends the process without a word. After: rows of two models do not mix.
        await one.requireUnchanged();
        await this.#runUnits(units.slice(first, first + lanes.length), one, lanes, sources);
        await one.requireUnchanged();
      }
    } catch (error) {
      // A file that is cut or removed under its reader fails in that reader's words; what happened to it is the reason.
      if (!isAbort(error) && !(error instanceof LogError)) await one.requireUnchanged();
      throw error;
    } finally {
      for (const source of open.reverse()) await source.close();
    }
  }

  /** @param open - what is to be closed in the end; sources are added as they are opened. */
  async #openVariants(one: OpenableCase, reference: LogitsSource, open: LogitsSource[]): Promise<OpenSources> {
    const devices: LogitsSource[] = [];
    const keys: string[] = [];
    const variants: OpenVariant[] = [];
    for (const variant of one.variants) {
      let device = keys.indexOf(variant.sourceKey);
      if (device < 0) {
        const opened = await blame('device', () => this.#usage.opening('actual', variant.open));
        const source = this.#options.replay.run.spec.repeat === undefined ? opened : new FeedRecorder(opened);
        open.push(source);
        device = devices.push(source) - 1;
        keys.push(variant.sourceKey);
      }
      const { name, golden: goldenName } = variant.spec;
      const golden = variants.find((each) => each.name === goldenName)?.comparison.device;
      const [goldenSource, source] = [golden === undefined ? reference : devices[golden]!, devices[device]!];
      requireComparable(goldenSource, source);
      this.#beginCase(one, name, variant.notes(), goldenSource, source);
      const createJudge: OpenVariant['createJudge'] = (goldenRows) =>
        this.#judgeOf(one, variant, goldenSource, source, goldenRows);
      const isFirst = (index: number | undefined): boolean =>
        variants.every(({ comparison }) => comparison.golden !== index && comparison.device !== index);
      const counted = { golden: isFirst(golden), actual: isFirst(device) };
      variants.push({ name, source, comparison: { device, golden }, counted, createJudge });
    }
    return { reference, devices, variants };
  }

  /** One lane for each prompt that runs at a time: one, unless every source has a sequence for each. */
  #openLanes(
    one: OpenableCase,
    units: readonly RunUnit[],
    { reference, devices, variants }: OpenSources,
    open: LogitsSource[],
  ): LaneSources[] {
    const { replay, mayBegin } = this.#options;
    const haveSequences = [reference, ...devices].every(({ sequence }) => sequence !== undefined);
    // What may end after any prompt does not begin several.
    const isOneByOne = replay.run.spec.mode !== 'teacherForced' || mayBegin !== undefined || !haveSequences;
    const most = isOneByOne ? 1 : Math.min(PROMPTS_TOGETHER, one.promptsTogether?.(units) ?? PROMPTS_TOGETHER);
    const another = (source: LogitsSource): LogitsSource => {
      const sequence = source.sequence!();
      open.push(sequence);
      return sequence;
    };
    const goldenRows = variants.length > 1 ? new GoldenRows() : undefined;
    return Array.from({ length: Math.max(1, Math.min(most, units.length)) }, (_, i) => ({
      reference: i === 0 ? reference : another(reference),
      devices: i === 0 ? devices : devices.map(another),
      judges: variants.map(({ createJudge }) => createJudge(goldenRows)),
    }));
  }

  /** Logs what was opened; a resumed run must have opened the same. */
  #beginCase(
    { spec }: OpenableCase,
    variant: string,
    notes: readonly string[],
    reference: LogitsSource,
    device: LogitsSource,
  ): void {
    const event = {
      event: 'case',
      case: spec.name,
      variant,
      golden: withoutThreads(reference.info),
      device: withoutThreads(device.info),
      vocabSize: Math.min(reference.vocabSize, device.vocabSize),
      notes: [...notes, ...(reference.info.notes ?? []), ...(device.info.notes ?? [])],
    } as const;
    const known = this.#options.replay.cases.get(caseId(event));
    if (known === undefined) {
      this.#emit(event);
      requireBaselineSources(this.#options.replay.run.spec, event);
      return;
    }
    const difference = firstDifference(known, JSON.parse(JSON.stringify(event)), `${spec.name}, ${variant}`);
    if (difference === undefined) {
      requireBaselineSources(this.#options.replay.run.spec, event);
      return;
    }
    throw new InputError('this run was made with other files or another device.', {
      code: 'RESUME_DIFFERS',
      facts: { field: difference.path, recorded: difference.a, now: difference.b },
      hint: 'put the files back that the run was made with, or start a new run.',
    });
  }

  #judgeOf(
    one: OpenableCase,
    { spec }: OpenableCase['variants'][number],
    reference: LogitsSource,
    device: LogitsSource,
    goldenRows: GoldenRows | undefined,
  ): TokenJudge {
    const { judge } = this.#options.replay.run.spec;
    return new TokenJudge({
      vocabSize: Math.min(reference.vocabSize, device.vocabSize),
      device: device.info,
      textOf: one.texts.textOf,
      settings: isRung(spec) ? { ...judge, rules: [] } : judge,
      goldenRows,
      keepEvidence: (file, write) => asLogError(() => this.#options.log.keepFile(file, write)),
    });
  }

  async #runUnits(
    units: readonly RunUnit[],
    one: OpenableCase,
    lanes: readonly LaneSources[],
    { variants }: OpenSources,
  ): Promise<void> {
    const { spec } = this.#options.replay.run;
    const comparisons = variants.map(({ comparison }) => comparison);
    const runs = units.map(
      (unit, i) => new UnitRun(this.#unitOptions(unit, one, lanes[i]!, variants), i === 0, units.length === 1),
    );
    const parts = units.map(({ prompt }, i) => {
      const { reference, devices } = lanes[i]!;
      const request = this.#requestOf(one.spec.name, prompt, one.spec.eosTokenIds);
      return { reference, devices, request, sinks: runs[i]!.sinks, comparisons };
    });
    const ends =
      spec.mode === 'teacherForced'
        ? await runTogether(parts, (error) => !isOfPromptAlone(error))
        : [await freeEnd(parts[0]!)];
    for (const [i, run] of runs.entries()) {
      const end = ends[i];
      if (end === undefined) break;
      run.writeRows();
      if (end.status === 'rejected' && !isOfPromptAlone(end.reason)) throw end.reason;
      if (end.status === 'fulfilled') {
        await run.repeat(parts[i]!.request);
        run.close(end.value, undefined);
      } else run.close(undefined, end.reason);
    }
  }

  #unitOptions(
    unit: RunUnit,
    one: OpenableCase,
    { judges }: LaneSources,
    variants: readonly OpenVariant[],
  ): UnitRunOptions {
    return {
      unit,
      variants: variants.map(({ name, source, comparison }, i) => ({
        name,
        comparison,
        judge: judges[i]!,
        logitsFormat: logitsFormatOf(source, unit),
        isRung: isRung(one.variants[i]!.spec),
      })),
      repeats: new UnitRepeats(unit, variants, this.#options.replay),
      limits: this.#options.replay.run.spec.limits,
      textOf: one.texts.textOf,
      evidence: this.#evidence,
      emit: (event) => this.#emit(event),
      onRecord: (record) => {
        this.#usage.addToken(record, variants.find(({ name }) => name === record.variant)!.counted);
        this.#options.onToken?.(record);
      },
    };
  }

  #requestOf(caseName: string, prompt: PromptSpec, eosTokenIds: readonly number[]): SequenceRequest {
    const { signal, onStage, replay } = this.#options;
    return {
      prompt: prompt.name,
      user: prompt.user,
      promptIds: Int32Array.from(prompt.promptIds),
      eosTokenIds,
      ...replay.run.spec.limits,
      ...(prompt.positions === null ? {} : { positions: Int32Array.from(prompt.positions) }),
      ...(prompt.continuationIds === null ? {} : { continuationIds: Int32Array.from(prompt.continuationIds) }),
      ...(signal === undefined ? {} : { signal }),
      ...(onStage === undefined ? {} : { onStage: (stage: Stage): void => onStage(caseName, prompt.name, stage) }),
    };
  }

  /** @returns the event's line. */
  #emit(event: LogEvent): string {
    return asLogError(() => {
      const line = this.#options.log.append(event);
      this.#options.replay.add(event, line);
      return line;
    });
  }
}

function asLogError<T>(write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw new LogError(error);
  }
}

/** The log or a file beside it cannot be written or repeated: no prompt's own failure. */
class LogError extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super('the log of the run', { cause: thrown });
    this.thrown = thrown;
  }
}

function logitsFormatOf(source: LogitsSource, { prompt }: RunUnit): LogitsFormat {
  return source.logitsFormatOf?.(prompt.name, prompt.user) ?? source.info.logitsFormat;
}

async function freeEnd({ reference, devices, request, sinks }: LaneParts): Promise<PromiseSettledResult<Outcome>> {
  const [end] = await Promise.allSettled([runFree(reference, devices[0]!, request, (pair) => sinks.onPair(0, pair))]);
  return end!;
}

/** By the sequence's key as JSON. */
function evidenceShares(spec: RunSpec): Map<string, number> {
  const keys = unitsOf(spec).flatMap(judgedSequencesOf);
  return new Map(keys.map((key, i) => [sequenceId(key), evidenceShare(i, keys.length)]));
}
