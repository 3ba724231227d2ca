// Every kind of input, and whose turn it is.
import { KINDS, type Kind } from './kinds.ts';
import { RESULT_KINDS } from './result-kinds.ts';
import { SMALL_KINDS } from './small-kinds.ts';

/** Those of a few milliseconds each, which CI tries too. */
export const CHEAP_KINDS: readonly Kind[] = [...SMALL_KINDS, ...RESULT_KINDS];
export const ALL_KINDS: readonly Kind[] = [...KINDS, ...CHEAP_KINDS];

/** Kinds in turn, by their shares, so that any count has all of them and an input depends on seed and index alone. */
export const CYCLE: readonly Kind[] = ALL_KINDS.flatMap((kind) => Array.from({ length: kind.share }, () => kind));
