// Each kind of line comes back as it was written, and a line that is none of them is refused.
import { describe, expect, it } from 'vitest';
import { toyCase, toyHeader, toySpec } from '../run/toy-run.fixture.ts';
import {
  type CaseEvent,
  type EndEvent,
  formatEvent,
  type LogEvent,
  type PromptEvent,
  parseEvent,
  parseKnownEvent,
  type RunEvent,
} from './events.ts';
import { tokenRecordExample } from './token-record.fixture.ts';

const run: RunEvent = { ...toyHeader(toySpec([toyCase('a')])), runId: 'r' };
const source = {
  kind: 'process',
  label: 'toy',
  model: 'toy',
  weightsSha256: '0',
  dtypes: {},
  logitsFormat: 'F32',
  settings: { threads: 2 },
} as const;
const caseEvent: CaseEvent = {
  event: 'case',
  case: 'a',
  variant: 'v',
  golden: { ...source, kind: 'reference' },
  device: source,
  vocabSize: 64,
  notes: ['a note'],
};
const promptEvent: PromptEvent = {
  event: 'prompt',
  case: 'a',
  variant: 'v',
  prompt: 'p',
  user: 0,
  stop: 'failed',
  length: 9,
  planned: 8,
  judged: 7,
  contextHash: 'c0ffee',
  rowsSha256: 'beef',
  divergence: { position: 3, tokensAfter: 2 },
  failure: { code: 'DEVICE', message: 'gone', exitCode: 3 },
};
const endEvent: EndEvent = {
  event: 'end',
  finishedAt: '2026-11-24T10:43:11.000Z',
  usage: {
    openMs: { golden: 1, actual: 2 },
    goldenMs: 3,
    actualMs: 4,
    compareMs: 5,
    peakAnonymousBytes: null,
    peakResidentBytes: 6,
  },
  failure: null,
};
const events: LogEvent[] = [run, caseEvent, { event: 'token', ...tokenRecordExample() }, promptEvent, endEvent];

describe('a line of the log', () => {
  it.each(events)('of a $event comes back as it was, without a line end', (event) => {
    const line = formatEvent(event);
    expect(line).not.toContain('\n');
    expect(parseEvent(line)).toEqual(event);
    expect(parseKnownEvent(line)).toEqual(event);
  });

  it('holds limits that JSON has no number for', () => {
    const [rule] = run.spec.judge.rules;
    const judge = { ...run.spec.judge, rules: [{ ...rule!, threshold: Number.POSITIVE_INFINITY }] };
    const endless: RunEvent = { ...run, spec: { ...run.spec, judge } };
    expect(formatEvent(endless)).toContain('"threshold":"Infinity"');
    expect(parseEvent(formatEvent(endless))).toEqual(endless);
  });

  it.each(events)('of a $event is refused with a field that nobody knows', (event) => {
    expect(() => parseEvent(JSON.stringify({ ...JSON.parse(formatEvent(event)), surprise: 1 }))).toThrow(/surprise/);
  });

  it.each(['null', '3', '{}', '{"event":"tokens"}', '[]', 'no JSON'])('is not %s', (line) => {
    expect(() => parseEvent(line)).toThrow();
    expect(() => parseKnownEvent(line)).toThrow();
  });

  it('of another major version says which one this version reads', () => {
    expect(() => parseEvent(formatEvent({ ...run, schemaVersion: '3.0.0' }))).toThrow(
      /this version reads logs of schema 2\./,
    );
  });
});
