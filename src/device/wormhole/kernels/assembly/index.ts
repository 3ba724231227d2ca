// Entry of the kernels' module: what main thread and workers call.
import {
  BLOCK_ROWS, JOB_KIND, JOB_NEXT_UNIT, JOB_N, JOB_ROWS, JOB_START, JOB_UNITS, KIND_ATTENTION, PANEL_COLUMNS,
} from '../job-layout';
import { attendUnit } from './attention';
import { computeUnit, field } from './blocks';

export { addRows, multiplyRows } from './eltwise';
export { splitActivations } from './exact-operands';
export { usualRow } from './one-row-step';
export { packWeights } from './pack-weights';
export { tileActivations } from './prepare';

/**
 * Takes units of the current job until none is left. A unit's bits do not depend on who computes it.
 *
 * @param scratch - this share's region of SCRATCH_BYTES.
 * @param heartbeat - this share's counter.
 */
export function runJob(scratch: usize, heartbeat: usize): void {
  const units = field(JOB_UNITS);
  const isAttention = field(JOB_KIND) == KIND_ATTENTION;
  const panels = (field(JOB_N) + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
  const rows = field(JOB_ROWS);
  for (;;) {
    const unit = atomic.add<i32>(<usize>JOB_START + JOB_NEXT_UNIT, 1);
    if (unit >= units) return;
    if (isAttention) {
      attendUnit(unit, scratch, heartbeat);
      continue;
    }
    const firstRow = (unit / panels) * BLOCK_ROWS;
    computeUnit(unit % panels, firstRow, min(BLOCK_ROWS, rows - firstRow), scratch, heartbeat);
  }
}
