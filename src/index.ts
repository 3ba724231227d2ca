// The public names of the shared ground and the device under test.
export { type ModelConfig, readModelConfig } from './checkpoint/config.ts';
export { type Checkpoint, openCheckpoint } from './checkpoint/weights.ts';
export { type CaptureOptions, type CaptureSource, createCaptureSource } from './device/capture/capture-source.ts';
export { looksLikeScores } from './device/capture/filtered-scores.ts';
export type { RecordedPrompt } from './device/capture/recorded-prompt.ts';
export { openRecording, type Recording, type RecordingOptions, sameRecording } from './device/capture/recording.ts';
export { createRecordingWriter, type RecordingWriter } from './device/capture/recording-writer.ts';
export { checkedSource, type SourceSide } from './device/checked-source.ts';
export type { FeedRequest, LogitsRow, LogitsSource, RowSink, SourceInfo, TapName } from './device/logits-source.ts';
export type { N150Config } from './device/n150/compute-config.ts';
export { describeKnobs, parseDeviceOptions } from './device/n150/device-options.ts';
export { createN150Source } from './device/n150/n150-source.ts';
export { checkVectors, type VectorReport } from './device/n150/vector-check/check-vectors.ts';
export { allTaps, residualTaps, tapWidth } from './device/taps.ts';
export { createKernelMatmulEngine } from './device/wormhole/kernels/kernel-matmul-engine.ts';
export type { MatmulEngine } from './device/wormhole/matmul-engine.ts';
export { createPlainMatmulEngine } from './device/wormhole/matrix-unit/matmul.ts';
export {
  ComparisonInvalidError,
  DeviceError,
  EXIT_CODES,
  InputError,
  InternalError,
  QwenPccError,
  ReferenceFaultError,
  ShapeError,
  UnsupportedError,
  UsageError,
} from './errors.ts';
export { LOGITS_FORMATS, type LogitsFormat, parseLogitsFormat } from './numerics/logits-format.ts';
export type { MatrixView } from './tensor/views.ts';
export { encodePrompt } from './text/encode-prompt.ts';
export { type PromptEntry, readPrompts } from './text/prompts.ts';
export { loadTokenizer, type Tokenizer } from './text/tokenizer.ts';
