// Opens one token of a run for inspect: its case with its one variant, as the run had them or as the options change them.
import path from 'node:path';
import { readDeviceEnvironment } from '../../src/device/n150/device-environment.ts';
import { requireTapName, type TapName } from '../../src/device/taps.ts';
import { QwenPccError } from '../../src/errors.ts';
import type { InspectedToken } from '../record/inspected-token.ts';
import type { CaseSpec, DeviceSpec, RunSpec, VariantSpec } from '../record/run-spec.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { caseId, type RunReplay } from '../replay/run-replay.ts';
import { inspectToken } from '../run/inspect-token.ts';
import { knobSettings, parseDeviceSpec, variantName } from '../sources/device-spec.ts';
import { openCases, tapsOf } from '../sources/open-cases.ts';
import type { OpenableCase } from '../sources/openable-case.ts';
import { inspectedPaths, type MovedFiles, withVariant } from './inspected-paths.ts';

export interface TokenSettings extends MovedFiles {
  /** Another device than the run had. */
  readonly device?: string;
  readonly taps?: readonly string[];
  readonly why?: boolean;
}

/** Those of the run's tokenizer, if it is still where it was: what is stored can be read without them. */
export function textsIfThere(...what: Parameters<typeof openForInspection>): OpenableCase['texts'] | undefined {
  try {
    return openForInspection(...what).texts;
  } catch (error) {
    if (error instanceof QwenPccError) return undefined;
    throw error;
  }
}

export interface OpenedToken {
  readonly one: OpenableCase;
  /** Of the rows that were golden: the case's reference, or another variant's source. */
  readonly openReference: OpenableCase['openReference'];
  readonly variant: OpenableCase['variants'][number];
  readonly texts: OpenableCase['texts'];
  /** Whether --device or --device-weights put something else in the device's place. */
  readonly isOtherDevice: boolean;
}

/** The token's case with its one variant, as the run had it or as the options change it. */
export function openForInspection(
  folder: string,
  replay: RunReplay,
  record: TokenRecord,
  options: TokenSettings,
): OpenedToken {
  // Says that FAKE_DEVICE or WH_ARCH_YAML mean no device of this model, before anything is opened.
  readDeviceEnvironment(process.env);
  const { spec } = replay.run;
  const local = inspectedPaths(folder, record, options);
  const one = spec.cases.find(({ name }) => name === record.case)!;
  const variant = one.variants.find(({ name }) => name === record.variant)!;
  const other = options.device === undefined ? undefined : otherDevice(options.device, variant);
  const { golden: goldenName, ...shownVariant } = other?.spec ?? variant;
  // Another variant may stand where the reference does.
  const golden = one.variants.find(({ name }) => name === goldenName);
  const variants = [shownVariant, ...(golden === undefined ? [] : [golden])];
  const shown: RunSpec = { ...spec, cases: [{ ...one, variants }] };
  const paths = other === undefined ? local : withVariant(local, record.case, other.spec.name, other.paths);
  const [opened] = openCases(shown, paths, {
    taps: isLiveSide(one.reference.kind) && isLiveSide(variant.device.kind) ? tapsAsked(options) : 'all',
  });
  const openReference = golden === undefined ? opened!.openReference : opened!.variants[1]!.open;
  const isOtherDevice = other !== undefined;
  return { one: opened!, openReference, variant: opened!.variants[0]!, texts: opened!.texts, isOtherDevice };
}

/** Whether a side computes its rows, so that it has any tap that is asked for. */
function isLiveSide(kind: CaseSpec['reference']['kind'] | DeviceSpec['kind']): boolean {
  return kind === 'onnx' || kind === 'n150';
}

function otherDevice(
  text: string,
  variant: VariantSpec,
): { readonly spec: VariantSpec; readonly paths: { readonly recording?: string } } {
  const isGridGiven = text.includes('gridRows');
  const gridRows = variant.device.kind === 'n150' ? variant.device.knobs['gridRows'] : undefined;
  // The run's own grid, whatever WH_ARCH_YAML is by now.
  const onGrid =
    gridRows === undefined || isGridGiven || !text.startsWith('n150')
      ? text
      : `${text}${text.includes(':') ? ',' : ':'}gridRows=${gridRows}`;
  const choice = parseDeviceSpec(onGrid, gridRows === undefined ? process.env : {});
  const name = variantName(choice, undefined);
  return choice.kind === 'n150'
    ? { spec: { ...variant, name, device: { kind: 'n150', knobs: knobSettings(choice.config) } }, paths: {} }
    : {
        spec: {
          ...variant,
          name,
          device: { kind: 'capture', recording: path.basename(choice.file), logitsFormat: null },
        },
        paths: { recording: path.resolve(choice.file) },
      };
}

export async function runAgain(
  { one, openReference, variant, isOtherDevice }: OpenedToken,
  replay: RunReplay,
  record: TokenRecord,
  tokenIds: Int32Array,
  options: TokenSettings,
): Promise<InspectedToken> {
  const recorded = replay.cases.get(caseId(record));
  const isLive = isLiveSide(one.spec.reference.kind) && isLiveSide(variant.spec.device.kind);
  return inspectToken({
    openReference,
    openDevice: variant.open,
    expected: {
      golden: recorded?.golden,
      actual: isOtherDevice || options.deviceWeights !== undefined ? undefined : recorded?.device,
    },
    prompt: record.prompt,
    user: record.user,
    tokenIds,
    promptLength: record.step === null ? tokenIds.length : record.position - record.step,
    taps: isLive ? tapsOf(one.layers, tapsAsked(options)) : 'recorded',
  });
}

/** @throws UsageError for a name that is no tap of any model. */
function tapsAsked({ taps, why }: TokenSettings): readonly TapName[] | 'all' | 'residual' {
  if (why === true) return 'all';
  if (taps === undefined) return 'residual';
  return taps.length === 1 && taps[0] === 'all' ? 'all' : taps.map(requireTapName);
}
