// Progress in a log: a line a prompt, more only when a prompt takes long, fewer where there are thousands.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLines, createProgress } from './progress.ts';

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

describe('the bar of a terminal', () => {
  it('says that it opens, and estimates nothing before a token is done', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 160 });
    const progress = createProgress(stream as unknown as NodeJS.WriteStream);
    progress.start(20);
    progress.close();
    const text = String(stream.read());
    expect(text).toContain('0/20 tokens  opening');
    expect(text).not.toContain('left');
  });
});
