// Progress in a log: a line a prompt, more only when a prompt takes long, fewer where there are thousands.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createByteProgress } from './byte-progress.ts';
import { createLines, createProgress } from './progress.ts';
import { terminalStream } from './terminal-stream.fixture.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('lines of progress', () => {
  it('tell each prompt once, and now and then where a long one is', () => {
    const lines: string[] = [];
    let time = 0;
    const progress = createLines(
      (line) => lines.push(line),
      () => time,
    );
    progress.start(20);
    const stage = { side: 'device', firstPosition: 0, lastPosition: 9, layers: { done: 3, total: 28 } } as const;
    for (const prompt of ['first', 'second']) {
      progress.stage('case', prompt, stage);
      for (let judged = 1; judged <= 10; judged++) progress.advance('case', prompt, judged);
    }
    time = 30_000;
    progress.stage('case', 'second', stage);
    progress.stage('case', 'second', stage);
    progress.close();
    expect(lines).toEqual([
      'at most 20 tokens',
      'case · first · 0 of at most 20 tokens done',
      'case · second · 10 of at most 20 tokens done',
      'case · second · device, positions 0 … 9, layer 3 of 28',
    ]);
  });

  it('tell a hundred prompts of thousands, then now and then where the run is', () => {
    const lines: string[] = [];
    let time = 0;
    const progress = createLines(
      (line) => lines.push(line),
      () => time,
    );
    progress.start(20_000);
    for (let i = 0; i < 10_000; i++) progress.advance('case', `prompt-${i}`, i);
    time = 30_000;
    for (let i = 10_000; i < 20_000; i++) progress.advance('case', `prompt-${i}`, i);
    expect(lines).toHaveLength(102);
    expect(lines.slice(100)).toEqual([
      'case · prompt-99 · 98 of at most 20000 tokens done',
      'case · prompt-10000 · 10000 of at most 20000 tokens done',
    ]);
  });
});

describe('lines between two prompts', () => {
  it('come when half a minute has passed since the last one, whatever goes on', () => {
    const lines: string[] = [];
    let time = 5;
    const progress = createLines(
      (line) => lines.push(line),
      () => time,
    );
    const at = (now: number): void => {
      time = now;
    };
    at(30_004);
    progress.packing(1, 9);
    at(30_005);
    progress.packing(2, 9);
    progress.start(20);
    progress.start(20);
    progress.stage('case', 'first', { side: 'reference', firstPosition: 0, lastPosition: 3 });
    at(60_004);
    progress.advance('case', 'first', 3);
    at(60_005);
    progress.advance('case', 'first', 4);
    at(90_005);
    progress.stage('case', 'first', { side: 'reference', firstPosition: 4, lastPosition: 7 });
    expect(lines).toEqual([
      'packing weights, 2 of 9',
      'at most 20 tokens',
      'case · first · 0 of at most 20 tokens done',
      'case · first · 4 of at most 20 tokens done',
      'case · first · reference, positions 4 … 7',
    ]);
  });

  it('begin anew with each batch, and say its size only where it is another', () => {
    const lines: string[] = [];
    const progress = createLines(
      (line) => lines.push(line),
      () => 0,
    );
    progress.start(20);
    progress.advance('case', 'first', 20);
    progress.start(20);
    progress.advance('case', 'second', 1);
    progress.start(8);
    progress.advance('case', 'third', 1);
    expect(lines).toEqual([
      'at most 20 tokens',
      'case · first · 0 of at most 20 tokens done',
      'case · second · 0 of at most 20 tokens done',
      'at most 8 tokens',
      'case · third · 0 of at most 8 tokens done',
    ]);
  });

  it('are what a stream gets that is no terminal', () => {
    vi.useFakeTimers();
    const { stream, read } = terminalStream(false);
    const progress = createProgress(stream);
    progress.start(20);
    expect(read()).toBe('at most 20 tokens\n');
    vi.advanceTimersByTime(30_000);
    progress.packing(1, 9);
    expect(read()).toBe('packing weights, 1 of 9\n');
  });
});

describe('the bar of a terminal', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
  });

  it('says that it opens, and estimates nothing before a token is done', () => {
    const { stream, read } = terminalStream(true);
    const progress = createProgress(stream);
    progress.start(20);
    progress.close();
    const text = read();
    expect(text).toContain('0/20 tokens  opening');
    expect(text).not.toContain('left');
  });

  it('hides the cursor while it is there, and leaves a clear line', () => {
    const { stream, read } = terminalStream(true);
    const progress = createProgress(stream);
    progress.start(20);
    expect(read()).toContain('␛[?25l');
    progress.close();
    expect(read()).toMatch(/␛\[\?25h.*␛\[2K$/);
  });

  it('draws while weights are packed, which may not yield to the timer, and says nothing more of it at the end', () => {
    const { stream, read } = terminalStream(true);
    const progress = createProgress(stream);
    progress.start(20);
    read();
    progress.packing(3, 9);
    expect(read()).toContain('0/20 tokens  packing weights, 3 of 9');
    progress.packing(9, 9);
    expect(read()).toMatch(/0\/20 tokens {2}␛/);
    progress.close();
  });

  it('draws a stage at most ten times a second', () => {
    const { stream, read } = terminalStream(true);
    const progress = createProgress(stream);
    progress.start(20);
    read();
    const stage = (done: number): string => {
      const layers = { done, total: 28 };
      progress.stage('case', 'p', { side: 'device', firstPosition: 0, lastPosition: 9, layers });
      return read();
    };
    expect(stage(1)).toContain('0/20 tokens  case · p · device, positions 0 … 9, layer 1 of 28');
    vi.advanceTimersByTime(99);
    expect(stage(2)).toBe('');
    vi.advanceTimersByTime(1);
    read();
    expect(stage(3)).toContain('layer 3 of 28');
    progress.stage('case', 'p', { side: 'reference', firstPosition: 0, lastPosition: 9 });
    vi.advanceTimersByTime(200);
    expect(read()).toContain('case · p · reference, positions 0 … 9␛');
    progress.close();
  });

  it('counts tokens, estimates what is left, and does not end by itself at the last one', () => {
    const { stream, read } = terminalStream(true);
    const progress = createProgress(stream);
    progress.start(20);
    read();
    vi.advanceTimersByTime(10_000);
    progress.advance('case', 'p', 10);
    vi.advanceTimersByTime(1000);
    expect(read()).toMatch(/={12}-{12} 10\/20 tokens {2}10s left {2}case · p/);
    progress.advance('case', 'p', 20);
    vi.advanceTimersByTime(1000);
    expect(read()).toMatch(/={24} 20\/20 tokens/);
    progress.packing(0, 1);
    expect(read()).toContain('packing weights, 0 of 1');
    progress.close();
    vi.advanceTimersByTime(1000);
    read();
    vi.advanceTimersByTime(1000);
    expect(read()).toBe('');
  });
});

describe('the bar of a long write', () => {
  it('counts gigabytes from the first update on, and can be used again after it was closed', () => {
    const { stream, read } = terminalStream(true);
    const progress = createByteProgress(stream);
    progress.update(1_230_000_000, 4_000_000_000);
    expect(read()).toMatch(/ 0 % {2}1\.23\/4\.00 GB/);
    progress.update(2_000_000_000, 4_000_000_000);
    progress.close();
    const text = read();
    expect(text).toMatch(/={12}-{12} 50 % {2}2\.00\/4\.00 GB/);
    expect(text).toMatch(/␛\[\?25h.*␛\[2K$/);
    progress.close();
    expect(read()).toBe('');
    progress.update(4_000_000_000, 4_000_000_000);
    progress.update(5_000_000_000, 5_000_000_000);
    progress.close();
    expect(read()).toContain('5.00/5.00 GB');
  });

  it('is nothing when it is closed before the first update', () => {
    const { stream, read } = terminalStream(true);
    createByteProgress(stream).close();
    expect(read()).toBe('');
  });

  it('estimates what is left from the first update on', () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const { stream, read } = terminalStream(true);
    const progress = createByteProgress(stream);
    progress.update(0, 4e9);
    vi.advanceTimersByTime(10_000);
    progress.update(2e9, 4e9);
    vi.advanceTimersByTime(1000);
    expect(read()).toContain('2.00/4.00 GB  10s left');
    progress.close();
  });

  it('is nothing in a log', () => {
    const { stream, read } = terminalStream(false);
    const progress = createByteProgress(stream);
    progress.update(1, 2);
    progress.close();
    expect(read()).toBe('');
  });
});
