// Commands and code are found in Markdown as a reader finds them: in fences, in tables, with their comments and exit codes.
import { describe, expect, it } from 'vitest';
import { codeBlocks, documentedCommands } from './documents.fixture.ts';

const fence = (language: string, ...lines: string[]): string =>
  ['', `\`\`\`${language}`, ...lines, '```', ''].join('\n');
const commandsOf = (text: string): string[] => documentedCommands('d.md', text).map(({ command }) => command);

describe('documentedCommands', () => {
  it('takes the lines of a fence apart at && and leaves comments out', () => {
    expect(commandsOf(fence('', 'npm ci && npx qwen-pcc validate     # the main job'))).toEqual([
      'npm ci',
      'npx qwen-pcc validate',
    ]);
  });

  it('takes every line of a fence that says it is for a shell, with or without a prompt', () => {
    expect(commandsOf(fence('console', '$ ls reports'))).toEqual(['ls reports']);
    expect(commandsOf(fence('sh', 'ls', '', 'cat x'))).toEqual(['ls', 'cat x']);
  });

  it('takes no formulas, no drawings and no code of other languages for commands', () => {
    expect(commandsOf(fence('', 'acc = bf16 tile in L1', 'npm'))).toEqual(['npm']);
    expect(commandsOf(fence('ts', 'npm();'))).toEqual([]);
  });

  it('takes whole commands in the text, and names of commands not', () => {
    expect(commandsOf('`npx qwen-pcc inspect` looks; `qwen-pcc record` and `npm run bench` are names')).toEqual([
      'npx qwen-pcc inspect',
    ]);
    expect(commandsOf('then `validate --weights DIR`')).toEqual(['qwen-pcc validate --weights DIR']);
  });

  it('expects the exit code that a comment says, of the last part of a line, and else 0', () => {
    const text = fence('sh', 'npm ci && npx qwen-pcc validate # exit code 1: the gate is red', 'npx x # 4 ways');
    expect(documentedCommands('d.md', text).map(({ exitCode }) => exitCode)).toEqual([0, 1, 0]);
  });

  it('names the line', () => {
    expect(documentedCommands('d.md', fence('sh', 'a', 'b')).map(({ line }) => line)).toEqual([3, 4]);
  });
});

describe('codeBlocks', () => {
  it('keeps language, line and code', () => {
    expect(codeBlocks('d.md', fence('ts', 'a', '', 'b'))).toEqual([
      { document: 'd.md', line: 2, language: 'ts', code: 'a\n\nb\n' },
    ]);
  });

  it('refuses a fence that is never closed', () => {
    expect(() => codeBlocks('d.md', 'text\n```sh\nls')).toThrow('line 2');
  });
});
