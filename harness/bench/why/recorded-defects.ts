// The planted defects in recordings: what a file with all taps shows of them, and what is left of it with the few that people record.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import type { RecordedPrompt } from '../../../src/device/capture/recorded-prompt.ts';
import type { TapName } from '../../../src/device/logits-source.ts';
import { residualTaps } from '../../../src/device/taps.ts';
import { tinyCheckpoints } from '../../sources/package-root.ts';
import type { Attribution } from '../../why/attribute.ts';
import { attributeRecording } from '../../why/attribute-recording.ts';
import { opOf, type WhyTap } from '../../why/ops.ts';
import type { BenchResult } from '../benchmark.ts';
import { DEFECTS } from './planted-defects.ts';
import { recordingOf, valuesOf } from './recorded-defect.ts';
import { POSITIONS, place, planted, randomTokens, withLab, withReference } from './why-sides.ts';

const HEALTHY_RECORDINGS = 10;

/** What people record: everything, what the blocks of a layer add, or the stream behind each layer, as hooks of Transformers give it. */
const RECORDED = [
  { name: 'all taps', of: (): boolean => true },
  { name: 'attention, MLP and stream', of: (tap: TapName): boolean => residualTaps(LAYERS_MAX).includes(tap) },
  { name: 'stream alone', of: (tap: TapName): boolean => /^(embed_tokens|layers\.\d+|norm)\.out$/.test(tap) },
] as const;
const LAYERS_MAX = 64;

/** The same defects in a recording: nothing but its file is looked at. The operation is right if it is among those that no tap stands between. */
export async function recordedDefects(): Promise<BenchResult[]> {
  const checkpoint = openCheckpoint(tinyCheckpoints()[0]!);
  const folder = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-recorded-'));
  const found = RECORDED.map(() => 0);
  const healthyBlames = RECORDED.map(() => 0);
  try {
    await withReference(checkpoint, (reference) =>
      withLab(checkpoint, checkpoint, '', async (healthy) => {
        const look = (recorded: RecordedPrompt, tokenIds: Int32Array): Promise<Attribution> =>
          attributeRecording({
            ...{ reference, lab: healthy, tokenIds, recorded, heldAgainst: 'n150', label: 'a card' },
            ...{ promptLength: POSITIONS, prompt: 'planted', user: 0 },
          });
        const file = path.join(folder, 'card.safetensors');
        for (const defect of DEFECTS) {
          const { device, faults, wanted, tokenIds } = planted(defect, checkpoint);
          await withLab(device, checkpoint, '', async (lab) => {
            const values = await valuesOf(lab, faults, tokenIds);
            const said: string[] = [];
            for (const [i, { name, of }] of RECORDED.entries()) {
              const { ops, firstBlamed } = await look(recordingOf(file, lab, values, tokenIds, of), tokenIds);
              const first = firstBlamed === null ? undefined : ops[firstBlamed]!;
              const places = first === undefined ? [] : [...first.span, first.tap].map((tap) => opOf(tap as WhyTap));
              const isRight = places.some(({ layer, op }) => layer === wanted && op === defect.op);
              if (isRight) found[i]!++;
              const what = first === undefined ? 'nothing blamed' : `${first.tap}, one of ${places.length}`;
              said.push(`${isRight ? 'found ' : 'MISSED'} with ${name}: ${what}`);
            }
            console.log(`  ${place(wanted, defect.op).padEnd(20)}  ${defect.id.padEnd(52)}  ${said.join('; ')}`);
          });
        }
        for (let token = 0; token < HEALTHY_RECORDINGS; token++) {
          const tokenIds = randomTokens(checkpoint.config.vocabSize, POSITIONS, `healthy recording ${token}`);
          await withLab(checkpoint, checkpoint, 'tier=exact', async (lab) => {
            const values = await valuesOf(lab, [], tokenIds);
            for (const [i, { of }] of RECORDED.entries()) {
              const { firstBlamed } = await look(recordingOf(file, lab, values, tokenIds, of), tokenIds);
              if (firstBlamed !== null) healthyBlames[i]!++;
            }
          });
        }
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  return RECORDED.flatMap(({ name }, i): BenchResult[] => [
    {
      name: `defects found in recordings with ${name}`,
      unit: `of ${DEFECTS.length}`,
      samples: [found[i]!],
      // What few taps can show is a reading, no promise.
      ...(i === 0 ? { target: { relation: 'at least', value: DEFECTS.length } } : {}),
    },
    {
      name: `healthy recordings with ${name} blamed`,
      unit: `of ${HEALTHY_RECORDINGS}`,
      samples: [healthyBlames[i]!],
      target: { relation: 'at most', value: 0 },
    },
  ]);
}
