// Reads a run's events into its state: checks that each may follow the ones before, counts, judges; pure, no files.
import { createHash, type Hash } from 'node:crypto';
import { InputError } from '../../src/errors.ts';
import { BaselineTokens } from '../baseline/baseline-tokens.ts';
import { createGate, type Gate } from '../gate/gate.ts';
import { brokenTokenRules, isTokenRule, type TokenRule } from '../gate/judge-token.ts';
import { TokenHighlights } from '../gate/token-highlights.ts';
import { Ladders } from '../ladder/ladders.ts';
import { ContextChain, HashedContext } from '../record/context-hash.ts';
import type { CaseEvent, EndEvent, LogEvent, PromptEvent, RunEvent, TokenEvent } from '../record/events.ts';
import { REPEAT_WAYS, type RepeatEvent } from '../record/repeat.ts';
import {
  type RunUnit,
  repeatedUnitsOf,
  type SequenceLimits,
  sequencesOf,
  tokensPlannedMax,
  unitsOf,
} from '../record/run-spec.ts';
import { withoutTiming } from '../record/token-line.ts';
import { isSameSequence, phaseOfPosition, type SequenceKey, sequenceId } from '../record/token-record.ts';

/** A sequence that has begun and not ended. */
interface OpenSequence {
  readonly key: SequenceKey;
  readonly unit: RunUnit;
  readonly isRung: boolean;
  /** Whether the golden rows are the case's reference's. */
  readonly isAgainstReference: boolean;
  readonly lengthMax: number;
  /** Prompt and forced continuation. */
  readonly known: Int32Array;
  readonly chain: ContextChain;
  readonly rows: Hash;
  /** Positions fed so far, unjudged ones included. */
  fed: number;
  judged: number;
  /** The reference's choice at the last judged position, which a greedy text has next; null: unknown. */
  choice: number | null;
}

/** The unit whose sequences may be open. */
interface UnitUnderWay {
  readonly unit: RunUnit | undefined;
  /** Of its sequences. */
  readonly ids: readonly string[];
  /** Before their first token. */
  readonly start: HashedContext;
}

/** What a log is to hold, in order. */
export function unitsOfRun({ spec, part }: Pick<RunEvent, 'spec' | 'part'>): RunUnit[] {
  const all = unitsOf(spec);
  return part === null ? all : part.flatMap((index) => all[index] ?? []);
}

export class RunReplay {
  readonly run: RunEvent;
  /** What this log is to hold, in order. */
  readonly units: readonly RunUnit[];
  readonly gate: Gate;
  readonly highlights: TokenHighlights = new TokenHighlights();
  readonly ladders: Ladders;
  /** Of a run with a baseline. */
  readonly baselineTokens: BaselineTokens = new BaselineTokens();
  readonly cases: Map<string, CaseEvent> = new Map();
  readonly prompts: Map<string, PromptEvent> = new Map();
  /** By sequence, of those that were fed again. */
  readonly repeats: Map<string, RepeatEvent[]> = new Map();
  end: EndEvent | null = null;
  unitsDone = 0;
  readonly #open: Map<string, OpenSequence> = new Map();
  /** The open sequence of the token before: most are of the same. */
  #last: OpenSequence | undefined;
  readonly #tokenRules: readonly TokenRule[];
  readonly #repeated: ReadonlySet<RunUnit>;
  #underWay: UnitUnderWay = { unit: undefined, ids: [], start: new HashedContext() };

  /** @throws InputError LOG_INCONSISTENT if failures are expected of a hard rule. */
  constructor(run: RunEvent) {
    const { rules, expected = [] } = run.spec.judge;
    const hard = expected.find((one) => rules.some(({ id, origin }) => id === one.rule && origin === 'hard'));
    if (hard !== undefined) throw inconsistent(`expected failures of ${hard.rule}`, 'none of a hard rule');
    this.run = run;
    this.units = unitsOfRun(run);
    this.gate = createGate(run.spec.judge.rules, run.spec.judge.expected);
    this.#tokenRules = rules.filter(isTokenRule);
    this.ladders = new Ladders(run.spec);
    this.#repeated = repeatedOf(run, this.units);
  }

  /** Whether the log is to hold less than the plan. */
  get isPart(): boolean {
    return this.units.length < unitsOf(this.run.spec).length;
  }

  get isComplete(): boolean {
    return this.unitsDone === this.units.length;
  }

  /**
   * Takes the next event.
   *
   * @param line - its line in the log.
   * @throws InputError LOG_INCONSISTENT if it cannot follow the events before, or does not fit the spec.
   */
  add(event: LogEvent, line: string): void {
    if (this.end !== null) throw inconsistent('an event after the end of the run', 'nothing');
    switch (event.event) {
      case 'run':
        throw inconsistent('a second beginning', 'one run a log');
      case 'case':
        this.#addCase(event);
        break;
      case 'token':
        this.#addToken(event, line);
        break;
      case 'repeat':
        this.#addRepeat(event);
        break;
      case 'prompt':
        this.#addPrompt(event);
        break;
      case 'end':
        this.end = event;
    }
  }

  /** Whether a token or prompt is of a ladder's rung, which nobody judges. */
  isRung(key: Pick<SequenceKey, 'case' | 'variant'>): boolean {
    return this.ladders.isRung(key);
  }

  /** Tokens judged of a sequence so far. */
  judgedOf(key: SequenceKey): number {
    const id = sequenceId(key);
    return this.prompts.get(id)?.judged ?? this.#open.get(id)?.judged ?? 0;
  }

  #addCase(event: CaseEvent): void {
    const id = caseId(event);
    const unit = this.units[this.unitsDone];
    const isNext = unit?.case.name === event.case && unit.case.variants.some(({ name }) => name === event.variant);
    if (!isNext) throw inconsistent(`case ${event.case}, variant ${event.variant}`, 'the next case of the plan');
    if (this.cases.has(id)) throw inconsistent(`a second beginning of ${event.case}, ${event.variant}`, 'one');
    this.cases.set(id, event);
  }

  #addToken(event: TokenEvent, line: string): void {
    const open = this.#openOfToken(event);
    const { prompt } = open.unit;
    const expected = prompt.positions === null ? open.fed : prompt.positions[open.judged];
    if (event.position !== expected) {
      throw inconsistent(placeOf(event), `position ${expected ?? 'none: all were judged'}`);
    }
    if (event.position >= open.lengthMax) throw inconsistent(placeOf(event), `positions below ${open.lengthMax}`);
    while (open.fed < event.position) open.chain.extendUnjudged(open.fed, open.known[open.fed++]!);
    const planned = open.known[event.position] ?? open.choice ?? event.inputToken.golden;
    if (event.inputToken.golden !== planned || event.inputPosition.golden !== event.position) {
      throw inconsistent(`${placeOf(event)}: token ${event.inputToken.golden}`, `token ${planned}`);
    }
    const phase = phaseOfPosition(event.position, prompt.promptIds.length);
    const step = phase === 'prefill' ? null : event.position - prompt.promptIds.length;
    if (event.phase !== phase || event.step !== step) {
      throw inconsistent(`${placeOf(event)}: phase ${event.phase}`, phase);
    }
    open.chain.extend(event.inputPosition, event.inputToken);
    const { golden, actual } = open.chain.hashes;
    if (event.contextHash.golden !== golden || event.contextHash.actual !== actual) {
      throw inconsistent(
        `${placeOf(event)}: context ${event.contextHash.golden}`,
        `context ${golden}, of the rows before`,
      );
    }
    open.fed = event.position + 1;
    open.judged++;
    // Golden rows that are another variant's choose nothing: the text is that of the case's reference.
    open.choice = open.isAgainstReference ? (event.choice?.top1.golden ?? null) : null;
    open.rows.update(`${withoutTiming(line)}\n`);
    const broken = open.isRung ? [] : brokenTokenRules(this.#tokenRules, event);
    if (broken.join() !== event.failedRules.join()) {
      throw inconsistent(
        `${placeOf(event)}: broken rules ${event.failedRules.join(', ') || 'none'}`,
        broken.join(', ') || 'none',
      );
    }
    this.ladders.add(event);
    if (open.isRung) return;
    this.gate.add(event);
    this.highlights.add(event);
    if (this.run.spec.baseline !== undefined) this.baselineTokens.add(event);
  }

  #addRepeat(event: RepeatEvent): void {
    const unit = this.#unitOf(event);
    const id = sequenceId(event);
    const known = this.repeats.get(id) ?? [];
    const way = this.isFedAgain(unit, event) ? REPEAT_WAYS[known.length] : undefined;
    const where = `${placeOf(event)}: fed again, ${event.way}`;
    if (event.way !== way) throw inconsistent(where, way ?? 'no further feeding');
    const judged = this.judgedOf(event);
    const rows = `${where}: ${event.rows} rows, ${event.equal} equal, ${event.measured} measured`;
    if (event.rows !== judged || event.equal > judged || event.measured > judged) {
      throw inconsistent(rows, `${judged} rows, as were judged`);
    }
    this.repeats.set(id, [...known, event]);
  }

  /** Whether a device is fed this unit once more; one that is golden for another, for itself; a rung is measured only. */
  isFedAgain(unit: RunUnit, key: Pick<SequenceKey, 'case' | 'variant'>): boolean {
    return this.#repeated.has(unit) && isAgainstReference(unit, key) && !this.isRung(key);
  }

  #addPrompt(event: PromptEvent): void {
    const unit = this.#unitOf(event);
    const id = sequenceId(event);
    const open = this.#openOf(event, unit);
    const where = placeOf(event);
    if (event.judged !== open.judged) throw inconsistent(`${where}: ${open.judged} rows`, `${event.judged} rows`);
    const rows = open.rows.copy().digest('hex');
    if (event.rowsSha256 !== rows) throw inconsistent(`${where}: rows of sha256 ${rows}`, event.rowsSha256);
    if (event.contextHash !== open.chain.hashes.golden) {
      throw inconsistent(`${where}: context ${open.chain.hashes.golden}`, event.contextHash);
    }
    this.#requireWhole(unit, event, open);
    this.#requireTextOfReference(unit, event);
    this.#requireRepeated(unit, event);
    this.#open.delete(id);
    this.#last = undefined;
    this.prompts.set(id, event);
    if (this.#underWayOf(unit).ids.every((one) => this.prompts.has(one))) this.unitsDone++;
  }

  /** What was asked is what was done: the end says why the text has this length, and the spec agrees. */
  #requireWhole({ prompt }: RunUnit, event: PromptEvent, open: OpenSequence): void {
    if (event.stop === 'failed') {
      if (event.failure === null) throw inconsistent(`${placeOf(event)}: failed without a cause`, 'a cause');
      return;
    }
    const { maxNewTokens, maxSeqLen } = this.run.spec.limits;
    const promptLength = prompt.promptIds.length;
    const wanted: Partial<Record<PromptEvent['stop'], number>> = {
      'continuation-end': promptLength + (prompt.continuationIds?.length ?? -1),
      'max-new-tokens': prompt.continuationIds === null ? promptLength + maxNewTokens : -1,
      'max-seq-len': prompt.continuationIds === null ? maxSeqLen : -1,
    };
    const length = wanted[event.stop];
    const where = `${placeOf(event)}: ended by ${event.stop} after ${event.length} positions`;
    if (length !== undefined && event.length !== length) throw inconsistent(where, `${length} positions`);
    if (event.stop === 'eos') {
      const isChosen = open.choice === null || event.divergence !== null || this.#isEos(event, open.choice);
      if (prompt.continuationIds !== null || !isChosen) throw inconsistent(where, 'an end token as the last choice');
    }
    const planned = prompt.positions?.length ?? event.divergence?.position ?? event.length;
    if (event.planned !== planned || event.judged !== planned) {
      throw inconsistent(`${where}, ${event.judged} of ${event.planned} judged`, `${planned} judged`);
    }
  }

  #requireRepeated(unit: RunUnit, event: PromptEvent): void {
    if (event.stop === 'failed' || !this.isFedAgain(unit, event)) return;
    const ways = this.repeats.get(sequenceId(event))?.length ?? 0;
    if (ways !== REPEAT_WAYS.length) {
      throw inconsistent(`${placeOf(event)}: fed again in ${ways} ways`, `${REPEAT_WAYS.length} ways`);
    }
  }

  /** A whole prompt whose golden rows are another variant's was fed what those beside the reference were. */
  #requireTextOfReference(unit: RunUnit, event: PromptEvent): void {
    if (event.stop === 'failed' || isAgainstReference(unit, event)) return;
    const beside = sequencesOf(unit).flatMap((key) =>
      isAgainstReference(unit, key) ? (this.prompts.get(sequenceId(key)) ?? []) : [],
    );
    const wanted = beside.find(({ stop }) => stop !== 'failed')?.contextHash ?? event.contextHash;
    if (event.contextHash !== wanted) throw inconsistent(`${placeOf(event)}: context ${event.contextHash}`, wanted);
  }

  #isEos({ case: name }: SequenceKey, tokenId: number): boolean {
    return this.run.spec.cases.find((one) => one.name === name)!.eosTokenIds.includes(tokenId);
  }

  /** The unit under way, if the key is one of its sequences. */
  #unitOf(key: SequenceKey): RunUnit {
    const unit = this.units[this.unitsDone];
    const id = sequenceId(key);
    const isOfUnit = unit !== undefined && this.#underWayOf(unit).ids.includes(id);
    if (!isOfUnit || this.prompts.has(id)) {
      const next = unit === undefined ? 'the end' : `${unit.case.name} › ${unit.prompt.name}`;
      throw inconsistent(placeOf(key), `${next}: prompts come in the order of the plan`);
    }
    if (!this.cases.has(caseId(key))) throw inconsistent(placeOf(key), `the beginning of ${key.case} before it`);
    return unit;
  }

  #openOfToken(event: TokenEvent): OpenSequence {
    if (this.#last === undefined || !isSameSequence(this.#last.key, event)) {
      this.#last = this.#openOf(event, this.#unitOf(event));
    }
    return this.#last;
  }

  #openOf({ case: caseName, variant, prompt: name, user }: SequenceKey, unit: RunUnit): OpenSequence {
    const key = { case: caseName, variant, prompt: name, user };
    const id = sequenceId(key);
    const before = this.#open.get(id);
    if (before !== undefined) return before;
    const { prompt } = unit;
    const fresh = {
      key,
      unit,
      isRung: this.isRung(key),
      isAgainstReference: isAgainstReference(unit, key),
      lengthMax: lengthMax(prompt, this.run.spec.limits),
      known: Int32Array.from([...prompt.promptIds, ...(prompt.continuationIds ?? [])]),
      chain: new ContextChain(this.#underWayOf(unit).start),
      rows: createHash('sha256'),
      fed: 0,
      judged: 0,
      choice: null,
    };
    this.#open.set(id, fresh);
    return fresh;
  }

  /** Made once a unit. */
  #underWayOf(unit: RunUnit): UnitUnderWay {
    if (this.#underWay.unit !== unit) {
      this.#underWay = { unit, ids: sequencesOf(unit).map(sequenceId), start: new HashedContext() };
    }
    return this.#underWay;
  }
}

/** Whether the golden rows of a sequence are the case's reference's. */
function isAgainstReference({ case: { variants } }: RunUnit, { variant }: Pick<SequenceKey, 'variant'>): boolean {
  return variants.find(({ name }) => name === variant)?.golden === undefined;
}

/** Most positions that are fed of a prompt. */
export function lengthMax(prompt: RunUnit['prompt'], limits: SequenceLimits): number {
  return tokensPlannedMax({ ...prompt, positions: null }, limits);
}

/** Units of this log that are fed again: which ones follows from the whole plan. */
function repeatedOf({ spec, part }: RunEvent, units: readonly RunUnit[]): ReadonlySet<RunUnit> {
  const chosen = repeatedUnitsOf(spec);
  const all = unitsOf(spec);
  const indices = part?.filter((index) => all[index] !== undefined) ?? [...all.keys()];
  return new Set(units.filter((_, i) => chosen.has(indices[i]!)));
}

export function caseId({ case: name, variant }: Pick<SequenceKey, 'case' | 'variant'>): string {
  return JSON.stringify([name, variant]);
}

function placeOf(key: SequenceKey & { readonly position?: number }): string {
  const user = key.user === 0 ? '' : ` › user ${key.user}`;
  const position = key.position === undefined ? '' : ` › position ${key.position}`;
  return `${key.case} › ${key.variant} › ${key.prompt}${user}${position}`;
}

function inconsistent(found: string, wanted: string): InputError {
  return new InputError('the log of this run does not hold together.', {
    code: 'LOG_INCONSISTENT',
    facts: { found, wanted },
    hint: 'somebody changed it, or parts of it are missing; start a new run. Nothing in the folder was changed.',
  });
}
