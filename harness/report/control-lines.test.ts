// What the controls show stands in the terminal's summary, in summary.md and in junit.xml, and in none of them without controls.
import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import type { ControlSpread } from '../record/summary.ts';
import { controlLines } from './control-lines.ts';
import { junitXml } from './junit.ts';
import { summaryMarkdown } from './markdown.ts';
import { highlightsOf, runExample } from './run-record.fixture.ts';
import { terminalSummary } from './terminal.ts';

const spread: ControlSpread = {
  ...{ n: 5, min: 0.1, p5: 0.2, p50: 0.61, p95: 0.8, p99: 0.93, max: 0.95, reachMinimum: 0.42 },
};
const run = runExample({ controls: { previous: spread, next: null, unrelated: spread, telling: null } });
const LINE =
  "controls: PCC with golden's row of the position before median 0.610, 99 % 0.930, highest 0.950, 42.0 % reach 0.79 · of the first position median 0.610, 99 % 0.930, highest 0.950, 42.0 % reach 0.79";

describe('controlLines', () => {
  it('has each kind that the run has, in one line', () => {
    expect(controlLines(run)).toEqual([LINE]);
    expect(controlLines(runExample())).toEqual([]);
  });

  it.each([
    {
      report: 'the terminal',
      write: (one: typeof run) =>
        terminalSummary(one, highlightsOf(), { chalk: new Chalk({ level: 0 }), folder: 'reports/x' }),
    },
    { report: 'summary.md', write: (one: typeof run) => summaryMarkdown(one, highlightsOf()) },
    { report: 'junit.xml', write: (one: typeof run) => junitXml(one, highlightsOf()) },
  ])('is in $report', ({ write }) => {
    expect(write(run)).toContain(LINE);
    expect(write(runExample())).not.toContain('controls');
  });
});
