// A token record to its line in the log and back.
import { fromJsonNumber, type JsonNumber, shortFloat32, toJsonNumber } from './real-number.ts';
import type { Pair, RowChoice, RowDistribution, RowHygiene, RowMoments } from './row-metrics.ts';
import type { TokenLine } from './token-line-schema.ts';
import type { TokenRecord } from './token-record.ts';

/** Three decimals: microseconds. */
const inMicroseconds = (ms: number): number => Math.round(ms * 1000) / 1000;

const TIMING = ',"timing":[';

/** One line of the log, without the line end. */
export function formatTokenLine(record: TokenRecord): string {
  return JSON.stringify(toTokenLine(record));
}

/** The part of a token's line that is the same in every run of the spec. */
export function withoutTiming(line: string): string {
  const at = line.lastIndexOf(TIMING);
  return at < 0 ? line : line.slice(0, at);
}

/** What is undefined is in no line; without spreads, since this is done for every row of every variant. */
function toTokenLine(record: TokenRecord): TokenLine {
  const { moments, distribution, choice, inputPosition, inputToken, contextHash, pccJudgement, timing } = record;
  const isAtPosition = inputPosition.golden === record.position && inputPosition.actual === record.position;
  return {
    event: 'token',
    case: record.case,
    variant: record.variant,
    prompt: record.prompt,
    user: record.user === 0 ? undefined : record.user,
    position: record.position,
    phase: record.phase,
    step: record.step ?? undefined,
    text: record.text,
    token: inputToken.golden === inputToken.actual ? inputToken.golden : listPair(inputToken),
    at: isAtPosition ? undefined : listPair(inputPosition),
    context: contextHash.golden === contextHash.actual ? contextHash.golden : listPair(contextHash),
    status: record.status,
    failedRules: record.failedRules.length === 0 ? undefined : [...record.failedRules],
    reason: record.reason ?? undefined,
    pcc: orNull(record.pcc),
    pccUndefined: record.pccUndefined ?? undefined,
    outcome: pccJudgement.outcome,
    semantics: pccJudgement.semantics === 'strict' ? undefined : pccJudgement.semantics,
    judgedPcc: Object.is(pccJudgement.pcc, record.pcc) ? undefined : orNull(pccJudgement.pcc),
    hygiene: toHygiene(record.hygiene),
    moments: moments === null ? undefined : toMoments(moments),
    distribution: distribution === null ? undefined : toDistribution(distribution),
    choice: choice === null ? undefined : toChoice(choice),
    controls: toControls(record.controls),
    evidence: record.evidence ?? undefined,
    timing: [inMicroseconds(timing.goldenMs), inMicroseconds(timing.actualMs), inMicroseconds(timing.compareMs)],
  };
}

function toHygiene(hygiene: RowHygiene): TokenLine['hygiene'] {
  const { vocabSize, maskedPairs, constantRow, constantBlocks } = hygiene;
  return {
    vocabSize,
    nan: toCounts(hygiene.nan),
    positiveInfinity: toCounts(hygiene.positiveInfinity),
    negativeInfinity: toCounts(hygiene.negativeInfinity),
    zeros: toCounts(hygiene.zeros),
    maskedPairs: maskedPairs === 0 ? undefined : maskedPairs,
    constantRow: constantRow.golden || constantRow.actual ? listPair(constantRow) : undefined,
    constantBlocks:
      constantBlocks.length === 0
        ? undefined
        : constantBlocks.map(({ from, to, value }) => [from, to, shortFloat32(value)]),
  };
}

function toCounts(counts: Pair<number>): [number, number] | undefined {
  return counts.golden === 0 && counts.actual === 0 ? undefined : listPair(counts);
}

function toMoments(moments: RowMoments): TokenLine['moments'] {
  return {
    cosine: orNull(moments.cosine),
    gain: orNull(moments.gain),
    offset: orNull(moments.offset),
    residualSd: orNull(moments.residualSd),
    sd: numberPair(moments.sd),
    min: floatPair(moments.min),
    max: floatPair(moments.max),
    maxAbs: toJsonNumber(moments.maxAbs),
    maxAbsIndex: moments.maxAbsIndex,
    meanAbs: toJsonNumber(moments.meanAbs),
    relL2: orNull(moments.relL2),
    nmseDb: orNull(moments.nmseDb),
  };
}

function toDistribution({
  klNats,
  klReverseNats,
  logNormaliser,
  textToken,
}: RowDistribution): TokenLine['distribution'] {
  return {
    klNats: toJsonNumber(klNats),
    klReverseNats: toJsonNumber(klReverseNats),
    logNormaliser: numberPair(logNormaliser),
    textToken:
      textToken === null
        ? undefined
        : {
            id: textToken.id,
            probability: numberPair(textToken.probability),
            logRatio: toJsonNumber(textToken.logRatio),
          },
  };
}

function toChoice(choice: RowChoice): NonNullable<TokenLine['choice']> {
  return {
    top1: listPair(choice.top1),
    flip: choice.flip,
    ulp: toJsonNumber(choice.ulp),
    marginUlps: toJsonNumber(choice.marginUlps),
    margin: numberPair(choice.margin),
    goldenRankOnActual: choice.goldenRankOnActual,
    actualRankOnGolden: choice.actualRankOnGolden,
    overlap: [choice.overlap5, choice.overlap10],
    top: choice.top.map(({ id, logit, rank: ranks }) => [
      id,
      shortFloat32(logit.golden),
      shortFloat32(logit.actual),
      ranks.golden,
      ranks.actual,
    ]),
  };
}

function toControls(controls: TokenRecord['controls']): TokenLine['controls'] {
  const { pccPreviousGolden, pccPreviousActual, pccUnrelatedGolden } = controls;
  if (pccPreviousGolden === null && pccPreviousActual === null && pccUnrelatedGolden === null) return undefined;
  return {
    pccPreviousGolden: orUndefined(pccPreviousGolden),
    pccPreviousActual: orUndefined(pccPreviousActual),
    pccUnrelatedGolden: orUndefined(pccUnrelatedGolden),
  };
}

/** @param line - one that `TokenLineSchema` has accepted. */
export function fromTokenLine(line: TokenLine): TokenRecord {
  const { moments, distribution, choice } = line;
  const position = { golden: line.position, actual: line.position };
  const pcc = numberOrNull(line.pcc);
  return {
    case: line.case,
    variant: line.variant,
    prompt: line.prompt,
    user: line.user ?? 0,
    position: line.position,
    phase: line.phase,
    step: line.step ?? null,
    text: line.text,
    inputToken: typeof line.token === 'number' ? { golden: line.token, actual: line.token } : pairFrom(line.token),
    inputPosition: line.at === undefined ? position : pairFrom(line.at),
    contextHash:
      typeof line.context === 'string' ? { golden: line.context, actual: line.context } : pairFrom(line.context),
    status: line.status,
    failedRules: line.failedRules ?? [],
    reason: line.reason ?? null,
    pcc,
    pccUndefined: line.pccUndefined ?? null,
    pccJudgement: {
      semantics: line.semantics ?? 'strict',
      outcome: line.outcome,
      pcc: line.judgedPcc === undefined ? pcc : numberOrNull(line.judgedPcc),
    },
    hygiene: fromHygiene(line.hygiene),
    moments:
      moments === undefined
        ? null
        : {
            cosine: numberOrNull(moments.cosine),
            gain: numberOrNull(moments.gain),
            offset: numberOrNull(moments.offset),
            residualSd: numberOrNull(moments.residualSd),
            sd: numbersFrom(moments.sd),
            min: floatsFrom(moments.min),
            max: floatsFrom(moments.max),
            maxAbs: fromJsonNumber(moments.maxAbs),
            maxAbsIndex: moments.maxAbsIndex,
            meanAbs: fromJsonNumber(moments.meanAbs),
            relL2: numberOrNull(moments.relL2),
            nmseDb: numberOrNull(moments.nmseDb),
          },
    distribution:
      distribution === undefined
        ? null
        : {
            klNats: fromJsonNumber(distribution.klNats),
            klReverseNats: fromJsonNumber(distribution.klReverseNats),
            logNormaliser: numbersFrom(distribution.logNormaliser),
            textToken:
              distribution.textToken === undefined
                ? null
                : {
                    id: distribution.textToken.id,
                    probability: numbersFrom(distribution.textToken.probability),
                    logRatio: fromJsonNumber(distribution.textToken.logRatio),
                  },
          },
    choice: choice === undefined ? null : fromChoice(choice),
    controls: fromControls(line.controls),
    evidence: line.evidence ?? null,
    timing: {
      goldenMs: line.timing[0],
      actualMs: line.timing[1],
      compareMs: line.timing[2],
    },
  };
}

const NONE: Pair<number> = { golden: 0, actual: 0 };
const NEITHER: Pair<boolean> = { golden: false, actual: false };

function fromHygiene(hygiene: TokenLine['hygiene']): RowHygiene {
  const counts = (pair: [number, number] | undefined): Pair<number> => (pair === undefined ? NONE : pairFrom(pair));
  return {
    vocabSize: hygiene.vocabSize,
    nan: counts(hygiene.nan),
    positiveInfinity: counts(hygiene.positiveInfinity),
    negativeInfinity: counts(hygiene.negativeInfinity),
    maskedPairs: hygiene.maskedPairs ?? 0,
    zeros: counts(hygiene.zeros),
    constantRow: hygiene.constantRow === undefined ? NEITHER : pairFrom(hygiene.constantRow),
    constantBlocks: (hygiene.constantBlocks ?? []).map(([from, to, value]) => ({
      from,
      to,
      value: Math.fround(fromJsonNumber(value)),
    })),
  };
}

function fromChoice(choice: NonNullable<TokenLine['choice']>): RowChoice {
  return {
    top1: pairFrom(choice.top1),
    flip: choice.flip,
    ulp: fromJsonNumber(choice.ulp),
    marginUlps: fromJsonNumber(choice.marginUlps),
    margin: numbersFrom(choice.margin),
    goldenRankOnActual: choice.goldenRankOnActual,
    actualRankOnGolden: choice.actualRankOnGolden,
    overlap5: choice.overlap[0],
    overlap10: choice.overlap[1],
    top: choice.top.map(([id, golden, actual, goldenRank, actualRank]) => ({
      id,
      logit: floatsFrom([golden, actual]),
      rank: { golden: goldenRank, actual: actualRank },
    })),
  };
}

function fromControls(controls: TokenLine['controls']): TokenRecord['controls'] {
  const value = (name: keyof TokenRecord['controls']): number | null => numberOrNull(controls?.[name] ?? null);
  return {
    pccPreviousGolden: value('pccPreviousGolden'),
    pccPreviousActual: value('pccPreviousActual'),
    pccUnrelatedGolden: value('pccUnrelatedGolden'),
  };
}

function orNull(value: number | null): JsonNumber | null {
  return value === null ? null : toJsonNumber(value);
}

function orUndefined(value: number | null): JsonNumber | undefined {
  return value === null ? undefined : toJsonNumber(value);
}

function numberOrNull(value: JsonNumber | null): number | null {
  return value === null ? null : fromJsonNumber(value);
}

function listPair<T>({ golden, actual }: Pair<T>): [T, T] {
  return [golden, actual];
}

function pairFrom<T>([golden, actual]: readonly [T, T]): Pair<T> {
  return { golden, actual };
}

function numberPair({ golden, actual }: Pair<number>): [JsonNumber, JsonNumber] {
  return [toJsonNumber(golden), toJsonNumber(actual)];
}

function floatPair({ golden, actual }: Pair<number>): [JsonNumber, JsonNumber] {
  return [shortFloat32(golden), shortFloat32(actual)];
}

function numbersFrom([golden, actual]: readonly [JsonNumber, JsonNumber]): Pair<number> {
  return { golden: fromJsonNumber(golden), actual: fromJsonNumber(actual) };
}

function floatsFrom([golden, actual]: readonly [JsonNumber, JsonNumber]): Pair<number> {
  return { golden: Math.fround(fromJsonNumber(golden)), actual: Math.fround(fromJsonNumber(actual)) };
}
