// From a pair of rows to a token record: measured, judged, and kept as evidence if it failed.
import type { SourceInfo } from '../../src/device/logits-source.ts';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import { judgeToken } from '../gate/judge-token.ts';
import { DEFAULT_TIE_ULPS } from '../metrics/flips.ts';
import type { GoldenRows } from '../metrics/golden-rows.ts';
import { RowComparer } from '../metrics/row-comparer.ts';
import { ContextChain, type HashedContext } from '../record/context-hash.ts';
import type { TokenEvent } from '../record/events.ts';
import type { JudgeSettings } from '../record/run-spec.ts';
import { phaseOfPosition, type SequenceKey } from '../record/token-record.ts';
import type { RowPair } from '../sequence/sequence.ts';
import { evidenceName, writeEvidence } from './evidence-file.ts';

export interface TokenJudgeOptions {
  readonly vocabSize: number;
  readonly device: SourceInfo;
  /** Text of one token id. */
  readonly textOf: (tokenId: number) => string;
  readonly settings: JudgeSettings;
  /** Shared by the judges of a prompt's variants; absent if it has one. */
  readonly goldenRows?: GoldenRows | undefined;
  /** Keeps a failing token's rows in the run folder. */
  readonly keepEvidence: (name: string, write: (file: string) => void) => void;
}

/** A sequence to be judged. */
export interface JudgedSequence extends SequenceKey {
  readonly promptLength: number;
  /** Failing tokens whose rows are kept. */
  readonly evidenceRows: number;
  /** Tokens that need no choice, for positions without a row. */
  readonly knownIds: Int32Array;
  /** Before its first token; shared by the sequences of a prompt's variants. */
  readonly start?: HashedContext;
  /** Of the device's rows, where it differs from prompt to prompt; `device.logitsFormat` if absent. */
  readonly logitsFormat?: LogitsFormat;
}

/** Judges the rows of one variant, prompt after prompt; no prompt's records depend on another's. */
export class TokenJudge {
  readonly #options: TokenJudgeOptions;
  /** One for each format: near is what is near in it. */
  readonly #comparers: Map<LogitsFormat, RowComparer> = new Map();
  #comparer: RowComparer;
  #sequence: JudgedSequence | undefined;
  #chain = new ContextChain();
  #fed = 0;
  #evidenceLeft = 0;

  constructor(options: TokenJudgeOptions) {
    this.#options = options;
    this.#comparer = this.#comparerFor(options.device.logitsFormat);
  }

  #comparerFor(logitsFormat: LogitsFormat): RowComparer {
    const { vocabSize, settings, goldenRows } = this.#options;
    const { semantics, pccMinimum } = settings;
    const comparer =
      this.#comparers.get(logitsFormat) ??
      new RowComparer({ vocabSize, logitsFormat, tieUlps: DEFAULT_TIE_ULPS, semantics, pccMinimum, goldenRows });
    this.#comparers.set(logitsFormat, comparer);
    return comparer;
  }

  startSequence(sequence: JudgedSequence): void {
    this.#sequence = sequence;
    this.#chain = new ContextChain(sequence.start);
    this.#fed = 0;
    this.#evidenceLeft = sequence.evidenceRows;
    this.#comparer = this.#comparerFor(sequence.logitsFormat ?? this.#options.device.logitsFormat);
    this.#comparer.startPrompt();
  }

  /** Of the reference's context after the last row. */
  get contextHash(): string {
    return this.#chain.hashes.golden;
  }

  /** @returns the record of one position, as the log takes it; positions must come in order. */
  judge(pair: RowPair): TokenEvent {
    const { golden, actual, position } = pair;
    const { promptLength, knownIds, case: caseName, variant, prompt, user } = this.#sequence!;
    const startedAt = performance.now();
    while (this.#fed < position) this.#chain.extendUnjudged(this.#fed, knownIds[this.#fed++]!);
    const inputToken = { golden: golden.tokenId, actual: actual.tokenId };
    const inputPosition = { golden: golden.position, actual: actual.position };
    this.#chain.extend(inputPosition, inputToken);
    this.#fed = position + 1;
    const contextHash = this.#chain.hashes;
    const { textOf, settings, vocabSize } = this.#options;
    // The larger of two vocabularies is cut; a shorter row than that is an error of its source.
    const [goldenRow, actualRow] = [golden.logits.subarray(0, vocabSize), actual.logits.subarray(0, vocabSize)];
    const metrics = this.#comparer.compareRow(goldenRow, actualRow, {
      nextTokenId: pair.nextTokenId ?? null,
      goldenKey: golden,
    });
    const { hygiene, moments, distribution, choice, controls, correlation, pccJudgement } = metrics;
    const phase = phaseOfPosition(position, promptLength);
    // No spread: in front of other fields, one costs more than all of the row's sums at a small vocabulary.
    const facts = {
      case: caseName,
      variant,
      prompt,
      user,
      position,
      phase,
      inputToken,
      inputPosition,
      contextHash,
      hygiene,
      pccJudgement,
      moments,
      distribution,
      choice,
      controls,
    };
    const words = { logitsFormat: this.#comparer.options.logitsFormat, textOf };
    const judgement = judgeToken(settings.rules, facts, words, settings.expected);
    const isDefined = correlation.kind === 'defined';
    return {
      event: 'token',
      case: caseName,
      variant,
      prompt,
      user,
      position,
      phase,
      step: pair.step,
      text: textOf(pair.tokenId),
      inputToken,
      inputPosition,
      contextHash,
      status: judgement.status,
      failedRules: judgement.failedRules,
      reason: judgement.reason,
      pcc: isDefined ? correlation.pcc : null,
      pccUndefined: isDefined ? null : correlation.reason,
      pccJudgement,
      hygiene,
      moments,
      distribution,
      choice,
      controls,
      evidence: judgement.failedRules.length > 0 ? this.#keepEvidence(facts, pair) : null,
      timing: { goldenMs: pair.ms.golden, actualMs: pair.ms.actual, compareMs: performance.now() - startedAt },
    };
  }

  #keepEvidence(key: Parameters<typeof evidenceName>[0], pair: RowPair): string | null {
    if (this.#evidenceLeft === 0) return null;
    this.#evidenceLeft--;
    const name = evidenceName(key);
    this.#options.keepEvidence(name, (file) => writeEvidence(file, pair));
    return name;
  }
}
