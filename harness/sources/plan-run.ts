// From what was asked for (folders, files, devices) to a run's spec, with the places of its files beside it.
import path from 'node:path';
import { absolutePlace } from '../../src/checkpoint/checkpoint-place.ts';
import { longestSequence } from '../../src/checkpoint/config.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import type { CasePaths, LocalPaths } from '../record/local-paths.ts';
import type { CaseSpec, RunSpec, VariantSpec } from '../record/run-spec.ts';
import { Models } from './models.ts';
import { caseNames, MAX_NEW_TOKENS_DEFAULT, MAX_SEQ_LEN_DEFAULT, requireRunnable } from './plan.ts';
import type { PlanRequest } from './plan-request.ts';
import { planRungs, requireLadder, requireOwnNames } from './planned-ladder.ts';
import { chooseCases } from './planned-prompts.ts';
import { openRecordings, requireOneRecorded, unplannedNotes } from './planned-recordings.ts';
import { deviceWeightsOf, planVariants } from './planned-variants.ts';

export interface PlannedRun {
  readonly spec: RunSpec;
  readonly paths: LocalPaths['cases'];
  /** What was recorded and is not judged, a sentence each; to stand with the verdict. */
  readonly notes: readonly string[];
}

/**
 * Opens checkpoints, tokenizers and recordings (headers only), encodes the prompts and refuses what cannot run.
 *
 * @param models - keeps what was opened, for those who run the plan.
 * @throws UsageError, InputError, UnsupportedError, ComparisonInvalidError, each naming the file.
 */
export async function planRun(request: PlanRequest, models: Models = new Models()): Promise<PlannedRun> {
  requireLadder(request);
  const recordings = await openRecordings(request);
  const opened = request.weights.map((folder) => models.open(folder));
  requireOneRecorded(recordings, opened);
  const names = caseNames(opened.map(({ checkpoint, family }) => ({ family, model: checkpoint.name })));
  const places = new Set(request.devices.flatMap((device) => deviceWeightsOf(device, request.deviceWeights) ?? []));
  const ofDevice = [...places].map((place) => models.checkpoint(place));
  const maxSeqLen = request.maxSeqLen ?? defaultSeqLen([...opened.map(({ checkpoint }) => checkpoint), ...ofDevice]);
  const limits = { maxNewTokens: request.maxNewTokens ?? MAX_NEW_TOKENS_DEFAULT, maxSeqLen };
  const planned = chooseCases(opened, names, request, recordings);
  const cases = planned.map(({ model, name, file, prompts }): CaseSpec => {
    const { checkpoint, tokenizer } = model;
    const { eosTokenIds } = checkpoint.config;
    // The shortest first: what its hint names suits the others too.
    const { positions: ofReference } = longestSequence(checkpoint.config);
    const isShorter = ofDevice.some(({ config }) => longestSequence(config).positions < ofReference);
    for (const { name: model, config } of isShorter ? [...ofDevice, checkpoint] : [checkpoint, ...ofDevice]) {
      requireRunnable(prompts, { model, file, vocabSize: config.vocabSize, longest: longestSequence(config) }, limits);
    }
    return {
      name,
      model: checkpoint.name,
      reference:
        request.reference.kind === 'onnx'
          ? { kind: 'onnx', precision: request.precision }
          : { kind: 'golden', recording: path.basename(request.reference.file) },
      tokenizerSha256: tokenizer?.sha256 ?? NO_TOKENIZER,
      eosTokenIds: [...eosTokenIds],
      prompts,
      variants: withRungs(planVariants(request, model, models), request, checkpoint, models),
    };
  });
  const notes = unplannedNotes(recordings, cases, request, limits);
  const paths = Object.fromEntries(
    cases.map(({ name, variants }, i) => [name, pathsOf(request, planned[i]!.index, variants)]),
  );
  return { spec: { mode: request.mode, limits, judge: request.judge, cases }, paths, notes };
}

/** The devices in their order, then the rungs of each one's ladder. */
function withRungs(
  variants: readonly VariantSpec[],
  request: PlanRequest,
  checkpoint: Checkpoint,
  models: Models,
): VariantSpec[] {
  const rungs = variants.flatMap((variant, i) => {
    const device = request.devices[i]!;
    const place = deviceWeightsOf(device, request.deviceWeights);
    const own = place === undefined ? checkpoint : models.checkpoint(place);
    return planRungs(request, device, variant, own, own !== checkpoint);
  });
  requireOwnNames(variants, rungs);
  return [...variants, ...rungs];
}

/** In the place of the sha256 of a tokenizer.json that the folder does not have. */
const NO_TOKENIZER = 'none';

/** The original's, or what the shortest of the checkpoints allows. */
function defaultSeqLen(checkpoints: readonly Checkpoint[]): number {
  return Math.min(MAX_SEQ_LEN_DEFAULT, ...checkpoints.map(({ config }) => longestSequence(config).positions));
}

function pathsOf(request: PlanRequest, index: number, variants: readonly VariantSpec[]): CasePaths {
  const { weights, deviceWeights, devices, reference } = request;
  return {
    weights: absolutePlace(weights[index]!),
    ...(reference.kind === 'golden' ? { golden: path.resolve(reference.file) } : {}),
    variants: Object.fromEntries(
      variants.map(({ name, ladder }, i) => {
        // A rung runs the checkpoint of its device.
        const device = devices[ladder === undefined ? i : variants.findIndex((one) => one.name === ladder.of)]!;
        if (device.kind === 'capture' && ladder !== undefined) return [name, {}];
        if (device.kind === 'capture') return [name, { recording: path.resolve(device.file) }];
        const own = deviceWeightsOf(device, deviceWeights);
        return [name, own === undefined ? {} : { weights: absolutePlace(own) }];
      }),
    ),
  };
}
