// A small recording of two prompts that begin alike, for the tests of this folder.
import type { SourceInfo } from '../logits-source.ts';
import { createRecordingWriter } from './recording-writer.ts';

export const TEST_INFO: SourceInfo = {
  kind: 'n150-model',
  label: 'a test',
  model: 'none',
  weightsSha256: '',
  dtypes: {},
  logitsFormat: 'F32',
  settings: {},
};

/** Two prompts that share their first two tokens; row p of prompt k is filled with 10 k + p. */
export function recordTwoPrompts(path: string): string {
  const writer = createRecordingWriter(path, TEST_INFO);
  for (const [k, inputIds] of [
    [1, [5, 6, 7]],
    [2, [5, 6, 8, 9]],
  ] as const) {
    writer.beginPrompt(`prompt-${k}`);
    inputIds.forEach((tokenId, position) => {
      writer.addRow({
        position,
        tokenId,
        logits: new Float32Array(11).fill(10 * k + position),
        taps: new Map([['norm.out', new Float32Array([k, position])]]),
      });
    });
    writer.endPrompt({ inputIds: Int32Array.from(inputIds), promptLength: 2 });
  }
  writer.finish();
  return path;
}
