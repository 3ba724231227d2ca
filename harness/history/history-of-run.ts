// The part of a history that a run's folder keeps for its report: the series that the run is a point of, without places of any machine.
import path from 'node:path';
import type { HistoryRecord, HistorySeries } from './history-record.ts';

/** In the folder of the run. */
export const HISTORY_FILE = 'history.json';

export function hasRun({ points }: HistorySeries, runId: string): boolean {
  return points.some((point) => point.runId === runId);
}

/** @returns undefined if the run is in no series. */
export function historyOfRun(record: HistoryRecord, runId: string): HistoryRecord | undefined {
  const series = record.series.filter((one) => hasRun(one, runId));
  if (series.length === 0) return undefined;
  const { baseline, leftOut, ...rest } = record;
  const cases = new Set(series.map((one) => one.case));
  return {
    ...rest,
    series: series.map((one) => ({
      ...one,
      points: one.points.map((point) => ({ ...point, folder: path.basename(point.folder) })),
    })),
    baseline:
      baseline === null
        ? null
        : {
            file: path.basename(baseline.file),
            // What git says has places in it.
            withoutGit: baseline.withoutGit === null ? null : 'git did not answer',
            states: baseline.states
              .map((state) => ({ ...state, marks: state.marks.filter((mark) => cases.has(mark.case)) }))
              .filter(({ marks }) => marks.length > 0),
          },
    leftOut: leftOut.map(({ folder, reason }) => ({
      folder: path.basename(folder),
      reason: reason.replaceAll(folder, path.basename(folder)),
    })),
  };
}
