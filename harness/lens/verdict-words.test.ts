// What a report says of the PCC limit: how near rows of another position come, and which limit would tell them apart.
import { describe, expect, it } from 'vitest';
import type { ControlSummary } from '../record/summary.ts';
import { controlSentence } from './verdict-words.ts';

const spread = (n: number, reachMinimum: number): NonNullable<ControlSummary['previous']> =>
  ({ n, reachMinimum }) as NonNullable<ControlSummary['previous']>;
const sentenceOf = (controls: ControlSummary): string | null =>
  controlSentence({ config: { pccMinimum: 0.79 }, controls } as Parameters<typeof controlSentence>[0]);

describe('controlSentence', () => {
  it('says how many rows of neighbours of both sides reach the limit, and which limit they would not', () => {
    const controls = { previous: spread(100, 0.5), next: spread(300, 0.4), unrelated: spread(50, 0.09) };
    expect(sentenceOf({ ...controls, telling: { threshold: 0.95, ownBelow: 0 } })).toBe(
      'Control: 43 % of rows one position off and 9.0 % of unrelated rows also reach PCC 0.79, which alone means little here; ' +
        '0.95 would keep them below 1 % (all right rows reach it).',
    );
  });

  it('says that the limit tells positions apart where it does', () => {
    const controls = { previous: spread(200, 0.005), next: null, unrelated: null, telling: null };
    expect(sentenceOf(controls)).toBe(
      'Control: 0.5 % of rows one position off reach PCC 0.79, which tells positions apart here.',
    );
  });

  it('says nothing without a neighbour', () => {
    expect(sentenceOf({ previous: null, next: null, unrelated: null, telling: null })).toBeNull();
  });
});
