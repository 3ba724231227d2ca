// Runs sorted into series that can be compared, each by the runs' own dates, with its steps and the place where it broke; pure.
import { createHash } from 'node:crypto';
import { judgedVariants, promptPlanHash } from '../baseline/fit.ts';
import { KL, TOP1 } from '../paired/paired-metrics.ts';
import type { RunRecord } from '../record/run-record.ts';
import { type CaseSpec, type RunSpec, tokensPlannedMax } from '../record/run-spec.ts';
import type { HistoryPoint, HistorySeries, HistoryStep } from './history-record.ts';

/** A run that came to its end. */
export interface FinishedRun {
  readonly folder: string;
  readonly spec: RunSpec;
  readonly run: RunRecord;
}

/** Word of the paired tests for two runs at the same tokens; null where they cannot be paired. */
export type PairedWord = (from: FinishedRun, to: FinishedRun, caseName: string, variant: string) => string | null;

interface Entry {
  readonly finished: FinishedRun;
  readonly point: HistoryPoint;
  readonly variant: string;
}

/** @returns by case, then by the date of the first run. */
export function seriesOf(runs: readonly FinishedRun[], wordOf: PairedWord): HistorySeries[] {
  const found = new Map<
    string,
    { readonly case: string; readonly question: string; readonly prompts: number; readonly entries: Entry[] }
  >();
  for (const finished of runs) {
    for (const one of finished.spec.cases) {
      const question = questionOf(one, finished);
      for (const { name: variant, device } of judgedVariants(one)) {
        // Recordings have a name each time; what they stand for is one device.
        const stable = device.kind === 'capture' && judgedVariants(one).length === 1 ? 'recording' : variant;
        const id = JSON.stringify([one.name, question, stable]);
        const known = found.get(id) ?? { case: one.name, question, prompts: one.prompts.length, entries: [] };
        found.set(id, known);
        known.entries.push({ finished, variant, point: pointOf(finished, one.name, variant) });
      }
    }
  }
  return Array.from(found, ([id, { entries, ...rest }]) => {
    const sorted = entries.sort(
      (a, b) => compare(a.point.startedAt, b.point.startedAt) || compare(a.point.runId, b.point.runId),
    );
    const variant = (JSON.parse(id) as string[])[2]!;
    return concludeSeries({ ...rest, variant }, sorted, wordOf);
  }).sort(
    (a, b) =>
      compare(a.case, b.case) ||
      compare(a.points[0]!.startedAt, b.points[0]!.startedAt) ||
      compare(a.variant, b.variant),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** sha256 of all that makes two runs of a case answers to one question: texts, limits, mode, reference. */
function questionOf(one: CaseSpec, { spec, run }: FinishedRun): string {
  const reference = run.cases.find(({ name }) => name === one.name)?.reference;
  const asked = [
    spec.mode,
    one.tokenizerSha256,
    one.reference.kind === 'onnx' ? one.reference.precision : 'recorded',
    [reference?.weightsSha256 ?? null, reference?.configSha256 ?? null],
    one.prompts.map((prompt) => [
      prompt.name,
      prompt.user,
      promptPlanHash(prompt),
      tokensPlannedMax(prompt, spec.limits),
    ]),
  ];
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 8);
}

function pointOf({ folder, run }: FinishedRun, caseName: string, variant: string): HistoryPoint {
  const { runId, startedAt, verdict, tool, cases } = run;
  const all = cases.find(({ name }) => name === caseName)?.variants.find(({ name }) => name === variant)?.summary.all;
  return {
    runId,
    folder,
    startedAt,
    status: verdict.status,
    failingRules: verdict.failingRules,
    version: tool.version,
    gitSha: tool.gitSha,
    tokens: all?.n ?? 0,
    klMean: finite(all?.klNats?.mean),
    klP99: finite(all?.klNats?.p99),
    pccMin: finite(all?.pcc?.min),
    pccMedian: finite(all?.pcc?.p50),
    top1: finite(all?.top1),
  };
}

function finite(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}

function concludeSeries(
  head: Pick<HistorySeries, 'case' | 'variant' | 'question' | 'prompts'>,
  entries: readonly Entry[],
  wordOf: PairedWord,
): HistorySeries {
  const stepOf = (from: Entry, to: Entry): HistoryStep | null => {
    if (from.point.klMean === null || to.point.klMean === null) return null;
    const moved = {
      klMean: to.point.klMean - from.point.klMean,
      top1: (to.point.top1 ?? 0) - (from.point.top1 ?? 0),
    };
    const word =
      from.variant === to.variant || head.variant === 'recording'
        ? wordOf(from.finished, to.finished, head.case, to.variant)
        : null;
    return { from: from.point.runId, to: to.point.runId, ...moved, word };
  };
  const steps = entries.slice(1).flatMap((to, i) => {
    const from = entries[i]!;
    const klMean = Math.abs((to.point.klMean ?? 0) - (from.point.klMean ?? 0));
    const top1 = Math.abs((to.point.top1 ?? 0) - (from.point.top1 ?? 0));
    return klMean > KL.margin || top1 > TOP1.margin ? (stepOf(from, to) ?? []) : [];
  });
  const good = entries.findLastIndex(({ point }) => point.status === 'pass');
  const first = entries[good + 1];
  return {
    ...head,
    points: entries.map(({ point }) => point),
    broken:
      first === undefined
        ? null
        : {
            firstBroken: first.point.runId,
            lastGood: entries[good]?.point.runId ?? null,
            step: good < 0 ? null : stepOf(entries[good]!, first),
          },
    steps,
  };
}
