// `validate` on a real model with several devices: one row of figures for each.
import { EXIT_CODES } from '../../../src/errors.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { createChalk, plainTable } from '../../report/plain-table.ts';
import { runCommand } from '../child-run.ts';

/** The default, what a user should change on such a model, what only seems to help, and the bits of real kernels. */
const DEVICES = ['n150', 'n150:kvFormat=BF16', 'n150:biasFormat=BF16', 'n150:tier=exact,recipe=ttnn-0.81'];

const NEW_TOKENS = 7;

/** Runs the instruct prompts, or those of these names, one device after the other; a broken gate is an answer, anything else an error. */
export async function judgeRealModel(
  folder: string,
  prompts: readonly string[],
  out: string,
  say: (line: string) => void,
): Promise<string> {
  const rows: string[][] = [];
  for (const device of DEVICES) {
    const args = ['validate', '--weights', folder, '--device', device, '--max-new-tokens', String(NEW_TOKENS)];
    if (prompts.length > 0) args.push('--prompt', ...prompts);
    const { stdout, seconds } = await runCommand([...args, '--out', out, '--json'], {
      accept: [EXIT_CODES.pass, EXIT_CODES.accuracyFail],
    });
    const run = JSON.parse(stdout) as RunRecord;
    rows.push(figuresOf(device, run));
    say(`${device}: ${Math.round(seconds)} s, ${run.verdict.headline}`);
  }
  const header = ['device', 'tokens', 'PCC lowest', 'at', 'PCC median', 'mean KL / nat', 'top-1', 'verdict'];
  return plainTable(header, rows, 1, createChalk(process.env));
}

function figuresOf(device: string, { summary, verdict }: RunRecord): string[] {
  const { n, pcc, klNats, top1 } = summary.all;
  const { worst } = verdict;
  return [
    device,
    String(n),
    shown(pcc?.min, 4),
    worst === null ? '' : `${worst.prompt} ${worst.position}`,
    shown(pcc?.p50, 5),
    shown(klNats?.mean, 4),
    top1 === null ? '' : `${(100 * top1).toFixed(1)} %`,
    verdict.status,
  ];
}

function shown(value: number | null | undefined, digits: number): string {
  return value?.toFixed(digits) ?? '';
}
