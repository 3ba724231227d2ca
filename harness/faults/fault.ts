// What a fault is: a name, the incident that it stands for, whether a gate must catch it, and the source that has it.
import type { LogitsSource } from '../../src/device/logits-source.ts';
import type { FaultMaterial } from './fault-material.ts';

/**
 * - `caught`: the run must not pass.
 * - `told`: it may pass, but the verdict must say what is odd.
 * - `harmless`: no reader of the logits notices it, so that a gate that fails it raises a false alarm.
 * - `open`: a gate that catches it is stricter than honest devices are; it is shown, and decides nothing.
 */
export type Expectation = 'caught' | 'told' | 'harmless' | 'open';

/**
 * - `values`: numbers of rows are changed.
 * - `rows`: whole rows come from another place.
 * - `context`: a sound model is fed other tokens than it says.
 * - `model`: a damaged copy of the checkpoint really runs.
 * - `device`: the source does not keep its contract, or breaks down.
 */
export type FaultKind = 'values' | 'rows' | 'context' | 'model' | 'device';

/** Why a fault cannot be put into this case; nothing is judged then. */
export interface Unfit {
  readonly unfit: string;
}

/** A device that cannot even be opened. */
export interface Refusal {
  readonly refuses: Error;
}

export type OpenedFault = LogitsSource | Unfit | Refusal;

export interface Fault {
  /** Short, in kebab case, unique. */
  readonly id: string;
  /** What people read: what is wrong with the rows. */
  readonly name: string;
  readonly kind: FaultKind;
  /** What does this in the world. */
  readonly standsFor: string;
  /** Where it was seen: an issue, a document, our own tests. */
  readonly source: string;
  readonly expect: Expectation;
  readonly why: string;
  /** The device that has it; closed by whoever runs it. */
  readonly open: (material: FaultMaterial) => Promise<OpenedFault> | OpenedFault;
}
