// Search over all tokens: by text, by id, or by a condition such as `pcc<0.9`, `status:failKl`, `flip:real`.
import { FIRST_FAILING, type Spine } from '../lens/lens-format.ts';
import { FLIP_CLASSES } from '../record/row-metrics.ts';
import { TOKEN_STATUSES } from '../record/token-record.ts';
import type { Report } from './report.ts';
import type { Place } from './state.ts';

type Test = (spine: Spine, token: number, textOf: (id: number) => string) => boolean;

const NUMBERS: Readonly<Record<string, (spine: Spine, token: number) => number>> = {
  pcc: ({ pccGap }, t) => 1 - pccGap[t]!,
  kl: ({ kl }, t) => kl[t]!,
  gain: ({ gain }, t) => gain[t]!,
  rank: ({ rank }, t) => rank[t]!,
  margin: ({ marginUlps }, t) => marginUlps[t]!,
  regret: ({ regret }, t) => regret[t]!,
  position: ({ position }, t) => position[t]!,
};

export function parseQuery(query: string): Test | undefined {
  const text = query.trim();
  if (text === '') return undefined;
  const condition = /^(\w+)\s*(<=|>=|<|>|=)\s*(-?[\d.]+(?:e-?\d+)?)$/i.exec(text);
  const number = NUMBERS[condition?.[1]?.toLowerCase() ?? ''];
  if (condition !== null && number !== undefined) {
    const limit = Number(condition[3]);
    const op = condition[2]!;
    return (spine, token) => {
      const value = number(spine, token);
      if (op === '<') return value < limit;
      if (op === '<=') return value <= limit;
      if (op === '>') return value > limit;
      return op === '>=' ? value >= limit : value === limit;
    };
  }
  const [, field, wanted = ''] = /^(status|flip):(\w+)$/i.exec(text) ?? [];
  if (field?.toLowerCase() === 'status') {
    if (wanted === 'fail') return ({ status }, t) => status[t]! >= FIRST_FAILING;
    return ({ status }, t) => TOKEN_STATUSES[status[t]!]?.toLowerCase() === wanted.toLowerCase();
  }
  if (field !== undefined) return ({ flip }, t) => FLIP_CLASSES[flip[t]!]?.toLowerCase() === wanted.toLowerCase();
  if (/^\d+$/.test(text)) {
    const id = Number(text);
    return ({ token }, t, textOf) => token[t] === id || textOf(token[t]!).includes(text);
  }
  const lower = text.toLowerCase();
  return ({ token }, t, textOf) => textOf(token[t]!).toLowerCase().includes(lower);
}

/** More are counted, not kept. */
const KEPT = 5000;

export interface Found {
  readonly places: readonly Place[];
  readonly total: number;
}

/** In order of the report; a text may also run over several tokens, where it is found at the first. */
export async function search(report: Report, query: string): Promise<Found> {
  const test = parseQuery(query);
  const places: Place[] = [];
  let total = 0;
  if (test === undefined) return { places, total };
  for (const sequence of report.sequences) {
    const [spine, textOf] = await Promise.all([report.spine(sequence), report.texts(sequence.of)]);
    const starts = new Set(startsOf(spine, textOf, query));
    for (let token = 0; token < spine.token.length; token++) {
      if (!starts.has(token) && !test(spine, token, textOf)) continue;
      total++;
      if (places.length < KEPT) places.push({ sequence: sequence.index, token });
    }
  }
  return { places, total };
}

/** Tokens in which the query begins in the joined text of a sequence. */
function startsOf({ token }: Spine, textOf: (id: number) => string, query: string): number[] {
  if (query.length < 2) return [];
  const at: number[] = [];
  const texts = Array.from(token, textOf);
  const joined = texts.join('').toLowerCase();
  const wanted = query.toLowerCase();
  let [index, offset] = [0, 0];
  for (let hit = joined.indexOf(wanted); hit >= 0; hit = joined.indexOf(wanted, hit + 1)) {
    while (offset + texts[index]!.length <= hit) offset += texts[index++]!.length;
    at.push(index);
  }
  return at;
}
