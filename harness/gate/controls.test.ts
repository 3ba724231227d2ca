// Controls are shares of wrong rows; from 1 % on the report says that the minimum means little, and which would mean something.
import { describe, expect, it } from 'vitest';
import { sortSample } from '../metrics/quantile.ts';
import { type ControlSamples, describeTelling, neighbourShare, summarizeControls } from './controls.ts';

const sample = (...values: number[]): ControlSamples['own'] => sortSample(Float64Array.from(values));
/** `count` values of which `high` are 0.9 and the rest 0.1. */
const mixed = (count: number, high: number): ControlSamples['own'] =>
  sample(...Array.from({ length: count }, (_, i) => (i < high ? 0.9 : 0.1)));

const samples = (more: Partial<ControlSamples>): ControlSamples => ({
  own: sample(0.999, 0.999, 0.95, 0.999),
  previous: mixed(200, 0),
  next: mixed(200, 0),
  unrelated: mixed(200, 0),
  ...more,
});

describe('summarizeControls', () => {
  it('has the spread of each kind and the share that reaches the minimum', () => {
    const { previous, next, unrelated } = summarizeControls(samples({ previous: mixed(200, 50) }), 0.79);
    expect(previous).toMatchObject({ n: 200, min: 0.1, p50: 0.1, p95: 0.9, max: 0.9, reachMinimum: 0.25 });
    expect([next?.reachMinimum, unrelated?.reachMinimum]).toEqual([0, 0]);
  });

  it('says nothing about the minimum while fewer than 1 % of wrong rows reach it', () => {
    const controls = summarizeControls(samples({ previous: mixed(200, 3), unrelated: mixed(200, 1) }), 0.79);
    expect(controls.telling).toBeNull();
    expect(describeTelling(controls, 0.79)).toBeNull();
  });

  it.each<{ name: string; more: Partial<ControlSamples> }>([
    { name: 'rows one position off, both directions together', more: { previous: mixed(200, 2), next: mixed(200, 2) } },
    { name: 'unrelated rows', more: { unrelated: mixed(200, 2) } },
  ])('finds the least threshold of the grid above: $name', ({ more }) => {
    expect(summarizeControls(samples(more), 0.79).telling).toEqual({ threshold: 0.91, ownBelow: 0 });
  });

  it('counts the right rows that this threshold would cost', () => {
    const controls = summarizeControls(samples({ previous: sample(0.955), next: sample(0.2) }), 0.79);
    expect(controls.telling).toEqual({ threshold: 0.96, ownBelow: 0.25 });
  });

  it('has nothing to say without rows', () => {
    const none = { own: sample(), previous: sample(), next: sample(), unrelated: sample() };
    expect(summarizeControls(none, 0.79)).toEqual({ previous: null, next: null, unrelated: null, telling: null });
    expect(neighbourShare({ previous: null, next: null })).toBeNull();
  });
});

describe('describeTelling', () => {
  it('names the shares, the minimum, the better one and its cost', () => {
    const controls = summarizeControls(
      samples({ previous: mixed(200, 100), next: mixed(200, 60), unrelated: mixed(200, 18), own: sample(0.9, 0.99) }),
      0.79,
    );
    expect(describeTelling(controls, 0.79)).toBe(
      '40 % of rows one position off and 9.0 % of unrelated rows also reach PCC 0.79, which alone means little here; 0.91 would keep them below 1 % (50 % of the right rows do not reach it)',
    );
  });

  it('says that there is none where wrong rows are as good as right ones', () => {
    const controls = summarizeControls(samples({ previous: sample(1, 1), next: sample(1, 0) }), 0.79);
    expect(describeTelling(controls, 0.79)).toBe(
      '75 % of rows one position off also reach PCC 0.79, which alone means little here, and no higher minimum would tell them from the right ones',
    );
  });
});
