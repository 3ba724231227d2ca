// Faults of a device as a partner: it dies, hangs, is late, or hands out something else than rows of the right kind and number.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FeedRequest, LogitsRow, LogitsSource, RowSink } from '../../src/device/logits-source.ts';
import { StepTimeout } from '../sources/step-timeout.ts';
import { WrappedSource } from '../sources/wrapped-source.ts';
import type { Fault } from './fault.ts';
import type { FaultMaterial } from './fault-material.ts';
import { RelabelledSource } from './relabelled-source.ts';
import { StoredSource } from './stored-rows.ts';

/** Long for rows that lie in memory, short for who waits. */
const PATIENCE_MS = 300;
const LATE_MS = 15;

type Feed = (inner: LogitsSource, tokenIds: Int32Array, want: FeedRequest, onRow: RowSink) => Promise<void>;

class Misbehaving extends WrappedSource {
  readonly #feed: Feed;

  constructor(inner: LogitsSource, feed: Feed) {
    super(inner);
    this.#feed = feed;
  }

  override feed(tokenIds: Int32Array, want: FeedRequest, onRow: RowSink): Promise<void> {
    return this.#feed(this.inner, tokenIds, want, onRow);
  }
}

type FedFault = Omit<Fault, 'kind' | 'open'> & { readonly feed: Feed };

/** @param change - of each row, null to leave it out. */
const eachRow =
  (change: (row: LogitsRow, index: number) => LogitsRow | null): Feed =>
  async (inner, tokenIds, want, onRow) => {
    let index = 0;
    await inner.feed(tokenIds, want, async (row) => {
      const changed = change(row, index++);
      if (changed !== null) await onRow(changed);
    });
  };

const FED_FAULTS: readonly FedFault[] = [
  {
    id: 'dies',
    name: 'dies in the middle of a prompt',
    standsFor: 'a card that falls off the bus',
    source: 'tt-metal #20040',
    expect: 'caught',
    why: 'what was not computed was not judged',
    feed: async (inner, tokenIds, want, onRow) => {
      let rows = 0;
      await inner.feed(tokenIds, want, async (row) => {
        if (rows++ >= tokenIds.length / 2) throw new Error('the card does not answer');
        await onRow(row);
      });
    },
  },
  {
    id: 'gives-up',
    name: 'says that it was stopped, though nobody stopped it',
    standsFor: 'an AbortError of its own, as of a closed socket',
    source: 'fetch and child processes of Node',
    expect: 'caught',
    why: 'what was not computed was not judged',
    feed: async () => {
      throw new DOMException('the connection was closed', 'AbortError');
    },
  },
  {
    id: 'hangs',
    name: 'hangs after the first rows (with --step-timeout)',
    standsFor: 'a device that waits for ever',
    source: 'tt-metal dispatch timeouts; issue 12',
    expect: 'caught',
    why: 'without a timeout the run never ends, and no verdict is worse than a red one',
    feed: eachRowThen((index) => (index > 1 ? new Promise(() => undefined) : Promise.resolve())),
  },
  {
    id: 'late',
    name: 'is late, within the timeout',
    standsFor: 'a device under load',
    source: 'shared runners',
    expect: 'harmless',
    why: 'time is no matter of accuracy',
    feed: eachRowThen((index) => (index === 0 ? sleep(LATE_MS) : Promise.resolve())),
  },
  {
    id: 'too-few-rows',
    name: 'hands out all rows of a feed but the last',
    standsFor: 'a loop that ends one too early',
    source: 'issue 12',
    expect: 'caught',
    why: 'a token was not judged',
    feed: async (inner, tokenIds, want, onRow) => {
      const last = inner.length + tokenIds.length - 1;
      await eachRow((row) => (row.position === last ? null : row))(inner, tokenIds, want, onRow);
    },
  },
  {
    id: 'row-left-out',
    name: 'leaves out a row in the middle',
    standsFor: 'a message that was lost',
    source: 'issue 12',
    expect: 'caught',
    why: 'a token was not judged',
    feed: eachRow((row, index) => (index === 1 ? null : row)),
  },
  {
    id: 'too-many-rows',
    name: 'hands out one row more than it was asked for',
    standsFor: 'padding of a batch',
    source: 'fixed batch slots of vLLM',
    expect: 'caught',
    why: 'nobody knows which row is whose',
    feed: async (inner, tokenIds, want, onRow) => {
      let last: LogitsRow | undefined;
      await eachRow((row) => {
        last = row;
        return row;
      })(inner, tokenIds, want, onRow);
      if (last !== undefined) await onRow({ ...last, position: last.position + 1 });
    },
  },
  {
    id: 'rows-twice',
    name: 'hands out each row twice',
    standsFor: 'a message that was sent again',
    source: 'issue 12',
    expect: 'caught',
    why: 'a token counts once',
    feed: (inner, tokenIds, want, onRow) =>
      inner.feed(tokenIds, want, async (row) => {
        await onRow(row);
        await onRow(row);
      }),
  },
  {
    id: 'rows-reversed',
    name: 'hands out the rows of a feed in reversed order',
    standsFor: 'answers that overtake each other',
    source: 'issue 12',
    expect: 'caught',
    why: 'rows and tokens do not belong together',
    feed: async (inner, tokenIds, want, onRow) => {
      const rows: LogitsRow[] = [];
      await inner.feed(tokenIds, want, (row) => void rows.push(row));
      for (const row of rows.reverse()) await onRow(row);
    },
  },
  {
    id: 'wrong-position',
    name: 'says positions one too high',
    standsFor: "the original test's loop, seen by who audits it",
    source: 'features 1.1.1',
    expect: 'caught',
    why: 'another context',
    feed: eachRow((row) => ({ ...row, position: row.position + 1 })),
  },
  {
    id: 'wrong-token',
    name: 'says that it consumed another token',
    standsFor: 'a forced token that was dropped, seen by who audits it',
    source: 'anchors 3.2: read back the token buffer',
    expect: 'caught',
    why: 'another context',
    feed: eachRow((row) => ({ ...row, tokenId: row.tokenId + 1 })),
  },
  {
    id: 'wrong-dtype-float64',
    name: 'rows of float64',
    standsFor: 'an array of another type, as JSON brings it',
    source: 'issue 12',
    expect: 'caught',
    why: 'the contract is float32',
    feed: eachRow((row) => ({ ...row, logits: Float64Array.from(row.logits) as never })),
  },
  {
    id: 'wrong-dtype-bits',
    name: 'rows of bfloat16 bit patterns',
    standsFor: 'bytes that nobody widened',
    source: 'issue 12',
    expect: 'caught',
    why: 'the contract is float32',
    feed: eachRow((row) => ({
      ...row,
      logits: new Uint16Array(new Uint32Array(row.logits.slice().buffer).map((bits) => bits >>> 16)) as never,
    })),
  },
  {
    id: 'bits-as-numbers',
    name: 'bfloat16 bit patterns as float32 numbers',
    standsFor: 'bytes that were widened as integers',
    source: 'issue 12: the wrong dtype',
    expect: 'caught',
    why: 'the order of negative numbers is turned round',
    feed: eachRow((row) => ({
      ...row,
      logits: Float32Array.from(new Uint32Array(row.logits.slice().buffer), (bits) => bits >>> 16),
    })),
  },
  {
    id: 'half-rows',
    name: 'rows of half the vocabulary',
    standsFor: 'one of two shards',
    source: 'features 3.13',
    expect: 'caught',
    why: 'half of the row was never compared',
    feed: eachRow((row) => ({ ...row, logits: row.logits.slice(0, row.logits.length >> 1) })),
  },
  {
    id: 'one-buffer',
    name: 'hands out every row in one buffer that it uses again',
    standsFor: 'a device that saves memory',
    source: 'the contract: a row is valid until the sink returns',
    expect: 'harmless',
    why: 'the contract allows it',
    feed: (inner, tokenIds, want, onRow) => {
      const buffer = new Float32Array(inner.vocabSize);
      return inner.feed(tokenIds, want, async (row) => {
        buffer.set(row.logits);
        await onRow({ ...row, logits: buffer });
        buffer.fill(Number.NaN);
      });
    },
  },
];

const REFUSES: Fault = {
  id: 'refuses',
  name: 'cannot be opened',
  kind: 'device',
  standsFor: 'no card, no driver, no permission',
  source: 'issue 12',
  expect: 'caught',
  why: 'nothing was judged',
  open: () => ({ refuses: new Error('no device was found') }),
};

const OTHER_VOCABULARY: Fault = {
  id: 'other-vocabulary',
  name: 'a recording of another vocabulary',
  kind: 'device',
  standsFor: 'a recording of another checkpoint, or one cut to its tokens',
  source: 'features 4.3: other count',
  expect: 'caught',
  why: 'columns that are not there were never compared',
  open: ({ golden, device }) => {
    const half = golden.vocabSize >> 1;
    const stored = new StoredSource({ ...golden, vocabSize: half }, { ...device.info, kind: 'capture' }, (place) =>
      place.sequence.rows.get(place.position)?.subarray(0, half),
    );
    return stored;
  },
};

export const DEVICE_FAULTS: readonly Fault[] = [
  REFUSES,
  ...FED_FAULTS.map(
    ({ feed, ...fault }): Fault => ({
      ...fault,
      kind: 'device',
      open: ({ golden, device }: FaultMaterial) => {
        const source = new Misbehaving(new RelabelledSource(new StoredSource(golden), device.info), feed);
        return new StepTimeout(source, PATIENCE_MS);
      },
    }),
  ),
  OTHER_VOCABULARY,
];

/** Waits before each row. */
function eachRowThen(wait: (index: number) => Promise<void>): Feed {
  return async (inner, tokenIds, want, onRow) => {
    let index = 0;
    await inner.feed(tokenIds, want, async (row) => {
      await wait(index++);
      await onRow(row);
    });
  };
}
