// The public names of the package: both sides, the comparison, the gate, whole runs and their records.
export { createReference, type Precision, type Reference, type ReferenceOptions } from '../reference/onnx-reference.ts';
export {
  type CaptureOptions,
  type CaptureSource,
  type Checkpoint,
  ComparisonInvalidError,
  checkVectors,
  createCaptureSource,
  createKernelMatmulEngine,
  createN150Source,
  createPlainMatmulEngine,
  createRecordingWriter,
  DeviceError,
  type DownloadEvent,
  type DownloadOptions,
  type DownloadResult,
  describeKnobs,
  downloadCheckpoint,
  EXIT_CODES,
  encodePrompt,
  type FeedRequest,
  InputError,
  InternalError,
  type LogitsRow,
  type LogitsSource,
  loadTokenizer,
  type MatmulEngine,
  type ModelConfig,
  type N150Config,
  openCheckpoint,
  openRecording,
  type PromptEntry,
  parseDeviceOptions,
  QwenPccError,
  type Recording,
  type RecordingOptions,
  type RecordingWriter,
  ReferenceFaultError,
  type RowSink,
  readModelConfig,
  readPrompts,
  ShapeError,
  type SourceInfo,
  type TapName,
  type Tokenizer,
  UnsupportedError,
  UsageError,
  type VectorReport,
} from '../src/index.ts';
export { evaluateGate, type GateInput } from './gate/evaluate-gate.ts';
export type { GateRule } from './gate/rules.ts';
export { DEFAULT_PCC_MINIMUM, defaultRules } from './gate/thresholds.ts';
export type { Coverage, RuleResult, Verdict } from './gate/verdict.ts';
export { correlate } from './metrics/pcc.ts';
export { judgePcc } from './metrics/pcc-semantics.ts';
export { RowComparer, type RowComparerOptions } from './metrics/row-comparer.ts';
export { type Correlation, PCC_SEMANTICS, type PccSemantics, type RowMetrics } from './metrics/row-metrics.ts';
export { parseDeviceSpec, parseReferenceSpec } from './run/device-spec.ts';
export { runFree } from './run/free-running.ts';
export { runRecordJsonSchema, tokenRecordJsonSchema, validateRunFolder } from './run/json-schema.ts';
export { runLockstep } from './run/lockstep.ts';
export { type CaseOptions, openCases } from './run/open-cases.ts';
export { RunFolder } from './run/run-folder.ts';
export type { RunRecord } from './run/run-record.ts';
export { describePlan, type RunCase, type RunPlan } from './run/run-validate.ts';
export type { RowPair, SequenceOutcome, SequenceRequest } from './run/sequence.ts';
export type { TokenRecord } from './run/token-record.ts';
export { type WriteRunOptions, type WrittenRun, writeRun } from './run/write-run.ts';
