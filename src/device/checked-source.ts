// A source whose contract is checked at each call: what is asked of it, what it hands out, and when.
// Sources that pass through here need not check it again, and no row that breaks it is ever judged.
import type { ModelConfig } from '../checkpoint/config.ts';
import {
  DeviceError,
  type ErrorDetails,
  InputError,
  InternalError,
  ReferenceFaultError,
  UsageError,
} from '../errors.ts';
import type { FeedRequest, LogitsRow, LogitsSource, RowSink } from './logits-source.ts';
import { nearestTap, type TapName, tapWidth } from './taps.ts';

/** Whose fault a breach by the source is. */
export type SourceSide = 'reference' | 'device';

/**
 * `broken off`: a feed failed or was aborted, so what the source holds is not known; `truncate(0)` begins anew.
 */
type State = 'ready' | 'working' | 'broken off' | 'closed';

const ROWS: readonly FeedRequest['rows'][] = ['all', 'last', 'none'];

/**
 * Wraps a source where it is opened.
 *
 * @param model - of the checkpoint that it runs: the widths of its taps.
 * @throws InternalError `SOURCE_CALL` from a call that breaks the contract, UsageError `TAP_UNKNOWN` for a tap that the source has not,
 *   InputError `TOKEN_ID` for an id outside its vocabulary; DeviceError or ReferenceFaultError `SOURCE_CONTRACT` for a breach by the source.
 */
export function checkedSource(source: LogitsSource, side: SourceSide, model: ModelConfig): LogitsSource {
  const { info, vocabSize } = source;
  const breach = breachOf(side, info.label);
  if (!Number.isInteger(vocabSize) || vocabSize < 1) {
    throw breach('a vocabulary has a whole number of entries', { found: vocabSize });
  }
  let state: State = 'ready';
  const requireState = (call: string, ...allowed: State[]): void => {
    if (!allowed.includes(state)) throw wrongCall(`${call} of a source that is ${state}`, info.label);
  };
  const requireLength = (after: string, wanted: number): void => {
    if (source.length !== wanted) throw breach(`its length after ${after}`, { found: source.length, wanted });
  };

  return {
    info,
    vocabSize,
    taps: source.taps,
    ...(source.positions === undefined ? {} : { positions: source.positions.bind(source) }),
    ...(source.sequence === undefined ? {} : { sequence: () => checkedSource(source.sequence!(), side, model) }),
    ...(source.logitsFormatOf === undefined ? {} : { logitsFormatOf: source.logitsFormatOf.bind(source) }),
    get length() {
      return source.length;
    },

    async feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
      requireState('feed', 'ready');
      requireTokenIds(tokenIds, vocabSize, info.label);
      if (!ROWS.includes(want.rows)) throw wrongCall(`feed that wants rows "${want.rows}"`, info.label);
      requireTaps(want.taps ?? [], source);
      const rows = createRowCheck(tokenIds, source.length, want, { source, model, breach });
      const lengthAfter = source.length + tokenIds.length;
      state = 'working';
      try {
        await source.feed(tokenIds, want, (row) => {
          rows.requireNext(row);
          return onRow(row);
        });
        rows.requireAll();
        requireLength('a feed', lengthAfter);
        leave('ready');
      } catch (error) {
        leave('broken off');
        throw error;
      }
    },

    async truncate(length: number): Promise<void> {
      requireState('truncate', 'ready', 'broken off');
      if (!Number.isInteger(length) || length < 0 || length > source.length) {
        throw wrongCall(`truncate to ${length} of ${source.length} positions`, info.label);
      }
      if (state === 'broken off' && length > 0)
        throw wrongCall('truncate to more than 0 after a failed feed', info.label);
      state = 'working';
      try {
        await source.truncate(length);
        requireLength('truncate', length);
        leave('ready');
      } catch (error) {
        leave('broken off');
        throw error;
      }
    },

    /** May come at any time; the source is closed once. */
    async close(): Promise<void> {
      if (state === 'closed') return;
      state = 'closed';
      await source.close();
    },
  };

  function leave(next: State): void {
    if (state === 'working') state = next;
  }
}

interface RowContext {
  readonly source: LogitsSource;
  readonly model: ModelConfig;
  readonly breach: ReturnType<typeof breachOf>;
}

interface RowCheck {
  requireNext(row: LogitsRow): void;
  /** After the last row. */
  requireAll(): void;
}

/** Rows of one feed: the wanted positions in their order, each with its token, all logits and taps that were asked for. */
function createRowCheck(
  tokenIds: Int32Array,
  firstPosition: number,
  want: FeedRequest,
  { source, model, breach }: RowContext,
): RowCheck {
  const { info, vocabSize } = source;
  const end = firstPosition + tokenIds.length;
  const firstWanted = { all: firstPosition, last: Math.max(firstPosition, end - 1), none: end }[want.rows];
  // Which positions a recording has is a matter of what is compared: the sequence says which of them it misses.
  const mayLackRows = info.kind === 'capture' || info.kind === 'golden-file';
  const asked = new Set<TapName>(want.taps ?? []);
  let next = firstWanted;
  return {
    requireNext({ position, tokenId, logits, taps }): void {
      const isNext = mayLackRows ? Number.isInteger(position) && position >= next && position < end : position === next;
      if (!isNext || next >= end) {
        throw breach('rows come in the order of the positions that were asked for', {
          found: `position ${position}`,
          wanted: next < end ? `position ${next}` : 'no further row',
        });
      }
      const fed = tokenIds[position - firstPosition]!;
      if (tokenId !== fed) {
        throw breach('a row names the token that it was made from', { position, found: tokenId, fed });
      }
      if (!(logits instanceof Float32Array) || logits.length !== vocabSize) {
        throw breach('a row holds a float32 for each entry of the vocabulary', {
          position,
          found: `${logits?.length} values`,
          wanted: `${vocabSize} values`,
        });
      }
      for (const [tap, values] of taps) {
        const wanted = asked.has(tap) ? tapWidth(tap, model) : undefined;
        if (values.length === wanted) continue;
        throw breach('a row holds the taps that were asked for, in their width', {
          position,
          tap,
          found: `${values.length} values`,
          wanted: wanted === undefined ? 'not asked for' : `${wanted} values`,
        });
      }
      next = position + 1;
    },
    requireAll(): void {
      if (mayLackRows || next === end) return;
      throw breach('there is a row for each position that was asked for', {
        found: `${next - firstWanted} rows`,
        wanted: `${end - firstWanted} rows`,
      });
    },
  };
}

/** An id outside the vocabulary comes from a file of another tokenizer, anything but ids from our own code. */
function requireTokenIds(tokenIds: Int32Array, vocabSize: number, label: string): void {
  if (!(tokenIds instanceof Int32Array)) throw wrongCall('feed of anything but whole token ids', label);
  const index = tokenIds.findIndex((id) => id < 0 || id >= vocabSize);
  if (index < 0) return;
  throw new InputError('a token id is outside the vocabulary.', {
    code: 'TOKEN_ID',
    facts: { side: label, found: tokenIds[index]!, wanted: `0 … ${vocabSize - 1}` },
    hint: 'use ids of the tokenizer of the same checkpoint.',
  });
}

function requireTaps(asked: readonly TapName[], { taps, info }: LogitsSource): void {
  const absent = asked.find((tap) => !taps.includes(tap));
  if (absent === undefined) return;
  const nearest = taps.includes(nearestTap(absent) as TapName) ? nearestTap(absent) : undefined;
  throw new UsageError(`${info.label} has no tap "${absent}".`, {
    code: 'TAP_UNKNOWN',
    facts: { wanted: taps.length > 20 ? `one of ${taps.length} taps` : taps.join(', ') || 'no taps' },
    hint: nearest === undefined ? 'ask for one of these.' : `did you mean ${nearest}?`,
  });
}

function wrongCall(what: string, label: string): InternalError {
  return new InternalError(`a call that no source takes: ${what}.`, { code: 'SOURCE_CALL', facts: { source: label } });
}

function breachOf(side: SourceSide, label: string): (what: string, facts: ErrorDetails['facts']) => Error {
  const ErrorClass = side === 'reference' ? ReferenceFaultError : DeviceError;
  return (what, facts) =>
    new ErrorClass(`the ${side} side broke the contract of a source: ${what}.`, {
      code: 'SOURCE_CONTRACT',
      facts: { source: label, ...facts },
      hint: 'run `qwen-pcc doctor` to see what this machine and checkpoint can do.',
    });
}
