// Progress in a log: a line a prompt, more only when a prompt takes long.
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
