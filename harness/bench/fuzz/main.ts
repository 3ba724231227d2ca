// `npm run fuzz -- [--seed N] [--count N] [--only I]`: damaged files to every reader, and what became of them, as a table; `-- kill`: killed runs.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../../../src/errors.ts';
import { runCommand } from '../child-run.ts';
import { ALL_KINDS, CYCLE } from './all-kinds.ts';
import { Draws } from './damage.ts';
import { killRuns } from './killed-runs.ts';
import { type Kind, seedCommands } from './kinds.ts';
import { type Finding, LimitedChild, RESIDENT_BYTES_MAX, SECONDS_MAX } from './limited-child.ts';

const COUNT = 100_000;
const KILLED_RUNS = 50;
/** Command lines take a hundred times as long as readers: one input of so many. */
const WITH_COMMANDS_EVERY = 15;

interface Tally {
  inputs: number;
  read: number;
  refused: number;
  commands: number;
  readonly findings: Record<Finding, number>;
  readonly codes: Set<string>;
  slowestSeconds: number;
  largestBytes: number;
}

/** @returns the exit code: 1 on any finding. */
export async function runFuzz(args: readonly string[]): Promise<number> {
  if (args[0] === 'kill') return runKills(args.slice(1));
  const { seed, count, only } = readOptions(args);
  const work = mkdtempSync(join(tmpdir(), 'qwen-pcc-fuzz-'));
  const kept = join('reports', `fuzz-${seed}`);
  const tallies = new Map(ALL_KINDS.map(({ name }) => [name, newTally()]));
  const child = new LimitedChild();
  let findings = 0;
  let isStopped = false;
  // Hours of work are told as far as they came.
  const stop = (): void => {
    isStopped = true;
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  console.log(`seed ${seed}, ${only === undefined ? `${count} inputs` : `input ${only}`}`);
  try {
    for (const command of seedCommands(work)) await runCommand(command, { accept: [0, 1] });
    const indices = only === undefined ? Array.from({ length: count }, (_, index) => index) : [only];
    for (const index of indices) {
      if (isStopped) break;
      const kind = kindOf(index);
      const folder = join(work, `input-${index}`);
      mkdirSync(folder);
      kind.make(folder, Draws.seeded(seed, index), work);
      const withCommands = only !== undefined || Math.floor(index / CYCLE.length) % WITH_COMMANDS_EVERY === 0;
      const tried = await child.try({ kind: kind.name, folder, withCommands });
      const tally = tallies.get(kind.name)!;
      tally.inputs++;
      if (withCommands) tally.commands++;
      tally.slowestSeconds = Math.max(tally.slowestSeconds, tried.seconds);
      tally.largestBytes = Math.max(tally.largestBytes, tried.peakBytes);
      if (tried.finding !== undefined) {
        findings++;
        tally.findings[tried.finding]++;
        const place = keep(kept, index, { kind, seed, work, details: tried.details });
        console.log(`\n${tried.finding}: ${kind.name}, input ${index}, kept in ${place}`);
        const lines = tried.details.split('\n').slice(0, 6);
        console.log(lines.map((line) => line.slice(0, 200)).join('\n'));
        console.log(`again: npm run fuzz -- --seed ${seed} --only ${index}`);
      } else if (tried.outcome === 'read') tally.read++;
      else {
        tally.refused++;
        tally.codes.add(tried.outcome);
      }
      rmSync(folder, { recursive: true });
    }
  } finally {
    child.close();
    rmSync(work, { recursive: true, force: true });
  }
  console.log(`\n${table(tallies)}\n`);
  for (const [name, { codes }] of tallies) console.log(`${name}: ${[...codes].sort().join(' ') || 'nothing refused'}`);
  return findings === 0 ? 0 : 1;
}

async function runKills(args: readonly string[]): Promise<number> {
  const { seed, count } = readOptions(args, KILLED_RUNS);
  console.log(`seed ${seed}, ${count} runs`);
  const { changes, kills, findings } = await killRuns(seed, count, (line) => console.log(line));
  console.log(`\n${kills} kills in ${count} runs of ${changes} changes of the disk each; ${findings.length} findings`);
  for (const finding of findings) console.log(finding);
  if (findings.length > 0) console.log(`again: npm run fuzz -- kill --seed ${seed} --count ${count}`);
  return findings.length === 0 ? 0 : 1;
}

function readOptions(
  args: readonly string[],
  countDefault = COUNT,
): { seed: number; count: number; only: number | undefined } {
  const options = { seed: { type: 'string' }, count: { type: 'string' }, only: { type: 'string' } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const wholeNumber = (name: keyof typeof options, fallback: number): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw new UsageError(`--${name} is no whole number.`, { code: 'OPTION_NUMBER', facts: { found: text } });
  };
  return {
    seed: wholeNumber('seed', Math.floor(Math.random() * 1e9)),
    count: wholeNumber('count', countDefault),
    only: values.only === undefined ? undefined : wholeNumber('only', 0),
  };
}

const kindOf = (index: number): Kind => CYCLE[index % CYCLE.length]!;

/** Made once more: a command may have written into the folder that was tried. */
function keep(
  parent: string,
  index: number,
  { kind, seed, work, details }: { kind: Kind; seed: number; work: string; details: string },
): string {
  const folder = join(parent, `${index}-${kind.name.replaceAll(' ', '-')}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  kind.make(folder, Draws.seeded(seed, index), work);
  writeFileSync(join(folder, 'finding.txt'), `${details}\n`);
  return folder;
}

function newTally(): Tally {
  const findings = { crash: 0, memory: 0, time: 0 };
  const counts = { inputs: 0, read: 0, refused: 0, commands: 0 };
  return { ...counts, findings, codes: new Set(), slowestSeconds: 0, largestBytes: 0 };
}

function table(tallies: ReadonlyMap<string, Tally>): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const header = ['kind', 'inputs', 'read', 'refused', 'by commands', 'crashes'];
  header.push(`> ${mib(RESIDENT_BYTES_MAX)}`, `> ${SECONDS_MAX} s`, 'slowest', 'largest');
  const rows = [...tallies].map(([name, one]) => [
    ...[name, one.inputs, one.read, one.refused, one.commands].map(String),
    ...[one.findings.crash, one.findings.memory, one.findings.time].map(String),
    ...[`${one.slowestSeconds.toFixed(1)} s`, mib(one.largestBytes)],
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]!.length)));
  return [header, ...rows]
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
    )
    .join('\n');
}
