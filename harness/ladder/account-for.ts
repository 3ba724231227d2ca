// Whether a rung of the ladder accounts for a device's distance, and the measurements that the limits come from.
import { exponential, naturalLog } from '../metrics/exp-log.ts';
import type { LadderWord } from '../record/ladder.ts';

/**
 * Two devices of the same noise are not equally far from the reference at a token: their roundings fall otherwise. How far apart is
 * measured with the N150 model's tiers `fast` and `exact`, which are that by construction: the same formats and roundings, other bits.
 * Both recipes, both directions, 2,943 tokens of the 8 general prompts (fixtures/tiny-qwen2, 120 greedy tokens each), 2026-11-26:
 *
 * - one token: KL of one is at most 2.7 times (KL of the other + 0.001 nat) at 99 % of the tokens (2.38, 2.54, 2.64, 2.71);
 * - a prompt of 255 to 745 tokens: its typical KL is 0.85 to 1.18 times the other's; that of all tokens 0.96 to 1.04 times.
 *
 * On Qwen2.5-Coder-0.5B (83 tokens of 2 prompts) with kvFormat=BF16 typical KL is 0.92 times. With the default BFP8_B keys, whose noise
 * decides tokens by chance, it is 1.62 times (one prompt of 47 tokens: 2.2), a mean 2.4 times, and a tenth of the tokens are beyond 5
 * times: so no word comes from a mean, nor from the number of single tokens.
 *
 * 0.001 nat is a fifth of the difference that `compare` declares not to matter; below 0.0001 nat tokens count as equal.
 */
const TOKEN_FACTOR = 3;
const TOKEN_FLOOR_NATS = 0.001;
const TYPICAL_FACTOR = 1.5;
const TYPICAL_FLOOR_NATS = 1e-4;
/** Below `compare`'s fewest tokens what is typical is that of a few, and gets their factor. */
const TYPICAL_TOKENS_MIN = 128;

export interface RungDistance {
  readonly step: LadderWord;
  readonly klNats: number;
}

/** Sums up to the typical KL of tokens: the geometric mean of KL + 0.0001 nat, less that. */
export class TypicalKl {
  #logs = 0;
  #tokens = 0;

  add(klNats: number): void {
    this.#logs += naturalLog(klNats + TYPICAL_FLOOR_NATS);
    this.#tokens++;
  }

  /** NaN without a token; never below 0, as no KL is but by rounding. */
  get value(): number {
    return Math.max(0, exponential(this.#logs / this.#tokens) - TYPICAL_FLOOR_NATS);
  }
}

/**
 * The lowest rung that accounts for the device over many tokens; `excess` if none does.
 *
 * @param rungs - from the reference up with their typical KL, the device not among them.
 * @param klNats - the device's, typical; NaN is accounted for by nothing.
 * @param tokens - that they are of.
 */
export function wordOfRun(rungs: readonly RungDistance[], klNats: number, tokens: number): LadderWord {
  return lowestWithin(rungs, klNats, runFactor(tokens), TYPICAL_FLOOR_NATS);
}

/** `wordOfRun` of a single token. */
export function wordOfToken(rungs: readonly RungDistance[], klNats: number): LadderWord {
  return lowestWithin(rungs, klNats, TOKEN_FACTOR, TOKEN_FLOOR_NATS);
}

function lowestWithin(rungs: readonly RungDistance[], klNats: number, factor: number, floor: number): LadderWord {
  return rungs.find((rung) => klNats <= factor * (rung.klNats + floor))?.step ?? 'excess';
}

/** The rule as reports print it. */
export function ruleText(tokens: number): string {
  return (
    `a rung accounts for the device if the device's typical KL is at most ${runFactor(tokens)} times (the rung's + ${TYPICAL_FLOOR_NATS} nat); ` +
    `for a single token if its KL is at most ${TOKEN_FACTOR} times (the rung's + ${TOKEN_FLOOR_NATS} nat), which 99 % of the tokens keep on two devices of equal noise`
  );
}

function runFactor(tokens: number): number {
  return tokens < TYPICAL_TOKENS_MIN ? TOKEN_FACTOR : TYPICAL_FACTOR;
}
