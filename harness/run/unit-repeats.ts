// The devices of a unit that are fed it once more: what is remembered of the first time, and the feeding again.
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { DEFAULT_TIE_ULPS } from '../metrics/flips.ts';
import type { RepeatEvent } from '../record/repeat.ts';
import type { RunUnit } from '../record/run-spec.ts';
import { caseId, type RunReplay } from '../replay/run-replay.ts';
import { feedRequest, type RowPair, type SequenceRequest } from '../sequence/sequence.ts';
import { FeedRecorder } from './feed-recorder.ts';
import { FirstRows, repeatSequence } from './repeat-sequence.ts';

export interface RepeatedVariant {
  readonly name: string;
  readonly source: LogitsSource;
}

export class UnitRepeats {
  readonly #variants: readonly RepeatedVariant[];
  /** By index of the variant. */
  readonly #first: ReadonlyMap<number, FirstRows>;

  constructor(unit: RunUnit, variants: readonly RepeatedVariant[], replay: RunReplay) {
    this.#variants = variants;
    const { repeat, judge } = replay.run.spec;
    const { prompt } = unit;
    this.#first = new Map(
      variants.flatMap(({ name, source }, index) => {
        const key = { case: unit.case.name, variant: name, prompt: prompt.name, user: prompt.user };
        if (repeat === undefined || !replay.isFedAgain(unit, key)) return [];
        const { vocabSize } = replay.cases.get(caseId(key))!;
        const logitsFormat = source.logitsFormatOf?.(prompt.name, prompt.user) ?? source.info.logitsFormat;
        const { semantics, pccMinimum } = judge;
        const options = { vocabSize, logitsFormat, tieUlps: DEFAULT_TIE_ULPS, semantics, pccMinimum };
        return [[index, new FirstRows(key, repeat.seed, options)] as const];
      }),
    );
  }

  /** A pair of the first time. */
  add(index: number, pair: RowPair): void {
    this.#first.get(index)?.add(pair);
  }

  /** Feeds each device the sequence that it has just had. @param onError - of a variant; what it throws ends the unit. */
  async run(
    request: SequenceRequest,
    isFailed: (index: number) => boolean,
    emit: (event: RepeatEvent) => void,
    onError: (index: number, error: unknown) => void,
  ): Promise<void> {
    for (const [index, first] of this.#first) {
      const { source } = this.#variants[index]!;
      if (isFailed(index) || !(source instanceof FeedRecorder)) continue;
      let events: RepeatEvent[];
      try {
        events = await repeatSequence(first, source, source.feeds, feedRequest(request));
      } catch (error) {
        onError(index, error);
        continue;
      }
      for (const event of events) emit(event);
    }
  }
}
