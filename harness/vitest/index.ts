// qwen-pcc/vitest: gates for test suites of others. Importing it adds the matcher toPassGate to `expect`.
export { gateFailureText } from '../report/gate-failure.ts';
export { defineGate, type GateTestOptions } from './define-gate.ts';
export { type GateCase, gatePlan, runGate } from './run-gate.ts';
export { type GateMatchers, type GateRun, toPassGate } from './to-pass-gate.ts';
