// The demo's lines, word for word.
import { describe, expect, it } from 'vitest';
import { batchFileText, batchText, demoHeader, iterationLines, performanceMetrics } from './demo-report.ts';
import type { DemoBatch } from './run-demo.ts';

const batch: DemoBatch = { batch: 0, tokenIds: [1, 2, 3], prefillMs: 2000, iterationMs: [400, 600], stop: 'eos' };

describe('demoHeader', () => {
  const header = {
    family: 'general',
    model: 'tiny-qwen2',
    device: 'N150 device model',
    isFastPrefill: false,
    promptLengths: [128],
    batches: 2,
  } as const;

  it('says whose times these are, how iteration 0 rotates, and how the prompt is fed', () => {
    expect(demoHeader({ ...header, demoRotOffByOne: true })).toBe(
      [
        'general weights: tiny-qwen2 · N150 device model',
        'All times are of the device model on this CPU, not of silicon.',
        'Iteration 0 rotates by the position before, as in the original (demoRotOffByOne=true).',
        'Encoded prompt lengths: 128',
        'Number of batches: 2, of the same prompt',
        'Prefill: via decode, one token at a time',
        '',
      ].join('\n'),
    );
    expect(demoHeader({ ...header, demoRotOffByOne: false, isFastPrefill: true })).toMatch(
      /rotates by its own position \(demoRotOffByOne=false\)[\s\S]*in chunks \(--fast-prefill\)\n$/,
    );
  });
});

describe('iterationLines', () => {
  it('shows the last 100 characters on one line, and the speed', () => {
    const text = `${'a'.repeat(100)}\nend`;
    expect(iterationLines(batch, text)).toBe(
      `[User 0] ...${'a'.repeat(93)} end\nIteration 1: 600ms @ 1.7 tok/s/user (1.7 tok/s throughput)\n`,
    );
    expect(iterationLines({ ...batch, iterationMs: [8000] }, 'short')).toBe(
      '[User 0] short\nIteration 0: 8000ms @ 0.125 tok/s/user (0.125 tok/s throughput)\n',
    );
  });
});

describe('batchText', () => {
  it('shortens long prompts, strips the output and says why it ended', () => {
    const prompt = `${'a'.repeat(150)}${'b'.repeat(100)}`;
    expect(batchText(batch, prompt, '\n\nIt is so. ')).toBe(
      `[User 0] Finished decoding after 2 iterations: end of text\n\nbatch: 0 user: 0\nprompt: ${'a'.repeat(100)}\n` +
        `<long prompt not printed in full>\n${'b'.repeat(100)}\noutput:\nIt is so.\n\n`,
    );
    expect(batchText(batch, 'c'.repeat(200), '')).toContain(`prompt: ${'c'.repeat(200)}\n`);
  });

  it('cuts no character in two', () => {
    expect(batchText(batch, `x${'🐳'.repeat(200)}`, '')).toContain(`x${'🐳'.repeat(99)}\n<long`);
    expect(iterationLines(batch, `🐳${'a'.repeat(100)}`)).toContain(`[User 0] ...${'a'.repeat(97)}\n`);
    expect(iterationLines(batch, `${'🐳'.repeat(98)}a`)).toContain(`[User 0] ${'🐳'.repeat(98)}a\n`);
  });

  it('sends no control characters of a model to the terminal', () => {
    expect(batchText(batch, 'p', 'a\u001b[31mb\tc\nd')).toContain('output:\na\ufffd[31mb\tc\nd\n');
  });
});

describe('batchFileText', () => {
  it('keeps prompt and output as they are, and marks what was interrupted', () => {
    expect(batchFileText(batch, 'p', '\nout ')).toBe('\nbatch: 0 user: 0\nprompt: p\noutput:\n\nout \n');
    expect(batchFileText({ ...batch, stop: 'interrupted' }, 'p', 'out')).toMatch(/out\n<interrupted>\n$/);
  });
});

describe('performanceMetrics', () => {
  it('gives prefill, decode, time to first token and average speed, and says of what', () => {
    expect(performanceMetrics(batch)).toBe(
      [
        'Performance metrics for batch 0 (device model on this CPU, not silicon)',
        'Prefill inference time per user: 2.0000s',
        'Total Decode inference time (2 iterations): 1.0000s',
        '',
        'Time to first token: 2000.00ms',
        'Average speed: 500.00ms @ 2.0 tok/s/user (2.0 tok/s throughput)',
        '',
      ].join('\n'),
    );
  });

  it('has no speed without iterations, and nothing to say of an interrupted prefill', () => {
    expect(performanceMetrics({ ...batch, iterationMs: [] })).toMatch(/Average speed: no iterations\n$/);
    expect(performanceMetrics({ ...batch, prefillMs: undefined })).toBe('');
  });
});
