// From a pair of rows to a token record: measured, judged, and kept as evidence if it failed.

import type { SourceInfo } from '../../src/device/logits-source.ts';
import { judgeToken } from '../gate/judge-token.ts';
import { DEFAULT_TIE_ULPS } from '../metrics/flips.ts';
import { isLogitsFormat, type LogitsFormat } from '../metrics/logits-format.ts';
import { RowComparer } from '../metrics/row-comparer.ts';
import { EMPTY_CONTEXT, extendContextHash } from '../record/context-hash.ts';
import type { PccSemantics, RowMetrics } from '../record/row-metrics.ts';
import type { GateRule } from '../record/rules.ts';
import { phaseOfPosition, type TokenRecord } from '../record/token-record.ts';
import type { RowPair } from '../sequence/sequence.ts';
import { writeEvidence } from './evidence-file.ts';

/** What decides about every token; part of what a resumed run must share. */
export interface JudgeSettings {
  readonly semantics: PccSemantics;
  readonly pccMinimum: number;
  readonly rules: readonly GateRule[];
}

export interface TokenJudgeOptions {
  readonly variant: string;
  readonly vocabSize: number;
  readonly device: SourceInfo;
  /** Text of one token id. */
  readonly textOf: (tokenId: number) => string;
  readonly settings: JudgeSettings;
  /** Keeps a failing token's rows; returns where, or null when there is no more room. */
  readonly keepEvidence: (name: string, write: (file: string) => void) => string | null;
}

/** Judges the rows of one variant, prompt after prompt. */
export class TokenJudge {
  private readonly options: TokenJudgeOptions;
  private readonly comparer: RowComparer;
  private readonly logitsFormat: LogitsFormat;
  private prompt = '';
  private promptLength = 0;
  private goldenContext: string = EMPTY_CONTEXT;
  private actualContext: string = EMPTY_CONTEXT;

  constructor(options: TokenJudgeOptions) {
    this.options = options;
    const { vocabSize, settings, device } = options;
    const format = device.dtypes['logits'] ?? 'F32';
    this.logitsFormat = isLogitsFormat(format) ? format : 'F32';
    this.comparer = new RowComparer({
      vocabSize,
      logitsFormat: this.logitsFormat,
      tieUlps: DEFAULT_TIE_ULPS,
      semantics: settings.semantics,
      pccMinimum: settings.pccMinimum,
    });
  }

  startPrompt(prompt: string, promptLength: number): void {
    this.prompt = prompt;
    this.promptLength = promptLength;
    this.goldenContext = EMPTY_CONTEXT;
    this.actualContext = EMPTY_CONTEXT;
    this.comparer.startPrompt();
  }

  /** @returns the record of one position; positions must come in order. */
  judge(pair: RowPair): TokenRecord {
    const { golden, actual, position } = pair;
    const startedAt = performance.now();
    this.goldenContext = extendContextHash(this.goldenContext, golden.position, golden.tokenId);
    this.actualContext = extendContextHash(this.actualContext, actual.position, actual.tokenId);
    const metrics = this.comparer.compareRow(golden.logits, actual.logits, { nextTokenId: pair.nextTokenId ?? null });
    const facts = {
      phase: phaseOfPosition(position, this.promptLength),
      inputToken: { golden: golden.tokenId, actual: actual.tokenId },
      inputPosition: { golden: golden.position, actual: actual.position },
      contextEqual: this.goldenContext === this.actualContext,
      ...metrics,
    };
    const { textOf, variant, settings } = this.options;
    const judgement = judgeToken(settings.rules, facts, { logitsFormat: this.logitsFormat, textOf });
    const isFailing = judgement.failedRules.length > 0;
    return {
      variant,
      prompt: this.prompt,
      position,
      phase: facts.phase,
      step: pair.step,
      text: textOf(pair.tokenId),
      inputToken: facts.inputToken,
      inputPosition: facts.inputPosition,
      contextHash: { golden: this.goldenContext, actual: this.actualContext },
      contextEqual: facts.contextEqual,
      status: judgement.status,
      failedRules: judgement.failedRules,
      reason: judgement.reason,
      ...correlationFields(metrics),
      hygiene: metrics.hygiene,
      moments: metrics.moments,
      distribution: metrics.distribution,
      choice: metrics.choice,
      controls: metrics.controls,
      timing: { goldenMs: pair.ms.golden, actualMs: pair.ms.actual, compareMs: performance.now() - startedAt },
      evidence: isFailing ? this.keepEvidence(pair) : null,
    };
  }

  private keepEvidence(pair: RowPair): string | null {
    const name = `${this.options.variant}.${this.prompt}.${pair.position}`;
    return this.options.keepEvidence(name, (file) => writeEvidence(file, pair));
  }
}

function correlationFields({
  correlation,
  pccJudgement,
}: RowMetrics): Pick<TokenRecord, 'pcc' | 'pccUndefined' | 'pccJudgement'> {
  return correlation.kind === 'defined'
    ? { pcc: correlation.pcc, pccUndefined: null, pccJudgement }
    : { pcc: null, pccUndefined: correlation.reason, pccJudgement };
}
