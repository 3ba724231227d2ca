// Which token of a run is meant: by name and position, the worst, the first failing, or the next failing one.
import { nearestName, UsageError } from '../../src/errors.ts';
import { compareSeverity, isPassing } from '../gate/token-highlights.ts';
import { promptLabel, type TokenRecord } from '../record/token-record.ts';
import { quoteWord } from '../run/shown-command.ts';

export interface TokenChoice {
  readonly token?: number;
  readonly prompt?: string;
  readonly user?: number;
  readonly case?: string;
  readonly variant?: string;
  readonly worst?: boolean;
  readonly first?: boolean;
  readonly next?: boolean;
}

const PLACES_SHOWN = 10;

/** Sees the tokens of a run in order and keeps the one that is meant. */
export class TokenPicker {
  readonly #choice: TokenChoice;
  #matching = 0;
  #lastPosition = -1;
  /** The judged position that is nearest to the one that was named. */
  #nearest: number | undefined;
  #worst: TokenRecord | undefined;
  #first: TokenRecord | undefined;
  #next: TokenRecord | undefined;
  readonly #atPosition: TokenRecord[] = [];
  readonly #prompts: Set<string> = new Set();
  readonly #cases: Set<string> = new Set();
  readonly #variants: Set<string> = new Set();

  constructor(choice: TokenChoice) {
    this.#choice = choice;
  }

  add(record: TokenRecord): void {
    this.#prompts.add(record.prompt);
    this.#cases.add(record.case);
    this.#variants.add(record.variant);
    if (!this.#isNamed(record)) return;
    this.#matching++;
    this.#lastPosition = Math.max(this.#lastPosition, record.position);
    const { token } = this.#choice;
    if (token !== undefined && Math.abs(record.position - token) < Math.abs((this.#nearest ?? Infinity) - token)) {
      this.#nearest = record.position;
    }
    if (this.#worst === undefined || compareSeverity(record, this.#worst) < 0) this.#worst = record;
    if (!isPassing(record)) {
      this.#first ??= record;
      // Tokens come in order: a failing one after the one that was named is the next.
      if (this.#atPosition.length > 0) this.#next ??= record;
    }
    if (record.position === token) this.#atPosition.push(record);
  }

  /** @throws UsageError when the run has no such token, or several. */
  picked(): TokenRecord {
    const { token, next, first } = this.#choice;
    if (this.#matching === 0) throw this.#unknown();
    if (next === true) return this.#next ?? this.#noFailing('after that one');
    if (first === true) return this.#first ?? this.#noFailing('among them');
    if (token === undefined) return this.#worst!;
    const [found, ...others] = this.#atPosition;
    if (found === undefined) {
      // A recording need not have a row of each position.
      const wanted = token > this.#lastPosition ? `0 … ${this.#lastPosition}` : 'a position that was judged';
      throw new UsageError(`position ${token} is not in the run.`, {
        code: 'TOKEN_UNKNOWN',
        facts: { found: token, wanted },
        hint: `write --token ${this.#nearest}, the nearest that was judged.`,
      });
    }
    if (others.length > 0) throw this.#ambiguous(token);
    return found;
  }

  #isNamed({ case: name, variant, prompt, user }: TokenRecord): boolean {
    const { case: wantedCase = name, variant: wantedVariant = variant } = this.#choice;
    const { prompt: wantedPrompt = prompt, user: wantedUser = user } = this.#choice;
    return name === wantedCase && variant === wantedVariant && prompt === wantedPrompt && user === wantedUser;
  }

  #noFailing(where: string): never {
    throw new UsageError(`no token fails ${where}.`, {
      code: 'NO_FAILING_TOKEN',
      hint: 'look at the worst one with --worst.',
    });
  }

  #unknown(): UsageError {
    const { prompt, case: name, variant } = this.#choice;
    const [word, known, option] =
      prompt !== undefined && !this.#prompts.has(prompt)
        ? [prompt, this.#prompts, 'prompt']
        : name !== undefined && !this.#cases.has(name)
          ? [name, this.#cases, 'case']
          : [variant ?? '', this.#variants, 'variant'];
    if (this.#prompts.size === 0) {
      return new UsageError('no token of the run was judged.', {
        code: 'PROMPT_UNKNOWN',
        hint: 'its summary.md says why; `qwen-pcc validate --resume` with its folder goes on.',
      });
    }
    const nearest = nearestName(word, [...known]);
    return new UsageError('the run has no such token.', {
      code: 'PROMPT_UNKNOWN',
      facts: { prompts: short(this.#prompts), cases: short(this.#cases), variants: short(this.#variants) },
      hint:
        nearest === undefined
          ? `name a ${option} that the run has.`
          : `did you mean --${option} ${quoteWord(nearest)}?`,
    });
  }

  #ambiguous(token: number): UsageError {
    const places = this.#atPosition.map((record) => `${record.case} › ${record.variant} › ${promptLabel(record)}`);
    const { prompt, user } = this.#atPosition.toSorted(compareSeverity)[0]!;
    return new UsageError(`position ${token} is in ${places.length} prompts.`, {
      code: 'TOKEN_AMBIGUOUS',
      facts: { prompts: short(new Set(places)) },
      hint: `name one, for example the worst: --prompt ${quoteWord(prompt)}${user === 0 ? '' : ` --user ${user}`}; with --case and --variant if several have it.`,
    });
  }
}

function short(names: ReadonlySet<string>): string {
  const all = [...names];
  return `${all.slice(0, PLACES_SHOWN).join(', ')}${all.length > PLACES_SHOWN ? ` and ${all.length - PLACES_SHOWN} more` : ''}`;
}
