// Seeded leagues: KL, hits and log p of a base and its entrants at the same tokens; hard tokens are hard for all, prompts differ, tails are heavy.
import { exponential } from '../../metrics/exp-log.ts';
import { seededNormals } from '../../paired/made-up-differences.fixture.ts';
import { randomFromSeed } from '../../paired/seeded-random.ts';
import type { Entrant } from './entrants.ts';
import { promptId, type TokenColumns } from './token-columns.ts';

/** One of the league: its mean KL in nat, and how it differs from the others'. */
export interface Side {
  readonly name: string;
  readonly nats: number;
  /** Standard deviation of the logarithm of what a prompt does to this side alone. */
  readonly promptLogSd?: number;
  /** Added to the KL of every token, nat. */
  readonly addedNats?: number;
}

export interface MadeUpLeague {
  readonly entrants: readonly Entrant[];
  readonly columnsOf: (variant: string) => TokenColumns | undefined;
}

const TOKEN_LOG_SD = 1.2;
const NEIGHBOURS = 0.3;
/** Share of a token's hardness that all sides have in common. */
const COMMON = 0.5;
/** Choices lost per root of KL: 0.03 nat lose about 9 % of them. */
const MISSES_PER_ROOT = 0.5;

/**
 * The first side is the base.
 *
 * @param lengths - [prompts] tokens.
 * @param levelLogSd - standard deviation of the logarithm of a prompt's level, which all sides have in common.
 */
export function madeUpLeague(
  sides: readonly Side[],
  lengths: readonly number[],
  seed: number,
  levelLogSd = 0.4,
): MadeUpLeague {
  const normal = seededNormals(seed);
  const random = randomFromSeed(seed + 0x5eed);
  const kl: number[][] = sides.map(() => []);
  const hit: number[][] = sides.map(() => []);
  for (const length of lengths) {
    const level = exponential(levelLogSd * normal());
    const ofPrompt = sides.map(({ promptLogSd = 0.1 }) => logNormal(normal(), promptLogSd));
    let common = normal();
    const own = sides.map(() => normal());
    for (let token = 0; token < length; token++) {
      common = follow(common, normal());
      const drawn = random() / 2 ** 32;
      for (const [i, { nats, addedNats = 0 }] of sides.entries()) {
        own[i] = follow(own[i]!, normal());
        const hardness = Math.sqrt(COMMON) * common + Math.sqrt(1 - COMMON) * own[i]!;
        const value = nats * level * ofPrompt[i]! * logNormal(hardness, TOKEN_LOG_SD) + addedNats;
        kl[i]!.push(value);
        // Half of the luck is the token's, half the side's.
        const luck = (drawn + random() / 2 ** 32) % 1;
        hit[i]!.push(Number(luck > Math.min(0.5, MISSES_PER_ROOT * Math.sqrt(value))));
      }
    }
  }
  const prompts = lengths.map((tokens, i) => ({ id: promptId({ prompt: `p${i}`, user: 0 }), tokens }));
  const columns = new Map(sides.map(({ name }, i) => [name, columnsFrom({ prompts, kl: kl[i]!, hit: hit[i]! })]));
  return { entrants: sides.map(({ name }, i) => entrantOf(name, i === 0)), columnsOf: (name) => columns.get(name) };
}

export function entrantOf(name: string, isBase = false): Entrant {
  return { label: name, model: 'm', isBase, checkpoint: undefined, device: name, total: name, knobs: undefined };
}

export type GivenColumns = Partial<Record<keyof TokenColumns, readonly number[]>> & Pick<TokenColumns, 'prompts'>;

/** Columns that are not given: every choice kept, PCC 1, no difference of log p. */
export function columnsFrom({
  prompts,
  ...given
}: Omit<GivenColumns, 'prompts'> & Pick<TokenColumns, 'prompts'>): TokenColumns {
  const tokens = prompts.reduce((sum, one) => sum + one.tokens, 0);
  const filled = (name: keyof typeof given, value: number): Float64Array =>
    Float64Array.from(given[name] ?? new Array<number>(tokens).fill(value));
  return {
    prompts,
    position: Float64Array.from(prompts.flatMap((one) => Array.from({ length: one.tokens }, (_, i) => i))),
    pcc: filled('pcc', 1),
    kl: filled('kl', 0),
    logRatio: filled('logRatio', 0),
    hit: filled('hit', 1),
    realFlip: filled('realFlip', 0),
    regret: filled('regret', 0),
    rank: filled('rank', 1),
  };
}

function follow(before: number, fresh: number): number {
  return NEIGHBOURS * before + Math.sqrt(1 - NEIGHBOURS * NEIGHBOURS) * fresh;
}

/** Mean 1. */
function logNormal(normal: number, logSd: number): number {
  return exponential(logSd * normal - (logSd * logSd) / 2);
}
