// Why a token is where it is: the whole attribution in its order, from the errors of single operations to the words at the end.
import { UsageError } from '../../src/errors.ts';
import { type OpError, WHY_OPS, type WhyRecord } from '../record/why-record.ts';
import type { Lab } from '../sources/open-lab.ts';
import { carrierLanes, carriersOf } from './carriers.ts';
import { ChangeRuns } from './change-runs.ts';
import type { PlannedChange } from './changes.ts';
import { DeviceLanes, MATRIX_OPS } from './device-lanes.ts';
import { type AttributionRequest, Experiment } from './experiment.ts';
import { GoldenTaps, layersAtOnce } from './golden-taps.ts';
import { untriedKnobs } from './knob-changes.ts';
import { BLAME_FACTOR } from './op-errors.ts';
import { OP_NAMES } from './ops.ts';
import { drawingOf, remadeRows } from './work.ts';
import { estimateOf } from './work-estimate.ts';

/** Rows that a healthy device is measured at, the token's last: enough for the largest of them to say what is usual. */
export const CALIBRATION_ROWS = 16;
/** Of the memory for weights, what golden taps may have beside it: as keys and values of prompts that run together. */
const TAPS_SHARE = 0.25;
export type Attribution = Omit<WhyRecord, 'schemaVersion' | 'tool' | 'command' | 'token' | 'words'>;

/** @throws UsageError `WHY_SHAPES` for a device of other sizes than the reference's; errors of both sides. */
export async function attribute(request: AttributionRequest): Promise<Attribution> {
  const { lab, reference, tokenIds, faults = [] } = request;
  requireSameShapes(lab);
  const rows = Math.min(CALIBRATION_ROWS, tokenIds.length);
  const atOnce = layersAtOnce(lab.healthyModel, rows, TAPS_SHARE * lab.plan.budgetBytes);
  const lanes = new DeviceLanes(lab, faults, tokenIds.length);
  const isWhole = request.opsOnly !== true;
  const experiment = new Experiment(request, lanes);
  const runs = new ChangeRuns(experiment);
  const keepsStream = !experiment.isSmall && isWhole;
  const observedRows = (experiment.isDifferent ? 2 : 1) * (tokenIds.length + rows);
  const changedRows = isWhole ? runs.mostRows() + carrierLanes(lab.model) * remadeRows(lab.model, 0, 0) : 0;
  request.onEstimate?.(
    estimateOf(lab, {
      ...{ positions: tokenIds.length, rows, atOnce, keepsStream },
      draws: isWhole ? drawingOf(experiment.isSmall).draws : 0,
      allRows: observedRows + changedRows,
    }),
  );
  const golden = await GoldenTaps.open(reference, request, {
    model: lab.healthyModel,
    rows,
    keepsStream,
    layersAtOnce: atOnce,
  });
  await experiment.observe(golden);
  const { ops, firstBlamed } = experiment.ops();
  const cures = isWhole && firstBlamed !== null ? [await runs.one(cureOf(lanes, ops[firstBlamed]!))] : [];
  const { changes, exact, redrawn, notAnew } = isWhole
    ? await runs.all()
    : { changes: [], exact: null, redrawn: [], notAnew: [] };
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
    notTried: isWhole ? notTried(experiment, notAnew) : [],
    carriers: isWhole ? await carriersOf(experiment) : [],
    kvCache: experiment.past.cache.errors(golden, lab.healthyConfig),
    attention: experiment.attention(),
    recording: null,
  };
}

/** What a table of changes does not have, and what would bring it. */
function notTried({ lanes: { lab }, positions }: Experiment, notAnew: readonly string[]): WhyRecord['notTried'] {
  const { exact, exactNeedsBytes } = lab.plan;
  const untried = untriedKnobs(lab, positions);
  return [
    ...(exact !== 'none'
      ? []
      : [
          {
            names: [...untried, ...MATRIX_OPS.map((op) => `${op} with exact weights`)],
            reason:
              "exact matrices of one layer do not fit beside the device's own: what else is promoted stands on the device's formats",
            hint: `give --memory ${Math.ceil(exactNeedsBytes / 2 ** 20)}MiB${lab.plan.hasCache ? '' : ', or less with a --weight-cache'}`,
          },
        ]),
    ...(notAnew.length === 0
      ? []
      : [
          {
            names: notAnew.map((name) => `${name} anew`),
            reason:
              'anew is over a residual stream of earlier positions that has the change as well; nothing healed without, and for these it would take too long',
            hint: 'measure one with `inspect --token N --device n150:KNOB=VALUE`',
          },
        ]),
  ];
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
