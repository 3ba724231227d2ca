// What a comparison keeps of every judged token: a few numbers a variant, in order of prompts and positions, without the records.
import type { TokenRecord } from '../../record/token-record.ts';

/** Numbers of one variant, one a token; NaN where the row does not have it. */
export interface TokenColumns {
  /** Of each prompt: its name with the row of a batch, and its tokens. */
  readonly prompts: readonly { readonly id: string; readonly tokens: number }[];
  readonly position: Float64Array;
  readonly pcc: Float64Array;
  /** KL(golden || actual), nat. */
  readonly kl: Float64Array;
  /** log p of the text's next token, actual minus golden, nat. */
  readonly logRatio: Float64Array;
  /** 1 where both sides choose the same token. */
  readonly hit: Float64Array;
  /** 1 where the device chooses another token that is not nearly tied. */
  readonly realFlip: Float64Array;
  /** Golden log p of golden's choice minus that of the device's, nat: what its choice gives up. */
  readonly regret: Float64Array;
  /** 1-based rank of the device's choice in the golden row. */
  readonly rank: Float64Array;
}

export const COLUMNS = ['position', 'pcc', 'kl', 'logRatio', 'hit', 'realFlip', 'regret', 'rank'] as const;
export type Column = (typeof COLUMNS)[number];

/** A prompt by its name and row of a batch, as one string. */
export function promptId({ prompt, user }: Pick<TokenRecord, 'prompt' | 'user'>): string {
  return JSON.stringify([prompt, user]);
}

/** Collects records as a log has them; those of a prompt come together, variant beside variant. */
export class ColumnCollector {
  readonly #variants: Map<
    string,
    { readonly prompts: Map<string, number>; readonly columns: Record<Column, number[]> }
  > = new Map();

  add(record: TokenRecord): void {
    const variant = this.#variantOf(record.variant);
    const prompt = promptId(record);
    variant.prompts.set(prompt, (variant.prompts.get(prompt) ?? 0) + 1);
    const { distribution, choice } = record;
    const values: Readonly<Record<Column, number>> = {
      position: record.position,
      pcc: record.pcc ?? Number.NaN,
      kl: distribution?.klNats ?? Number.NaN,
      logRatio: distribution?.textToken?.logRatio ?? Number.NaN,
      hit: choice === null ? Number.NaN : Number(choice.top1.golden === choice.top1.actual),
      realFlip: choice === null ? Number.NaN : Number(choice.flip === 'real'),
      regret: choice === null ? Number.NaN : regretOf(choice),
      rank: choice?.actualRankOnGolden ?? Number.NaN,
    };
    for (const name of COLUMNS) variant.columns[name].push(values[name]);
  }

  /** @returns of whole prompts, as `isWhole` says; undefined for a variant without any. */
  columnsOf(variant: string, isWhole: (prompt: string) => boolean = () => true): TokenColumns | undefined {
    const collected = this.#variants.get(variant);
    if (collected === undefined) return undefined;
    const { prompts, columns } = collected;
    const typed = Object.fromEntries(COLUMNS.map((name) => [name, Float64Array.from(columns[name])]));
    const all = Array.from(prompts, ([id, tokens]) => ({ id, tokens }));
    const ids = all.flatMap(({ id }) => (isWhole(id) ? [id] : []));
    return ids.length === 0 ? undefined : pick({ prompts: all, ...(typed as Record<Column, Float64Array>) }, ids);
  }

  #variantOf(name: string) {
    const known = this.#variants.get(name);
    if (known !== undefined) return known;
    const columns = Object.fromEntries(COLUMNS.map((column) => [column, [] as number[]])) as Record<Column, number[]>;
    const variant = { prompts: new Map<string, number>(), columns };
    this.#variants.set(name, variant);
    return variant;
  }
}

/** In the golden row; where both choose the same token, nothing is given up. The margin is golden's, so that it needs no probability. */
function regretOf({ top1, marginUlps, ulp }: NonNullable<TokenRecord['choice']>): number {
  return top1.golden === top1.actual ? 0 : marginUlps * ulp;
}

/** Each with the tokens of prompts that all have with as many tokens, in the order of the first's, so that differences are paired. */
export function pairedColumns(all: readonly TokenColumns[]): readonly TokenColumns[] {
  const [first, ...others] = all;
  if (first === undefined) return [];
  const counts = others.map(({ prompts }) => new Map(prompts.map(({ id, tokens }) => [id, tokens])));
  const isShared = (id: string, tokens: number): boolean => counts.every((count) => count.get(id) === tokens);
  const shared = first.prompts.filter(({ id, tokens }) => isShared(id, tokens)).map(({ id }) => id);
  return all.map((columns) => pick(columns, shared));
}

function pick(columns: TokenColumns, ids: readonly string[]): TokenColumns {
  const places = new Map<string, readonly [number, number]>();
  let start = 0;
  for (const { id, tokens } of columns.prompts) {
    places.set(id, [start, start + tokens]);
    start += tokens;
  }
  const picked = (values: Float64Array): Float64Array => {
    const parts = ids.map((id) => values.subarray(...places.get(id)!));
    const whole = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
    let done = 0;
    for (const part of parts) {
      whole.set(part, done);
      done += part.length;
    }
    return whole;
  };
  const typed = Object.fromEntries(COLUMNS.map((name) => [name, picked(columns[name])]));
  return {
    prompts: ids.map((id) => {
      const [from, to] = places.get(id)!;
      return { id, tokens: to - from };
    }),
    ...(typed as Record<Column, Float64Array>),
  };
}
