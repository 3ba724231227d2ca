// What faults are made of: rows of both sides of the user's own case, and the reference itself to be run once more.
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import type { StoredRows } from './stored-rows.ts';

export interface FaultMaterial {
  /** Rows of the reference. */
  readonly golden: StoredRows;
  /** Rows of the device that is to be judged one day; its name and formats are those that every fault shows. */
  readonly device: StoredRows;
  /** Makes random faults the same each time. */
  readonly seed: number;
  /** The reference's checkpoint. */
  readonly checkpoint: Checkpoint;
  /** A folder for damaged copies. */
  readonly scratch: string;
  /** The reference, to be fed what it should not be, a new one each time; undefined where it is a recording. */
  readonly openModel: (() => Promise<LogitsSource>) | undefined;
  /** Runs another checkpoint of the same shapes as if it were this one. */
  readonly openCheckpoint: (folder: string) => Promise<LogitsSource>;
}
