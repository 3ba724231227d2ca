// Why a recorded token is where it is: the recording's own values are put before each operation, an exact one and a healthy device's,
// and what it recorded behind the operation is held against what these two make of the same.
import type { RecordedPrompt } from '../../src/device/capture/recorded-prompt.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { runLanes } from '../../src/device/n150/lanes/run-lanes.ts';
import { layerTap } from '../../src/device/taps.ts';
import { correlate } from '../metrics/pcc.ts';
import type { AttentionPeak, OpError, RecordingEvidence } from '../record/why-record.ts';
import type { Lab } from '../sources/open-lab.ts';
import { attentionPeaks } from './attention-peaks.ts';
import { type Attribution, CALIBRATION_ROWS } from './attribute.ts';
import { CacheWatch } from './cache-errors.ts';
import { DeviceLanes } from './device-lanes.ts';
import { type GoldenRequest, GoldenTaps } from './golden-taps.ts';
import { BLAME_FACTOR, judgeOp, LEAST_ERROR, type Observer, type OpJudgement, observeAgainst } from './op-errors.ts';
import { layerTapOf, opOf, type WhyTap, whyTaps } from './ops.ts';
import { type Injection, injectRecorded } from './recorded-injection.ts';
import { RecordedTaps } from './recorded-taps.ts';
import { rowError } from './row-errors.ts';
import { spanOf } from './tap-inputs.ts';
import { measureToken } from './token-measure.ts';
import { estimateOf, type WorkEstimate } from './work-estimate.ts';

export interface RecordingRequest extends GoldenRequest {
  readonly reference: LogitsSource;
  /** A healthy device of the settings that the recorded one should have, on the reference's checkpoint. */
  readonly lab: Lab;
  /** These settings as `--device` has them. */
  readonly heldAgainst: string;
  readonly recorded: RecordedPrompt;
  /** What the recording says of itself. */
  readonly label: string;
  /** Told once before the work. */
  readonly onEstimate?: (estimate: WorkEstimate) => void;
  readonly onProgress?: (stage: string, done: number, total: number) => void;
}

/** @throws DeviceError SOURCE_CONTRACT for taps of another model; errors of the reference. */
export async function attributeRecording(request: RecordingRequest): Promise<Attribution> {
  const { lab, reference, tokenIds, recorded, label } = request;
  const positions = tokenIds.length;
  const rows = Math.min(CALIBRATION_ROWS, positions);
  const { layers } = lab.model;
  request.onEstimate?.(
    estimateOf(lab, { positions, rows, atOnce: layers, draws: 0, keepsStream: false, allRows: LANES * positions }),
  );
  const taps = new RecordedTaps(recorded, lab.model, positions, rows);
  const options = { model: lab.model, rows, keepsStream: false, layersAtOnce: layers };
  const golden = await GoldenTaps.open(reference, request, options);
  const goldenRow = golden.get('logits').subarray(-lab.model.vocabSize);
  const sides = await runSides(request, taps, golden);
  const cache = cacheOf(taps, lab);
  const ops = opsOf(taps, golden, sides, cache, lab);
  const first = ops.findIndex(({ isBlamed }) => isBlamed);
  return {
    sides: { golden: reference.info.label, actual: label },
    device: measureToken(goldenRow, taps.row('logits', positions - 1)!),
    redrawn: [],
    healthy: measureToken(goldenRow, sides.healthyRow),
    exact: measureToken(goldenRow, sides.exactRow),
    rule: {
      factor: BLAME_FACTOR,
      positions: rows,
      text: ruleText(request.heldAgainst, rows, lab.plan.exact !== 'none'),
    },
    ops,
    firstBlamed: first < 0 ? null : first,
    changes: [],
    notTried: [],
    carriers: [],
    kvCache: cache.watch.errors(golden, lab.healthyConfig),
    attention: peaksOf(taps, golden, cache, lab),
    recording: evidenceOf(request, taps, ops, sides.accumulated),
  };
}

/** With recorded values before each operation: exact, healthy; with golden ones in their places: healthy; by themselves: healthy, exact. */
const LANES = 5;

interface Sides {
  readonly expected: Injection;
  readonly healthy: Injection;
  /** A healthy device's errors at the last rows, fed golden values where the recording has its own. */
  readonly usual: Observer;
  /** A healthy device's own distance from the reference. */
  readonly accumulated: Observer;
  readonly healthyRow: Float32Array;
  readonly exactRow: Float32Array;
}

async function runSides(request: RecordingRequest, taps: RecordedTaps, golden: GoldenTaps): Promise<Sides> {
  const { lab, tokenIds, promptLength, onProgress } = request;
  const lanes = new DeviceLanes(lab, [], tokenIds.length);
  const roundsToBf16 = lab.healthyConfig.tier !== 'fp32';
  const expected = injectRecorded(taps, lab.model, { rows: golden.rows, roundsToBf16: false });
  const healthy = injectRecorded(taps, lab.model, { rows: golden.rows, roundsToBf16 });
  const usual = observeAgainst(golden, lab.model, { isolates: (tap) => taps.has(tap), roundsToBf16 });
  const accumulated = observeAgainst(golden, lab.model, { isolates: false, roundsToBf16: false });
  const options = { rows: tokenIds.length, wanted: golden.rows };
  const made = await runLanes({
    model: lab.model,
    engine: lab.engine,
    weights: lab.weights,
    tokenIds,
    promptLength,
    lanes: [
      lanes.lane(lanes.exact, { ...options, onTap: expected.onTap }),
      lanes.lane(lanes.healthy, { ...options, onTap: healthy.onTap }),
      lanes.lane(lanes.healthy, { ...options, onTap: usual.onTap }),
      lanes.lane(lanes.healthy, { ...options, onTap: accumulated.onTap }),
      lanes.lane(lanes.exact, options),
    ],
    ...(onProgress === undefined
      ? {}
      : { onStep: (done: number, total: number) => onProgress('recorded', done, total) }),
  });
  return { expected, healthy, usual, accumulated, healthyRow: made[3]!, exactRow: made[4]! };
}

interface RecordedCache {
  readonly watch: CacheWatch;
  /** Layers whose keys and values are recorded at every position, before and behind the cache. */
  readonly layers: ReadonlySet<number>;
}

const CACHE_TAPS = ['self_attn.k_rotated', 'self_attn.v_proj.out', 'self_attn.k_cached', 'self_attn.v_cached'] as const;

function cacheOf(taps: RecordedTaps, { model }: Lab): RecordedCache {
  const watch = new CacheWatch(model);
  const layers = new Set<number>();
  for (let layer = 0; layer < model.layers; layer++) {
    const names = CACHE_TAPS.map((name) => layerTap(layer, name));
    if (!names.every((tap) => taps.has(tap, true))) continue;
    for (const tap of names) watch.onTap(tap, taps.all(tap));
    layers.add(layer);
  }
  return { watch, layers };
}

function opsOf(taps: RecordedTaps, golden: GoldenTaps, sides: Sides, cache: RecordedCache, lab: Lab): OpError[] {
  const { layers } = lab.model;
  return whyTaps(layers).flatMap((tap): OpError[] => {
    if (!taps.has(tap)) return [];
    const span = spanOf(tap, layers, (input, everywhere) => taps.has(input, everywhere));
    const { isolated, healthy, ratio } = judged(tap, taps, sides, cache, lab);
    const reference = golden.get(tap);
    const width = reference.length / golden.rows;
    const [goldenRow, own] = [reference.subarray(-width), taps.row(tap, taps.positions - 1)!];
    const correlation = correlate(goldenRow, own);
    return [
      {
        ...opOf(tap),
        tap,
        isolated: isolated.relL2,
        isolatedBlock: isolated.block,
        healthy: healthy.relL2,
        healthyBlock: healthy.block,
        ratio,
        accumulated: rowError(goldenRow, 0, own, 0, width).relL2,
        accumulatedPcc: correlation.kind === 'defined' ? correlation.pcc : null,
        // What an unknown past has done to it is not this operation's.
        isBlamed: !(ratio <= 1 || span.readsUnknownPast),
        span: span.taps,
      },
    ];
  });
}

/** The cache at its worst position and head where it is recorded whole; everything else at the token. */
function judged(tap: WhyTap, taps: RecordedTaps, sides: Sides, cache: RecordedCache, lab: Lab): OpJudgement {
  const precision = lab.healthyConfig.tier === 'fp32' ? 'F32' : 'BF16';
  const place = layerTapOf(tap);
  if (place?.name.endsWith('_cached') === true && cache.layers.has(place.layer)) {
    const part = place.name === 'self_attn.k_cached' ? 'keys' : 'values';
    return cache.watch.judge(place.layer, part, lab.healthyConfig, LEAST_ERROR[precision], BLAME_FACTOR);
  }
  const expected = sides.expected.made(tap);
  const healthy = sides.healthy.made(tap);
  const errors = expected.map(({ position, values }, i) => ({
    own: rowError(values, 0, taps.row(tap, position)!, 0, values.length),
    healthy: rowError(values, 0, healthy[i]!.values, 0, values.length),
  }));
  // Of a few recorded rows the largest error says little of what is usual; the token's own comes last.
  const usual = [...sides.usual.errors.get(tap)!, ...errors.map((error) => error.healthy)];
  return judgeOp(
    errors.map(({ own }) => own),
    usual,
    precision,
  );
}

function peaksOf(
  taps: RecordedTaps,
  golden: GoldenTaps,
  { watch, layers }: RecordedCache,
  { model }: Lab,
): AttentionPeak[] {
  const width = model.queryHeads * model.headDim;
  return [...layers].flatMap((layer) => {
    const tap = layerTap(layer, 'self_attn.q_rotated');
    const query = taps.row(tap, taps.positions - 1);
    if (query === undefined) return [];
    const of = { query: golden.get(tap).subarray(-width), keys: golden.kv(layer).keys };
    return attentionPeaks(model, layer, of, { query, keys: watch.cached(layer).keys });
  });
}

function evidenceOf(
  { heldAgainst, lab }: RecordingRequest,
  taps: RecordedTaps,
  ops: readonly OpError[],
  healthy: Observer,
): RecordingEvidence {
  const known = whyTaps(lab.model.layers);
  const apart = ops
    .map(({ tap, accumulated }) => {
      const usual = Math.max(...healthy.errors.get(tap as WhyTap)!.map(({ relL2 }) => relL2));
      return { tap, relL2: accumulated!, healthy: usual };
    })
    .find(({ relL2, healthy: usual }) => !(relL2 <= BLAME_FACTOR * Math.max(usual, LEAST_ERROR.BF16)));
  return {
    heldAgainst,
    recordedTaps: known.filter((tap) => taps.has(tap)).length,
    firstApart: apart ?? null,
    notRecorded: known.filter((tap) => !taps.has(tap)),
    notJudged: ops.flatMap(({ tap }) =>
      spanOf(tap as WhyTap, lab.model.layers, (input, everywhere) => taps.has(input, everywhere)).readsUnknownPast
        ? [tap]
        : [],
    ),
  };
}

function ruleText(heldAgainst: string, rows: number, hasExactWeights: boolean): string {
  const weights = hasExactWeights
    ? ''
    : ', both on the weights in its formats, since exact ones do not fit into memory';
  return (
    `an operation fed the recording's own values is blamed when what was recorded behind it is more than ${BLAME_FACTOR} times as far from ` +
    `exact as a healthy ${heldAgainst} is there, on the same values and on the reference's at the last ${rows} positions${weights}`
  );
}
