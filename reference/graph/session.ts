// Opens a built graph in ONNX Runtime: sequential, a fixed number of threads, weights mapped or resident.

import { ReferenceFaultError } from '../../src/errors.ts';
import type { GraphWeightMemory, InMemoryFile } from './checkpoint-weights.ts';
import { InferenceSession, type Tensor } from './onnx-runtime.ts';

/** Tensors by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Something that computes outputs from inputs: a session, or several one after the other. */
export interface GraphRunner {
  run(feeds: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

export interface SessionSettings {
  readonly dataFolder: string;
  readonly threads: number;
  readonly weights: GraphWeightMemory;
  /** Whether the room of one run is kept for the next. @default for mapped weights */
  readonly keepsRoom?: boolean;
  /** Data of the graph's weights that is in no file. */
  readonly files?: readonly InMemoryFile[];
}

export async function openRunner(model: Uint8Array, settings: SessionSettings): Promise<GraphRunner> {
  const session = await openSession(model, settings);
  return { run: (feeds) => runSession(session, feeds), release: () => session.release() };
}

export async function openSession(model: Uint8Array, settings: SessionSettings): Promise<InferenceSession> {
  const options = sessionOptions(settings);
  return attempt('ONNX Runtime cannot open the reference graph.', () => InferenceSession.create(model, options));
}

export function sessionOptions(settings: SessionSettings): InferenceSession.SessionOptions {
  const mapped = settings.weights === 'mapped';
  return {
    executionProviders: ['cpu'],
    ...(settings.files === undefined || settings.files.length === 0 ? {} : { externalData: settings.files }),
    executionMode: 'sequential',
    // Folding would replace mapped weights by their float32 copies; and what optimizers take grows with the square of
    // the number of slices: minutes for 28 layers of 7B.
    graphOptimizationLevel: mapped ? 'disabled' : 'all',
    // Its errors come as exceptions; its log would write them into the progress on stderr as well.
    logSeverityLevel: 4,
    intraOpNumThreads: settings.threads,
    interOpNumThreads: 1,
    // Sessions of many stages would each keep the room of its largest pass.
    enableCpuMemArena: settings.keepsRoom ?? mapped,
    // Lengths change from pass to pass: a plan made for one does not fit the next.
    enableMemPattern: false,
    extra: {
      session: {
        model_external_initializers_file_folder_path: settings.dataFolder,
        // Threads that spin as long between operators as the runtime lets them by default take the cores from the device
        // side. Threads that sleep at once would have to wake for every slice.
        'intra_op.spin_duration_us': '20',
        // Packing for Gemm is a private copy of a float32 checkpoint's weights.
        disable_prepacking: mapped ? '1' : '0',
      },
    },
  };
}

export async function runSession(session: InferenceSession, feeds: Tensors): Promise<Tensors> {
  return attempt('ONNX Runtime failed while running the reference.', () => session.run(feeds));
}

async function attempt<T>(subject: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw runtimeFault(subject, cause);
  }
}

/** What ONNX Runtime says when it fails. */
export function runtimeFault(subject: string, cause: unknown): ReferenceFaultError {
  return new ReferenceFaultError(subject, {
    code: 'REFERENCE_RUNTIME',
    facts: { found: cause instanceof Error ? cause.message : String(cause) },
    hint: 'look at free memory and at whether the checkpoint files changed while they were in use',
    cause,
  });
}
