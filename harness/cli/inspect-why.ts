// `qwen-pcc inspect --why`: opens both sides for experiments, attributes one token, and makes the record of it.
import type { RecordedPrompt } from '../../src/device/capture/recorded-prompt.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import { layerTap } from '../../src/device/taps.ts';
import { UsageError } from '../../src/errors.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { WHY_SCHEMA_VERSION, type WhyRecord } from '../record/why-record.ts';
import { formatBytes, formatDuration } from '../report/format.ts';
import { blame } from '../sequence/sides.ts';
import { parseDeviceSpec, variantName } from '../sources/device-spec.ts';
import type { Lab } from '../sources/open-lab.ts';
import type { OpenableCase, OpenableVariant, RecordedSide } from '../sources/openable-case.ts';
import { gitSha, packageVersion } from '../sources/package-root.ts';
import { attribute } from '../why/attribute.ts';
import { attributeRecording } from '../why/attribute-recording.ts';
import { whyWords } from '../why/why-words.ts';
import type { WorkEstimate } from '../why/work-estimate.ts';

export interface WhyRequest {
  readonly openReference: OpenableCase['openReference'];
  readonly variant: OpenableVariant;
  readonly record: TokenRecord;
  /** The context up to and with the token. */
  readonly tokenIds: Int32Array;
  /** The command that asks for it again. */
  readonly command: string;
  /** What a recording is held against, as `--device` has it. @default n150 */
  readonly healthy?: string;
}

/** @throws UsageError `WHY_RECORDING`, `WHY_GOLDEN`, `WHY_STORED` for sides that cannot be run with one thing changed. */
export async function inspectWhy(request: WhyRequest): Promise<WhyRecord> {
  const { openReference, variant, record, tokenIds, command, healthy } = request;
  requireOwnRoundings(variant);
  const settings = variant.recorded === undefined ? undefined : healthySettings(healthy);
  if (settings === undefined) requireDevice(variant, healthy);
  const place = { tokenIds, prompt: record.prompt, user: record.user };
  const recorded = await blame('device', async () => variant.recorded?.promptOf(place));
  if (recorded !== undefined) requireTaps(recorded, record.position, variant);
  const reference = await blame('reference', openReference);
  try {
    requireAllTaps(reference);
    const lab = await blame('device', () => settings?.openLab(variant.recorded!) ?? variant.openLab!());
    try {
      const asked = {
        ...{ reference, lab, ...place },
        promptLength: record.step === null ? tokenIds.length : record.position - record.step,
        onEstimate: (estimate: WorkEstimate) => process.stderr.write(estimateText(estimate)),
        onProgress: createWhyProgress(process.stderr),
      };
      const attribution =
        settings === undefined || recorded === undefined
          ? await attribute(asked)
          : await attributeRecording({ ...asked, recorded, heldAgainst: settings.name, label: variant.spec.name });
      const { case: caseName, variant: variantName, prompt, user, position, inputToken, status } = record;
      const token = {
        ...{ case: caseName, variant: variantName, prompt, user, position },
        inputToken: inputToken.golden,
        status,
      };
      return {
        schemaVersion: WHY_SCHEMA_VERSION,
        tool: { name: 'qwen-pcc', version: packageVersion(), gitSha: gitSha() },
        command,
        token,
        ...attribution,
        words: whyWords({ ...attribution, token }),
      };
    } finally {
      await lab.close();
    }
  } finally {
    await reference.close();
  }
}

interface HealthySettings {
  readonly name: string;
  readonly openLab: (side: RecordedSide) => Promise<Lab>;
}

/** @throws UsageError `OPTION_VALUE` for anything but settings of the device model. */
function healthySettings(text = 'n150'): HealthySettings {
  const choice = parseDeviceSpec(text, process.env);
  if (choice.kind !== 'n150') {
    throw new UsageError(`--healthy is a device model; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: 'write --healthy n150:KNOB=VALUE,… with the settings that the recorded device should have.',
    });
  }
  return { name: variantName(choice, undefined), openLab: (side) => side.openLab(choice.config) };
}

/** @throws UsageError `WHY_RECORDING`: logits alone say that a token is off, and not where. */
function requireTaps(recorded: RecordedPrompt, position: number, { spec }: OpenableVariant): void {
  const row = recorded.rowAt(position);
  if (row !== undefined && recorded.taps.some((tap) => recorded.readTap(tap, row) !== undefined)) return;
  throw new UsageError(`${spec.name} has no taps at position ${position}, and a recording cannot be run again.`, {
    code: 'WHY_RECORDING',
    hint: 'name the device model with --device n150, or record taps: layers.N.out behind every layer first (docs/recordings.md).',
  });
}

/** @throws UsageError `WHY_RECORDING`; `OPTION_VALUE` for --healthy beside a device that is run. */
function requireDevice({ spec, openLab }: OpenableVariant, healthy: string | undefined): void {
  if (openLab === undefined) {
    throw new UsageError(`${spec.name}: this side cannot be run again with one thing changed.`, {
      code: 'WHY_RECORDING',
      hint: 'name the device model with --device n150, or a recording with taps by --device capture:FILE.',
    });
  }
  if (healthy === undefined) return;
  throw new UsageError('--healthy says what a recording is held against, and this device is run.', {
    code: 'OPTION_VALUE',
    hint: 'leave it out: a device model is held against one of its own settings.',
  });
}

/** Recorded golden rows have few taps or none, and nothing can be fed to them. */
function requireAllTaps({ info, taps }: LogitsSource): void {
  if (taps.includes('embed_tokens.out') && taps.includes(layerTap(0, 'self_attn.k_cached'))) return;
  throw new UsageError(`${info.label}: --why needs every tap of the golden side, and a recording does not have them.`, {
    code: 'WHY_GOLDEN',
    hint: 'judge against the live reference: make the run without --reference.',
  });
}

function estimateText({ positions, seconds, memory, goldenLayers: { atOnce, all } }: WorkEstimate): string {
  const { matrixBytes, matrices, pastBytes, goldenTapBytes } = memory;
  return (
    `${positions} positions: at most about ${formatDuration(1000 * seconds)} of computing on an idle machine in tier fast; Ctrl-C stops\n` +
    `memory: ${formatBytes(matrixBytes)} of weights (${matrices}), ${formatBytes(pastBytes)} of keys, values and streams, ` +
    `${formatBytes(goldenTapBytes)} of golden taps (${atOnce === all ? `all ${all} layers at once` : `${atOnce} of ${all} layers at a time`})\n`
  );
}

const REDRAW_MS = 200;

/** In a terminal a line that is drawn over itself, in a log a line for each stage. */
function createWhyProgress(stream: NodeJS.WriteStream): (stage: string, done: number, total: number) => void {
  let drawn = 0;
  return (stage, done, total) => {
    if (!stream.isTTY) {
      if (done === total) stream.write(`why: ${stage}, ${total} steps\n`);
      return;
    }
    if (performance.now() - drawn < REDRAW_MS && done < total) return;
    drawn = performance.now();
    stream.write(done < total ? `\r\x1b[K${stage}: ${Math.round((100 * done) / total)} %` : '\r\x1b[K');
  };
}

/** @throws UsageError WHY_STORED: the lanes know no tier that rounds what it stores and nothing else. */
function requireOwnRoundings({ spec: { device, name } }: OpenableVariant): void {
  if (device.kind !== 'n150' || device.knobs['storedFormats'] !== true) return;
  throw new UsageError(`${name}: storedFormats=true is a rung to measure, no device to ask.`, {
    code: 'WHY_STORED',
    hint: 'leave --why out, or name a device without it with --device n150:tier=fp32.',
  });
}
