// The public names of the package: both sides, the comparison, the gate, whole runs and their records.
export { createReference, type Reference } from '../reference/onnx-reference.ts';
export type { Precision, ReferenceOptions } from '../reference/reference-options.ts';
export {
  allTaps,
  type CaptureOptions,
  type CaptureSource,
  type Checkpoint,
  ComparisonInvalidError,
  checkedSource,
  checkVectors,
  createCaptureSource,
  createKernelMatmulEngine,
  createN150Source,
  createPlainMatmulEngine,
  createRecordingWriter,
  DeviceError,
  describeKnobs,
  EXIT_CODES,
  encodePrompt,
  type FeedRequest,
  InputError,
  InternalError,
  LOGITS_FORMATS,
  type LogitsFormat,
  type LogitsRow,
  type LogitsSource,
  loadTokenizer,
  looksLikeScores,
  type MatmulEngine,
  type MatrixView,
  type ModelConfig,
  type N150Config,
  openCheckpoint,
  openRecording,
  type PromptEntry,
  parseDeviceOptions,
  parseLogitsFormat,
  QwenPccError,
  type RecordedPrompt,
  type Recording,
  type RecordingOptions,
  type RecordingWriter,
  ReferenceFaultError,
  type RowSink,
  readModelConfig,
  readPrompts,
  residualTaps,
  ShapeError,
  type SourceInfo,
  type SourceSide,
  sameRecording,
  type TapName,
  type Tokenizer,
  tapWidth,
  UnsupportedError,
  UsageError,
  type VectorReport,
} from '../src/index.ts';

export { type BundleRecord, bundleJsonSchema } from './bundle/bundle-record.ts';
export { type CompareRecord, compareRecordJsonSchema } from './compare/league/compare-record.ts';
export { DEFAULT_MARGINS } from './compare/runs/classify-token.ts';
export { type CompareRunsOptions, compareRuns, type PairedRow } from './compare/runs/compare-runs.ts';
export { diffMarkdown } from './compare/runs/diff-markdown.ts';
export type { DriftMargins, RunDiff } from './compare/runs/run-diff.ts';
export { formatRunDiff, parseRunDiff, runDiffJsonSchema } from './compare/runs/run-diff-schema.ts';

export { type CompareWeightsOptions, compareWeights } from './compare/weights/compare-weights.ts';
export type { TensorComparison, WeightComparison } from './compare/weights/weight-comparison.ts';
export { weightComparisonJsonSchema } from './compare/weights/weight-schema.ts';

export { createGate, type Gate } from './gate/gate.ts';
export { DEFAULT_PCC_MINIMUM, defaultRules } from './gate/thresholds.ts';
export { type HistoryRecord, historyJsonSchema } from './history/history-record.ts';
export {
  type DownloadEvent,
  type DownloadOptions,
  type DownloadResult,
  downloadCheckpoint,
} from './hub/download.ts';
export { correlate } from './metrics/pcc.ts';
export { judgePcc } from './metrics/pcc-semantics.ts';
export { RowComparer, type RowComparerOptions } from './metrics/row-comparer.ts';
export { assignShards } from './record/assign-shards.ts';
export type { LogEvent, RunEvent } from './record/events.ts';
export {
  baselineJsonSchema,
  logLineJsonSchema,
  readRunRecord,
  runRecordJsonSchema,
  selfTestJsonSchema,
  whyJsonSchema,
} from './record/json-schema.ts';
export type { LocalPaths } from './record/local-paths.ts';
export { type PlanRecord, planUnits, specHash } from './record/plan-record.ts';
export { findRunFolder, readLog } from './record/read-log.ts';
export { type Correlation, PCC_SEMANTICS, type PccSemantics, type RowMetrics } from './record/row-metrics.ts';
export type { GateRule } from './record/rules.ts';
export type { RunRecord } from './record/run-record.ts';
export type { CaseSpec, JudgeSettings, PromptSpec, RunSpec, VariantSpec } from './record/run-spec.ts';
export type { TokenRecord } from './record/token-record.ts';
export type { Coverage, RuleResult, Verdict } from './record/verdict.ts';
export { concludeRun } from './replay/conclude-run.ts';
export { type MergedEvent, mergeLogs } from './replay/merge-logs.ts';
export { readRun } from './replay/read-run.ts';
export { partOfFolder, partOfLines, type RunPart } from './replay/run-part.ts';
export { RunReplay } from './replay/run-replay.ts';
export { rulesFileJsonSchema } from './rules-file/config-schema.ts';
export { readRulesFile } from './rules-file/read-rules-file.ts';
export { type ResolvedRules, resolveRules } from './rules-file/resolve-rules.ts';
export type { ReadRulesFile, RulesFile } from './rules-file/rules-file.ts';
export { type MergedRun, mergeRuns } from './run/merge-runs.ts';
export { resumeRun, type StartedRun, startRun, type WrittenRun, writeRun } from './run/write-run.ts';
export { runFree } from './sequence/free-running.ts';
export { runLockstep } from './sequence/lockstep.ts';
export type { RowPair, SequenceOutcome, SequenceRequest } from './sequence/sequence.ts';
export { parseDeviceSpec, parseReferenceSpec } from './sources/device-spec.ts';
export { openCases } from './sources/open-cases.ts';
export type { OpenableCase } from './sources/openable-case.ts';
export type { PlanRequest } from './sources/plan-request.ts';
export { planRun } from './sources/plan-run.ts';
