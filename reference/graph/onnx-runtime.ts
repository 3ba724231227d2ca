// ONNX Runtime as everything here imports it: without its telemetry.
import './without-telemetry.ts';

export { InferenceSession, Tensor } from 'onnxruntime-node';
