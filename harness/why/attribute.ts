// Why a token is where it is: the whole attribution in its order, from the errors of single operations to the words at the end.
import { UsageError } from '../../src/errors.ts';
import { type OpError, WHY_OPS, type WhyRecord } from '../record/why-record.ts';
import type { Lab } from '../sources/open-lab.ts';
import { carriersOf } from './carriers.ts';
import { ChangeRuns } from './change-runs.ts';
import type { PlannedChange } from './changes.ts';
import { DeviceLanes } from './device-lanes.ts';
import { type AttributionRequest, Experiment } from './experiment.ts';
import { goldenTaps } from './golden-taps.ts';
import { BLAME_FACTOR } from './op-errors.ts';
import { OP_NAMES } from './ops.ts';
import { secondsOf } from './work.ts';

/** Rows that a healthy device is measured at, the token's last: enough for the largest of them to say what is usual. */
export const CALIBRATION_ROWS = 16;
export type Attribution = Omit<WhyRecord, 'schemaVersion' | 'tool' | 'command' | 'token' | 'words'>;

/** @throws UsageError `WHY_SHAPES` for a device of other sizes than the reference's; errors of both sides. */
export async function attribute(request: AttributionRequest): Promise<Attribution> {
  const { lab, reference, tokenIds, faults = [] } = request;
  requireSameShapes(lab);
  const rows = Math.min(CALIBRATION_ROWS, tokenIds.length);
  const golden = await goldenTaps(reference, lab.healthyModel.layers, rows, request);
  const lanes = new DeviceLanes(lab, faults, tokenIds.length);
  const experiment = new Experiment(request, lanes, golden);
  const isWhole = request.opsOnly !== true;
  const runs = new ChangeRuns(experiment);
  const observedRows = 2 * (tokenIds.length + rows);
  request.onEstimate?.(secondsOf(lab.model, observedRows + (isWhole ? runs.mostRows() : 0), lab.threads));
  await experiment.observe();
  const { ops, firstBlamed } = experiment.ops();
  const cures = isWhole && firstBlamed !== null ? [await runs.one(cureOf(lanes, ops[firstBlamed]!))] : [];
  const { changes, exact, redrawn } = isWhole ? await runs.all() : { changes: [], exact: null, redrawn: [] };
  return {
    sides: { golden: reference.info.label, actual: lab.label },
    device: experiment.device,
    redrawn,
    healthy: experiment.healthy,
    exact,
    rule: {
      factor: BLAME_FACTOR,
      positions: rows,
      text: `an operation fed golden values is blamed when its error is more than ${BLAME_FACTOR} times the largest that a healthy device of the same settings shows at the last ${rows} positions`,
    },
    ops,
    firstBlamed,
    changes: [...cures, ...changes],
    carriers: isWhole ? await carriersOf(experiment) : [],
    kvCache: experiment.cache.errors(golden, lab.healthyConfig),
    attention: experiment.attention(),
    recording: null,
  };
}

/** The device with the blamed operation alone replaced by a healthy one. */
function cureOf(lanes: DeviceLanes, { layer, op }: OpError): PlannedChange {
  return {
    direction: 'cure',
    kind: 'opClass',
    name: layer === null ? op : `layer ${layer} ${op}`,
    what: `a healthy ${OP_NAMES[op]}${layer === null ? '' : ` in layer ${layer}`}`,
    knobs: null,
    firstLayer: 0,
    ops: WHY_OPS,
    settingOf: (at, asked) => (at === layer && asked === op ? lanes.healthy(at, asked) : lanes.own(at, asked)),
  };
}

function requireSameShapes({ model, healthyModel }: Lab): void {
  const sizes = [
    'layers',
    'hiddenSize',
    'intermediateSize',
    'queryHeads',
    'keyValueHeads',
    'headDim',
    'vocabSize',
  ] as const;
  const differing = sizes.filter((size) => model[size] !== healthyModel[size]);
  if (differing.length === 0) return;
  throw new UsageError(
    'the device and the reference are models of different sizes: no operation of one stands for one of the other.',
    {
      code: 'WHY_SHAPES',
      facts: Object.fromEntries(
        differing.map((size) => [size, `${model[size]} (device), ${healthyModel[size]} (reference)`]),
      ),
      hint: 'name a checkpoint of the same sizes with --device-weights.',
    },
  );
}
