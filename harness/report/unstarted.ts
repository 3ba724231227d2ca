// Reports of a run that could not start: what a CI uploads says so, instead of what an older run said.
import type { Failure } from '../record/events.ts';
import { escapeXml } from './junit.ts';
import { escapeCell } from './markdown.ts';

export function unstartedJunit({ code, message }: Failure): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites name="qwen-pcc" tests="1" failures="0" errors="1">',
    '  <testsuite name="run" tests="1" failures="0" errors="1">',
    '    <testcase classname="run" name="start" time="0">',
    `      <error message="${escapeXml(message.split('\n')[0]!)}" type="${escapeXml(code)}">${escapeXml(message)}</error>`,
    '    </testcase>',
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

export function unstartedMarkdown({ code, message }: Failure, command: string): string {
  const lines = message.split('\n').map((line) => `    ${line}`);
  return [
    '# qwen-pcc: error',
    '',
    `The run did not start (${escapeCell(code)}):`,
    '',
    ...lines,
    '',
    `    ${command}`,
    '',
  ].join('\n');
}
