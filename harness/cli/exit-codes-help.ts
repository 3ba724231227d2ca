// The part of every --help that says what the exit codes mean.
import { EXIT_CODES } from '../../src/errors.ts';

const MEANINGS: Readonly<Record<keyof typeof EXIT_CODES, string>> = {
  pass: 'pass',
  accuracyFail: 'accuracy fail: the gate, or a vector, found a difference',
  usage: 'usage: options or files that cannot be used, a full disk, or a hub out of reach',
  deviceFault: 'device fault: the device side broke down',
  comparisonInvalid:
    'comparison invalid: other tokens, positions or vocabulary, not finite, not all judged, or within the spread of the device',
  referenceFault: 'reference fault: the reference side broke down',
  internal: 'a fault of qwen-pcc itself',
  interrupted: 'interrupted by Ctrl-C; what was judged is kept',
};

export function exitCodesHelp(): string {
  const lines = (Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[]).map(
    (name) => `  ${String(EXIT_CODES[name]).padStart(3)}  ${MEANINGS[name]}`,
  );
  return `\nExit codes:\n${lines.join('\n')}`;
}
