// What an attribution takes, said before it begins: time, and memory by what it holds.
import type { Lab } from '../sources/open-lab.ts';
import { layerTapBytes } from './golden-taps.ts';
import { ownPastBytes } from './own-past.ts';
import { secondsOf } from './work.ts';

export interface WorkEstimate {
  readonly positions: number;
  /** At most, on an idle machine, in tier fast, once weights are packed. */
  readonly seconds: number;
  readonly memory: {
    /** Matrices at once, `streamed` or not, and the packer's room. */
    readonly matrixBytes: number;
    readonly matrices: string;
    /** Keys, values and streams of all positions, of both sides and each draw. */
    readonly pastBytes: number;
    readonly goldenTapBytes: number;
  };
  /** Layers whose golden taps are there at once, of all. */
  readonly goldenLayers: { readonly atOnce: number; readonly all: number };
}

export interface PlannedWork {
  readonly positions: number;
  /** That have every golden tap. */
  readonly rows: number;
  /** Layers whose golden taps are there at once. */
  readonly atOnce: number;
  /** Of the roundings. */
  readonly draws: number;
  /** Whether residual streams of all positions are kept. */
  readonly keepsStream: boolean;
  /** Through all layers, of all settings. */
  readonly allRows: number;
}

export function estimateOf(lab: Lab, work: PlannedWork): WorkEstimate {
  const { positions, rows, atOnce, draws, keepsStream, allRows } = work;
  const { model, plan, threads } = lab;
  const packed = plan.packed === 'resident' ? 'resident' : 'streamed from the weight cache';
  const exact = {
    resident: 'exact ones resident',
    eachTime: 'exact ones packed anew in each pass',
    none: 'no exact ones',
  };
  return {
    positions,
    seconds: secondsOf(model, allRows, threads),
    memory: {
      matrixBytes: plan.memoryBytes + plan.packingBytes,
      matrices: `${packed}, ${exact[plan.exact]}`,
      pastBytes: (2 + draws) * ownPastBytes(model, positions, keepsStream),
      goldenTapBytes: atOnce * layerTapBytes(model, rows),
    },
    goldenLayers: { atOnce, all: model.layers },
  };
}
