// One prompt on all variants of its case: its rows judged at once, written when every prompt before it is whole.
import { ComparisonInvalidError, InputError, QwenPccError } from '../../src/errors.ts';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import { HashedContext } from '../record/context-hash.ts';
import type { LogEvent, TokenEvent } from '../record/events.ts';
import type { RunUnit, SequenceLimits } from '../record/run-spec.ts';
import { type SequenceKey, sequenceId, type TokenRecord } from '../record/token-record.ts';
import type { Comparison, LockstepSinks } from '../sequence/lockstep.ts';
import { CHUNK_POSITIONS, type RowPair, type SequenceRequest } from '../sequence/sequence.ts';
import { notReached, type Outcome, promptEvent } from './prompt-event.ts';
import { SequenceRows } from './sequence-rows.ts';
import type { TokenJudge } from './token-judge.ts';
import type { UnitRepeats } from './unit-repeats.ts';

export interface UnitVariant {
  readonly name: string;
  readonly comparison: Comparison;
  readonly judge: TokenJudge;
  readonly logitsFormat: LogitsFormat;
  /** Judges nothing: a diagnostic that breaks down ends nothing but itself. */
  readonly isRung: boolean;
}

export interface UnitRunOptions {
  readonly unit: RunUnit;
  readonly variants: readonly UnitVariant[];
  readonly repeats: UnitRepeats;
  readonly limits: SequenceLimits;
  readonly textOf: (tokenId: number) => string;
  /** Failing tokens whose rows are kept, by `sequenceId`. */
  readonly evidence: ReadonlyMap<string, number>;
  /** Writes an event. @returns its line. */
  readonly emit: (event: LogEvent) => string;
  /** Told of every record as it is judged. */
  readonly onRecord: (record: TokenRecord) => void;
}

interface HeldRecord {
  readonly index: number;
  readonly record: TokenEvent;
}

export class UnitRun {
  readonly #options: UnitRunOptions;
  readonly #rows: readonly SequenceRows[];
  readonly #failures: Map<number, unknown> = new Map();
  readonly #held: HeldRecord[] = [];
  /** Rows from this position on come in other turns than the log has them. */
  readonly #heldFrom: number;

  /**
   * @param isFirst - of those that run together: its rows are written as they come, as far as they come in order.
   * @param isAlone - runs by itself.
   */
  constructor(options: UnitRunOptions, isFirst: boolean, isAlone: boolean) {
    this.#options = options;
    const { unit, variants, textOf, evidence } = options;
    const { prompt } = unit;
    // Together, several devices get rows of chosen tokens in other turns than alone: then the order has to be made.
    const isInOrder = isAlone || variants.every(({ comparison }) => comparison.device === 0);
    this.#heldFrom = !isFirst ? 0 : isInOrder ? Number.POSITIVE_INFINITY : knownLength(prompt);
    const start = new HashedContext();
    this.#rows = variants.map(({ name, judge, logitsFormat }) => {
      const key: SequenceKey = { case: unit.case.name, variant: name, prompt: prompt.name, user: prompt.user };
      judge.startSequence({
        ...key,
        promptLength: prompt.promptIds.length,
        evidenceRows: evidence.get(sequenceId(key)) ?? 0,
        knownIds: Int32Array.from([...prompt.promptIds, ...(prompt.continuationIds ?? [])]),
        start,
        logitsFormat,
      });
      return new SequenceRows(key, textOf);
    });
  }

  get sinks(): Required<LockstepSinks> & { readonly onPair: (index: number, pair: RowPair) => void } {
    return {
      onPair: (index, pair) => {
        this.#options.repeats.add(index, pair);
        const record = this.#options.variants[index]!.judge.judge(pair);
        if (pair.position >= this.#heldFrom) this.#held.push({ index, record });
        else this.#write(index, record);
        this.#options.onRecord(record);
      },
      onDeviceError: (index, error) => {
        const isOfRung = this.#options.variants[index]!.isRung && error instanceof QwenPccError;
        if (!isOfPromptAlone(error) && !isOfRung) throw error;
        this.#failures.set(index, error);
      },
    };
  }

  /** Feeds each device that did not fail its sequence once more, where the run says so. */
  repeat(request: SequenceRequest): Promise<void> {
    const { repeats, emit } = this.#options;
    const isFailed = (index: number): boolean => this.#failures.has(index);
    return repeats.run(request, isFailed, (event) => void emit(event), this.sinks.onDeviceError);
  }

  /** Writes the rows that were held; all prompts before it must be whole. */
  writeRows(): void {
    const { unit, variants } = this.#options;
    const known = knownLength(unit.prompt);
    const turnOfRecord = ({ record }: HeldRecord): number => turnOf(record.position, known);
    const deviceOf = ({ index }: HeldRecord): number => variants[index]!.comparison.device;
    this.#held.sort(
      (a, b) =>
        turnOfRecord(a) - turnOfRecord(b) ||
        deviceOf(a) - deviceOf(b) ||
        a.record.position - b.record.position ||
        a.index - b.index,
    );
    for (const { index, record } of this.#held) this.#write(index, record);
    this.#held.length = 0;
  }

  /** Closes the prompt on every variant. @param error - of its sequence, undefined with an outcome. */
  close(outcome: Outcome | undefined, error: unknown): void {
    const { unit, variants, limits, emit } = this.#options;
    for (const [index, { judge }] of variants.entries()) {
      const failure = this.#failures.get(index) ?? error ?? notReached(unit.prompt, outcome);
      emit(promptEvent(this.#rows[index]!, judge.contextHash, unit.prompt, limits, outcome, failure));
    }
  }

  #write(index: number, record: TokenEvent): void {
    this.#rows[index]!.add(this.#options.emit(record), record);
  }
}

/** Whether the other prompts can be judged all the same: a recording lacks rows, or has other tokens. */
export function isOfPromptAlone(error: unknown): boolean {
  return error instanceof ComparisonInvalidError || error instanceof InputError;
}

/** Tokens that need no choice. */
function knownLength({ promptIds, continuationIds }: RunUnit['prompt']): number {
  return promptIds.length + (continuationIds?.length ?? 0);
}

/** In which turn the devices are fed a position when its prompt runs alone: known tokens in chunks, then those that were chosen. */
function turnOf(position: number, known: number): number {
  if (position < known) return Math.floor(position / CHUNK_POSITIONS);
  return Math.ceil(known / CHUNK_POSITIONS) + Math.floor((position - known) / CHUNK_POSITIONS);
}
