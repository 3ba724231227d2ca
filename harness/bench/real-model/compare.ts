// `npm run real-model -- compare`: the league of the real model: recipes of the device, and re-quantisations of its weights.
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { EXIT_CODES } from '../../../src/errors.ts';
import { elementCount } from '../../../src/tensor/dtypes.ts';
import { type CompareRecord, CompareRecordSchema } from '../../compare/league/compare-record.ts';
import { leagueText } from '../../compare/league/league-table.ts';
import type { WeightComparison } from '../../compare/weights/weight-comparison.ts';
import { createChalk, plainTable } from '../../report/plain-table.ts';
import { packageFile } from '../../sources/package-root.ts';
import { type ChildRun, runCommand } from '../child-run.ts';
import { shortLeague } from './short-league.ts';
import { VARIANT_FORMATS } from './variants/variant-formats.ts';
import { writeVariant } from './variants/write-variant.ts';

/** As for `judge`, so that both speak of the same tokens. */
const NEW_TOKENS = 7;
const RECIPES = 'bfp4-mlp,kv-bf16,bias-bf16';
/**
 * On the default device this model loses 0.2 nat to its KV cache alone, and ten times what a good re-quantisation costs disappears
 * behind that: checkpoints are compared on the device that `RECIPES` shows to be right for it.
 */
const DEVICE_OF_CHECKPOINTS = 'n150:kvFormat=BF16';
/** Of all devices' packed weights together: beyond it they are streamed from their cache, which costs little beside the arithmetic. */
const MEMORY = '2GiB';

/** 4 GB of variants, and for a while as many of packed weights; a place of its own, so that stopped runs leave nothing twice. */
const VARIANTS = path.join(tmpdir(), 'qwen-pcc-coder-variants');
const WEIGHT_CACHE = path.join(VARIANTS, 'packed');

export interface RealModelFiles {
  /** Q4_K_M, the base. */
  readonly gguf: string;
  /** The same weights in BF16, which the variants are made of. */
  readonly folder: string;
}

type Say = (line: string) => void;

/**
 * Writes the variants, holds their weights against the base's, and runs both leagues.
 *
 * @param prompts - names; none: all.
 * @param out - where the run folders go.
 * @returns text for a terminal; the tables of the README are its last part.
 */
export async function compareRealModel(
  { gguf, folder }: RealModelFiles,
  prompts: readonly string[],
  out: string,
  say: Say,
): Promise<string> {
  const variants = writeVariants(folder, say);
  const weights = await compareWeights(gguf, variants, say);
  const common = [
    ...['--prompts', packageFile('fixtures/prompts/instruct.json'), '--max-new-tokens', String(NEW_TOKENS)],
    ...['--memory', MEMORY, '--weight-cache', WEIGHT_CACHE, '--out', out, '--json'],
    ...(prompts.length > 0 ? ['--prompt', ...prompts] : []),
  ];
  const recipes = await runLeague('recipes', [gguf, '--recipes', RECIPES, ...common], say);
  const ofCheckpoints = [gguf, ...variants, '--device', DEVICE_OF_CHECKPOINTS, ...common];
  const checkpoints = await runLeague('checkpoints', ofCheckpoints, say);
  rmSync(WEIGHT_CACHE, { recursive: true, force: true });
  const leagues = [recipes, checkpoints];
  const chalk = createChalk(process.env);
  return [...leagues.map((league) => leagueText(league, chalk)), weights, ...leagues.map(shortLeague)].join('\n\n');
}

/** Over those of the last time. */
function writeVariants(folder: string, say: Say): readonly string[] {
  mkdirSync(VARIANTS, { recursive: true });
  const source = openCheckpoint(folder);
  const written = VARIANT_FORMATS.map((format) => {
    const start = performance.now();
    const variant = writeVariant(source, format, VARIANTS);
    say(`${variant}: written in ${secondsSince(start)} s`);
    return variant;
  });
  say(`${VARIANTS} is kept, and written anew the next time`);
  return written;
}

function secondsSince(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(1);
}

/** Each alone, as a user would ask; the time has the start of the process in it. */
async function compareWeights(gguf: string, variants: readonly string[], say: Say): Promise<string> {
  const { tensors } = openCheckpoint(gguf);
  const millions = [...tensors.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0) / 1e6;
  const rows: string[][] = [];
  for (const variant of variants) {
    const run = await runCommand(['compare', gguf, variant, '--weights-only', '--json'], {
      accept: [EXIT_CODES.pass, EXIT_CODES.accuracyFail],
    });
    const { relation, headline } = JSON.parse(run.stdout) as WeightComparison;
    say(headline);
    const perMillion = (1000 * run.seconds) / millions;
    const name = path.basename(variant);
    rows.push([name, relation, run.seconds.toFixed(1), perMillion.toFixed(1), gibibytes(run)]);
  }
  const header = ['weights', 'relation to the base', 'seconds', 'ms per million weights', 'peak GiB'];
  return plainTable(header, rows, 2, createChalk(process.env));
}

async function runLeague(name: string, args: readonly string[], say: Say): Promise<CompareRecord> {
  let minutes = 0;
  const run = await runCommand(['compare', ...args], {
    onPoll(seconds) {
      if (seconds < 60 * (minutes + 1)) return;
      minutes++;
      say(`${name}: ${minutes} min`);
    },
  });
  say(`${name}: ${Math.round(run.seconds)} s, at most ${gibibytes(run)} GiB, ${anonymous(run)} without mapped files`);
  return CompareRecordSchema.parse(JSON.parse(run.stdout));
}

function gibibytes({ peakGiB }: ChildRun): string {
  return peakGiB?.toFixed(1) ?? 'unknown';
}

function anonymous({ peakAnonymousGiB }: ChildRun): string {
  return peakAnonymousGiB?.toFixed(1) ?? 'unknown';
}
