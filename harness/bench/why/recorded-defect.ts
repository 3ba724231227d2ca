// A recording of a defective device with its taps, as a card would leave one: the model stands in for the card, and only the file is handed on.

import type { RecordedPrompt } from '../../../src/device/capture/recorded-prompt.ts';
import { openRecording } from '../../../src/device/capture/recording.ts';
import { createRecordingWriter } from '../../../src/device/capture/recording-writer.ts';
import type { TapName } from '../../../src/device/logits-source.ts';
import { runLanes } from '../../../src/device/n150/lanes/run-lanes.ts';
import { copyLastRows } from '../../../src/device/n150/rows.ts';
import { allTaps, tapWidth } from '../../../src/device/taps.ts';
import type { Lab } from '../../sources/open-lab.ts';
import { DeviceLanes, type PlantedFault } from '../../why/device-lanes.ts';
import type { WhyTap } from '../../why/ops.ts';

/** Every value that a device makes of a context: [P, width] of each tap, [P, V] of the logits. */
export type AllValues = ReadonlyMap<WhyTap, Float32Array>;

export async function valuesOf(lab: Lab, faults: readonly PlantedFault[], tokenIds: Int32Array): Promise<AllValues> {
  const lanes = new DeviceLanes(lab, faults, tokenIds.length);
  const { model, engine, weights } = lab;
  const rows = tokenIds.length;
  const values = new Map<WhyTap, Float32Array>();
  const lane = lanes.lane(lanes.own, {
    ...{ rows, wanted: rows },
    onTap: (tap, shown) => {
      values.set(tap, copyLastRows(shown, rows, tap === 'logits' ? model.vocabSize : tapWidth(tap, model)));
    },
  });
  await runLanes({ model, engine, weights, tokenIds, promptLength: rows, lanes: [lane] });
  return values;
}

/** Writes the rows with some taps and opens them again. @param file - replaced. */
export function recordingOf(
  file: string,
  lab: Lab,
  values: AllValues,
  tokenIds: Int32Array,
  isRecorded: (tap: TapName) => boolean,
): RecordedPrompt {
  const { layers } = lab.model;
  const label = 'a card';
  const writer = createRecordingWriter(file, {
    ...{ kind: 'capture', label, model: label, weightsSha256: '', dtypes: {}, logitsFormat: 'BF16', settings: {} },
  });
  writer.beginPrompt('planted');
  const rowOf = (tap: WhyTap, position: number): Float32Array => {
    const all = values.get(tap)!;
    const width = all.length / tokenIds.length;
    return all.subarray(position * width, (position + 1) * width);
  };
  const taps = allTaps(layers).filter(isRecorded);
  for (const [position, tokenId] of tokenIds.entries()) {
    const recorded = taps.map((tap) => [tap, rowOf(tap, position)] as const);
    writer.addRow({ position, tokenId, logits: rowOf('logits', position), taps: new Map(recorded) });
  }
  writer.endPrompt({ inputIds: tokenIds, promptLength: tokenIds.length });
  writer.finish();
  return openRecording(file).prompts[0]!;
}
