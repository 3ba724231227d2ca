// Teacher forcing of one prompt, or of several that advance together: rows of all of them share passes over both sides' weights.
// A prompt's numbers are those that it has alone; only a bounded number of golden rows waits at any time.
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { InternalError } from '../../src/errors.ts';
import { GoldenChunk } from './golden-chunk.ts';
import { type Comparison, Lane, type LaneParts, type LockstepSinks, type RoomFor, type SideClocks } from './lane.ts';
import type { SequenceOutcome, SequenceRequest } from './sequence.ts';
import { SideClock } from './side-clock.ts';

export type { Comparison, LaneParts, LockstepSinks } from './lane.ts';

/**
 * Runs one prompt under teacher forcing.
 *
 * The reference goes first by at most one chunk, its rows are copied into one buffer [chunk, V]; each device is then fed the same
 * chunk and each of its rows is handed out with its golden row. Chunk borders depend on the request alone, so that a repeated
 * run makes the same numbers.
 *
 * @throws ComparisonInvalidError when the sides differ in token or position, or lack a row.
 * @throws DeviceError, ReferenceFaultError around foreign errors of that side.
 */
export async function runLockstep(
  reference: LogitsSource,
  devices: readonly LogitsSource[],
  request: SequenceRequest,
  sinks: LockstepSinks,
  comparisons: readonly Comparison[] = devices.map((_, device) => ({ device })),
): Promise<SequenceOutcome> {
  const [end] = await runTogether([{ reference, devices, request, sinks, comparisons }]);
  if (end!.status === 'rejected') throw end!.reason;
  return end!.value;
}

/** How a lane ended; undefined if it was left because one before it ended the run. */
export type LaneEnd = PromiseSettledResult<SequenceOutcome> | undefined;

/**
 * Runs prompts under teacher forcing, all together: known tokens of as many prompts at a time as one chunk holds rows of, then one token of each
 * in turn, and the devices whenever a chunk's rows are there. Of `runLockstep`'s numbers for each alone, not a bit differs.
 *
 * @param lanes - each with sequences of its own.
 * @param endsAll - whether a prompt's error ends the run: those after it are then left, those before it go on to their end.
 */
export async function runTogether(
  lanes: readonly LaneParts[],
  endsAll: (error: unknown) => boolean = () => true,
): Promise<LaneEnd[]> {
  for (const { comparisons } of lanes) requireOrder(comparisons);
  const group = new Group(lanes, endsAll);
  await group.run();
  return group.ends;
}

class Group {
  readonly #lanes: readonly Lane[];
  readonly #endsAll: (error: unknown) => boolean;
  readonly #errors: Map<number, unknown> = new Map();
  /** Lanes from here on are left. */
  #end: number;
  /** Rows that wait, by source: one buffer [chunk, V], of which each lane has a part. */
  readonly #buffers: Map<string, Float32Array> = new Map();

  constructor(parts: readonly LaneParts[], endsAll: (error: unknown) => boolean) {
    const clocks: SideClocks = { reference: new SideClock(), devices: new SideClock() };
    this.#lanes = parts.map((part) => new Lane(part, clocks));
    this.#endsAll = endsAll;
    this.#end = parts.length;
  }

  get ends(): LaneEnd[] {
    return this.#lanes.map((lane, i) => {
      if (this.#errors.has(i)) return { status: 'rejected', reason: this.#errors.get(i) };
      return lane.isDone ? { status: 'fulfilled', value: lane.outcome } : undefined;
    });
  }

  async run(): Promise<void> {
    // Short texts need no buffer of a whole chunk, which is 156 MB at Qwen2-7B's vocabulary.
    const needed = this.#lanes.reduce((sum, lane) => sum + lane.longestLength, 0);
    const capacity = Math.min(needed, Math.max(...this.#lanes.map((lane) => lane.chunkMost)));
    for (const some of this.#knownParts(capacity)) {
      this.#shareRooms(some, capacity, (i) => this.#lanes[i]!.knownRows);
      await this.#each(some, (lane) => lane.feedKnown());
    }
    const all = this.#lanes.map((_, i) => i);
    let alive = all.filter((i) => this.#isAlive(i));
    while (alive.length > 0) {
      const rows = Math.max(1, Math.floor(capacity / alive.length));
      this.#shareRooms(alive, capacity, (i) => Math.min(rows, this.#lanes[i]!.chunkPositions));
      for (;;) {
        const stepping = alive.filter((i) => this.#isAlive(i) && this.#lanes[i]!.canStep);
        if (stepping.length === 0) break;
        await this.#each(stepping, (lane) => lane.step());
      }
      await this.#each(alive, (lane) => lane.compare());
      alive = all.filter((i) => this.#isAlive(i));
    }
  }

  #isAlive(i: number): boolean {
    return i < this.#end && !this.#errors.has(i) && !this.#lanes[i]!.isDone;
  }

  /** Lanes in order, as many together as have no more known rows than one chunk. */
  *#knownParts(capacity: number): Generator<readonly number[]> {
    let part: number[] = [];
    let rows = 0;
    for (const [i, { knownRows }] of this.#lanes.entries()) {
      if (part.length > 0 && rows + knownRows > capacity) {
        yield part;
        [part, rows] = [[], 0];
      }
      part.push(i);
      rows += knownRows;
    }
    yield part;
  }

  /** Gives each of the lanes its part of the buffers. */
  #shareRooms(lanes: readonly number[], capacity: number, rowsOf: (lane: number) => number): void {
    let first = 0;
    for (const i of lanes) {
      const rows = rowsOf(i);
      let buffer = 0;
      const roomFor: RoomFor = ({ vocabSize }) => {
        const name = `${buffer++} ${vocabSize}`;
        const whole = this.#buffers.get(name) ?? new Float32Array(capacity * vocabSize);
        this.#buffers.set(name, whole);
        return new GoldenChunk(whole.subarray(first * vocabSize, (first + rows) * vocabSize), vocabSize);
      };
      this.#lanes[i]!.useRooms(roomFor, rows);
      first += rows;
    }
  }

  /** Begins the same with each of the lanes and waits for all; what fails, fails alone or ends those after it. */
  async #each(lanes: readonly number[], action: (lane: Lane) => Promise<void>): Promise<void> {
    const begun = lanes.filter((i) => i < this.#end);
    const ends = await Promise.allSettled(begun.map((i) => action(this.#lanes[i]!)));
    for (const [k, end] of ends.entries()) {
      const i = begun[k]!;
      if (end.status === 'fulfilled' || i >= this.#end) continue;
      this.#errors.set(i, end.reason);
      if (this.#endsAll(end.reason)) this.#end = i + 1;
    }
  }
}

function requireOrder(comparisons: readonly Comparison[]): void {
  const tooLate = comparisons.find((comparison) => (comparison.golden ?? -1) >= comparison.device);
  if (tooLate === undefined) return;
  throw new InternalError('a device is compared with one that is fed after it.', {
    code: 'COMPARISON_ORDER',
    facts: { device: tooLate.device, golden: tooLate.golden! },
  });
}
