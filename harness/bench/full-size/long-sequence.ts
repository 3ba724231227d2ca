// The original's longest sequence, 4096 positions, on two layers of Qwen2-7B: memory, the growing report, cost by position.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LOG_FILE, readLog } from '../../record/read-log.ts';
import type { TokenRecord } from '../../record/token-record.ts';
import { CHUNK_POSITIONS } from '../../sequence/sequence.ts';
import type { BenchResult } from '../benchmark.ts';
import type { Workspace } from './workspace.ts';

const LAYERS = 2;
const POSITIONS = 4096;
const CONTINUATION = 120;
const EARLY_POSITION = 128;

export async function benchLongSequence(workspace: Workspace): Promise<BenchResult[]> {
  const checkpoint = await workspace.checkpoint('7B', LAYERS);
  const prompts = workspace.prompts(POSITIONS - CONTINUATION, CONTINUATION);
  await workspace.record('n150', checkpoint, workspace.prompts(1, 1));
  const growth = new ReportGrowth(join(workspace.folder, 'runs'));
  const { child, runFolder } = await workspace.validate(checkpoint, prompts, {
    onPoll: (seconds) => growth.look(seconds),
  });
  const records = [...readLog(runFolder)].flatMap(({ event }) => (event.event === 'token' ? [event] : []));
  return [
    { name: '4096 positions, validate', unit: 's', samples: [child.seconds] },
    ...(child.peakAnonymousGiB === undefined
      ? []
      : [
          {
            name: '4096 positions, anonymous memory',
            unit: 'GB',
            samples: [(child.peakAnonymousGiB * 2 ** 30) / 1e9],
            target: { relation: 'at most', value: 6 } as const,
          },
        ]),
    {
      name: '4096 positions, moments at which the report grew',
      unit: 'times',
      samples: [growth.times],
      target: { relation: 'at least', value: POSITIONS / CHUNK_POSITIONS },
    },
    {
      name: '4096 positions, first rows in the report',
      unit: 'of the time',
      samples: [growth.firstSeconds / child.seconds],
    },
    ...(['goldenMs', 'actualMs'] as const).flatMap((side) => {
      const name = side === 'goldenMs' ? 'reference' : 'device';
      const early = costAround(records, EARLY_POSITION, side);
      const late = costAround(records, POSITIONS - 1, side);
      return [
        { name: `${name}, a token around position ${EARLY_POSITION}`, unit: 'ms', samples: [early] },
        { name: `${name}, a token around position ${POSITIONS}`, unit: 'ms', samples: [late] },
        { name: `${name}, ${POSITIONS} / ${EARLY_POSITION}`, unit: 'times', samples: [late / early] },
      ];
    }),
  ];
}

/** Positions of a chunk are computed together: a token's cost is its share of the chunk that it lies in. */
function costAround(records: readonly TokenRecord[], position: number, side: 'goldenMs' | 'actualMs'): number {
  const first = Math.floor(position / CHUNK_POSITIONS) * CHUNK_POSITIONS;
  const chunk = records.slice(first, first + CHUNK_POSITIONS);
  return chunk.reduce((sum, { timing }) => sum + timing[side], 0) / chunk.length;
}

/** Watches the log of the one run in a folder from outside. */
class ReportGrowth {
  times = 0;
  firstSeconds = Number.NaN;
  private bytes = 0;
  private lastSeconds = 0;
  private readonly runs: string;

  constructor(runs: string) {
    this.runs = runs;
  }

  look(seconds: number): void {
    const [run] = existsSync(this.runs) ? readdirSync(this.runs) : [];
    const size =
      run === undefined ? 0 : (statSync(join(this.runs, run, LOG_FILE), { throwIfNoEntry: false })?.size ?? 0);
    if (size <= this.bytes) return;
    // Rows of one chunk come within a moment of each other.
    if (this.bytes === 0 || seconds - this.lastSeconds > 1) this.times++;
    if (this.bytes === 0) this.firstSeconds = seconds;
    this.bytes = size;
    this.lastSeconds = seconds;
  }
}
