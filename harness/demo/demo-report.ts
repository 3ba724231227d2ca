// What the demo prints, in the original's words: header, iterations, texts, performance of batch 0.
// Source: n150-numerics F.1.
import { countOf } from '../report/format.ts';
import type { WeightsFamily } from '../sources/plan.ts';
import type { DemoBatch, DemoStop } from './run-demo.ts';

/** Longest end of a text that a line of an iteration shows, and longest prompt shown whole. */
const LINE_TEXT_LENGTH = 100;
const WHOLE_PROMPT_LENGTH = 200;

const STOPS: Readonly<Record<DemoStop, string>> = {
  eos: 'end of text',
  'max-new-tokens': 'all iterations (--max-new-tokens)',
  'max-seq-len': 'longest sequence (--max-seq-len)',
  interrupted: 'interrupted',
};

export interface DemoHeader {
  readonly family: WeightsFamily;
  /** Folder name of the checkpoint. */
  readonly model: string;
  /** What the device is, in one line. */
  readonly device: string;
  readonly demoRotOffByOne: boolean;
  readonly isFastPrefill: boolean;
  /** Of each user. */
  readonly promptLengths: readonly number[];
  readonly batches: number;
}

export function demoHeader(header: DemoHeader): string {
  const { family, model, device, demoRotOffByOne, isFastPrefill, promptLengths, batches } = header;
  const rotation = demoRotOffByOne
    ? 'the position before, as in the original (demoRotOffByOne=true)'
    : 'its own position (demoRotOffByOne=false)';
  return `${[
    `${family} weights: ${model} · ${device}`,
    'All times are of the device model on this CPU, not of silicon.',
    `Iteration 0 rotates by ${rotation}.`,
    `Encoded prompt lengths: ${promptLengths.join(', ')}`,
    `Number of batches: ${batches}, of the same prompt`,
    `Prefill: ${isFastPrefill ? 'in chunks (--fast-prefill)' : 'via decode, one token at a time'}`,
  ].join('\n')}\n`;
}

/**
 * Two lines after each iteration.
 *
 * @param text - of the whole sequence so far.
 */
export function iterationLines({ iterationMs }: DemoBatch, text: string): string {
  const ms = iterationMs.at(-1)!;
  const characters = [...text];
  const shown = characters.length > LINE_TEXT_LENGTH ? `...${characters.slice(3 - LINE_TEXT_LENGTH).join('')}` : text;
  return `[User 0] ${shown.replaceAll(/\p{Cc}/gu, ' ')}\nIteration ${iterationMs.length - 1}: ${ms.toFixed(0)}ms @ ${speed(ms)}\n`;
}

/** Prompt and output of a batch. @param output - text of the generated tokens. */
export function batchText({ batch, iterationMs, stop }: DemoBatch, prompt: string, output: string): string {
  const characters = [...prompt];
  const part = (from: number, to?: number): string => characters.slice(from, to).join('');
  const shortPrompt =
    characters.length > WHOLE_PROMPT_LENGTH
      ? `${part(0, WHOLE_PROMPT_LENGTH / 2)}\n<long prompt not printed in full>\n${part(-WHOLE_PROMPT_LENGTH / 2)}`
      : prompt;
  const end =
    stop === undefined
      ? ''
      : `[User 0] Finished decoding after ${countOf(iterationMs.length, 'iteration')}: ${STOPS[stop]}\n`;
  return `${end}\nbatch: ${batch} user: 0\nprompt: ${printable(shortPrompt)}\noutput:\n${printable(output.trim())}\n\n`;
}

/** The batch as --out keeps it: whole and as it came. */
export function batchFileText({ batch, stop }: DemoBatch, prompt: string, output: string): string {
  const end = stop === 'interrupted' ? '\n<interrupted>' : '';
  return `\nbatch: ${batch} user: 0\nprompt: ${prompt}\noutput:\n${output}${end}\n`;
}

/** Figures of a batch whose prefill was finished; nothing compiles here, so no time is left out of them. */
export function performanceMetrics({ batch, prefillMs, iterationMs }: DemoBatch): string {
  if (prefillMs === undefined) return '';
  const totalMs = iterationMs.reduce((sum, ms) => sum + ms, 0);
  const averageMs = totalMs / iterationMs.length;
  return `${[
    `Performance metrics for batch ${batch} (device model on this CPU, not silicon)`,
    `Prefill inference time per user: ${seconds(prefillMs)}`,
    `Total Decode inference time (${countOf(iterationMs.length, 'iteration')}): ${seconds(totalMs)}`,
    '',
    `Time to first token: ${prefillMs.toFixed(2)}ms`,
    `Average speed: ${iterationMs.length === 0 ? 'no iterations' : `${averageMs.toFixed(2)}ms @ ${speed(averageMs)}`}`,
  ].join('\n')}\n`;
}

/** One user: speed and throughput are the same. */
function speed(msPerToken: number): string {
  const perSecond = formatSpeed(1000 / msPerToken);
  return `${perSecond} tok/s/user (${perSecond} tok/s throughput)`;
}

/** One digit after the point as the original, three significant ones for what is slower than it ever was. */
function formatSpeed(tokensPerSecond: number): string {
  return tokensPerSecond >= 1 ? tokensPerSecond.toFixed(1) : tokensPerSecond.toPrecision(3);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(4)}s`;
}

/** Text of a model on a terminal: no control characters but line ends and tabs. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => (/[\n\t]/.test(character) ? character : '\ufffd'));
}
