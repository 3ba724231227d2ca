// Every fault that a gate is tried with, in the order of the matrix.
import { COLUMN_FAULTS } from './column-faults.ts';
import { FED_CONTEXT_FAULTS } from './context-faults.ts';
import { DEVICE_FAULTS } from './device-faults.ts';
import type { Fault } from './fault.ts';
import { CHECKPOINT_FAULTS } from './model-faults.ts';
import { ROW_ORDER_FAULTS } from './order-faults.ts';
import { ROW_VALUE_FAULTS } from './value-faults.ts';

export const ALL_FAULTS: readonly Fault[] = [
  ...ROW_VALUE_FAULTS,
  ...COLUMN_FAULTS,
  ...ROW_ORDER_FAULTS,
  ...FED_CONTEXT_FAULTS,
  ...CHECKPOINT_FAULTS,
  ...DEVICE_FAULTS,
];
