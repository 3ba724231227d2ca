// From the two rows of a token to its numbers and its verdict, as the run measured and judged it; the same code live and replayed.
import type { Pair } from '../record/row-metrics.ts';
import { formatTokenLine } from '../record/token-line.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { TokenJudge } from '../run/token-judge.ts';
import type { BundleRecord, TokenNumbers } from './bundle-record.ts';

/** What the numbers follow from, beside the rows. */
export type JudgedContext = Pick<
  BundleRecord,
  'spec' | 'key' | 'tokenIds' | 'promptLength' | 'nextTokenId' | 'sides' | 'vocabSize' | 'logitsFormat'
>;

/** @param rows - [V] float32 each. */
export function judgeRows(
  { spec, key, tokenIds, promptLength, nextTokenId, sides, vocabSize, logitsFormat }: JudgedContext,
  rows: Pair<Float32Array>,
  textOf: (tokenId: number) => string,
): TokenRecord {
  const { position } = key;
  const judge = new TokenJudge({
    vocabSize,
    device: sides.actual,
    textOf,
    settings: spec.judge,
    keepEvidence: () => undefined,
  });
  judge.startSequence({ ...key, promptLength, evidenceRows: 0, knownIds: Int32Array.from(tokenIds), logitsFormat });
  const tokenId = tokenIds[position]!;
  const row = (logits: Float32Array) => ({ position, tokenId, logits, taps: new Map<never, never>() });
  return judge.judge({
    position,
    step: position < promptLength ? null : position - promptLength,
    tokenId,
    nextTokenId: nextTokenId ?? undefined,
    golden: row(rows.golden),
    actual: row(rows.actual),
    ms: { golden: 0, actual: 0 },
  });
}

/** The numbers that follow from the token's own rows: no times, no controls, no file of a run folder. */
export function numbersOf(record: TokenRecord): TokenNumbers {
  const line = JSON.parse(formatTokenLine(record)) as Record<string, unknown>;
  const { event: _event, timing: _timing, controls: _controls, evidence: _evidence, ...numbers } = line;
  return numbers;
}

/** Ids whose texts a token's numbers name. */
export function namedIds({ inputToken, choice, distribution }: TokenRecord): number[] {
  const top = choice?.top.map(({ id }) => id) ?? [];
  const next = distribution?.textToken?.id;
  return [...new Set([inputToken.golden, ...top, ...(next === undefined ? [] : [next])])].sort((a, b) => a - b);
}
