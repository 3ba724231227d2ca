// The experiment behind docs/numerics.md section 8: key biases by layer, what BFP8_B makes of them, and which layers' caches matter.
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import { parseDeviceOptions } from '../../../src/device/n150/device-options.ts';
import { createN150Source } from '../../../src/device/n150/n150-source.ts';
import { createPlainAttention } from '../../../src/device/n150/ops/plain-attention.ts';
import type { DeviceEngine } from '../../../src/device/wormhole/attention-engine.ts';
import { correlate } from '../../metrics/pcc.ts';
import { createChalk, plainTable } from '../../report/plain-table.ts';
import { KEY_STORAGES, measureKeyRounding, quietOptions } from './key-rounding.ts';

const chalk = createChalk(process.env);

/** Layers count as heavy from this key bias on: a BFP8_B block with it has steps of a half and more. */
const HEAVY_BIAS = 32;

/** After this layer the first token has its massive activation, and so has a token that is taken for the first. */
const SINK_TAP = 'layers.8.out';

/** @returns tables for the terminal, after some minutes. */
export async function describeKeys(
  checkpoint: Checkpoint,
  tokenIds: Int32Array,
  engine: DeviceEngine,
): Promise<string> {
  const layers = await measureKeyRounding(checkpoint, tokenIds, engine);
  const rows = layers.map(({ layer, biasNorm, biasMax, step, contentMedian, scoreError, worstHead }) => [
    String(layer),
    ...[biasNorm, biasMax, step, contentMedian].map((value) => value.toPrecision(3)),
    ...KEY_STORAGES.map((storage) => scoreError[storage].toFixed(3)),
    `${worstHead.scoreError.toFixed(2)} (${worstHead.head})`,
  ]);
  const header = ['layer', '|b| head', '|b| max', 'step', 'content', ...KEY_STORAGES, 'worst head'];
  const heavy = layers.filter(({ biasMax }) => biasMax >= HEAVY_BIAS).map(({ layer }) => layer);
  const light = layers.map(({ layer }) => layer).filter((layer) => !heavy.includes(layer));
  return [
    plainTable(header, rows, 0, chalk),
    await describeCaches(checkpoint, tokenIds, engine, [
      { name: 'default', layers: [] },
      ...heavy.map((layer) => ({ name: `layer ${layer} in BF16`, layers: [layer] })),
      { name: `layers ${heavy.join(', ')} in BF16`, layers: heavy },
      { name: 'all other layers in BF16', layers: light },
      { name: 'all layers in BF16 (kvFormat=BF16)', layers: [...heavy, ...light] },
    ]),
  ].join('\n\n');
}

interface CacheChoice {
  readonly name: string;
  /** Whose KV cache is BF16. */
  readonly layers: readonly number[];
}

/** The default device beside the device without noise, with some layers' caches in BF16. */
async function describeCaches(
  checkpoint: Checkpoint,
  tokenIds: Int32Array,
  engine: DeviceEngine,
  choices: readonly CacheChoice[],
): Promise<string> {
  const truth = await outcomeOf(checkpoint, tokenIds, engine, quietOptions(checkpoint), []);
  const rows: string[][] = [['no noise at all', '', '', '', shownLargest(truth)]];
  for (const { name, layers } of choices) {
    const outcome = await outcomeOf(checkpoint, tokenIds, engine, '', layers);
    const pccs = outcome.logits.map((row, position) => {
      const correlation = correlate(truth.logits[position]!, row);
      return correlation.kind === 'undefined' ? Number.NaN : correlation.pcc;
    });
    const sorted = [...pccs].sort((a, b) => a - b);
    const worst = sorted[0]!;
    rows.push([
      name,
      worst.toFixed(4),
      String(pccs.indexOf(worst)),
      sorted[sorted.length >> 1]!.toFixed(5),
      shownLargest(outcome),
    ]);
  }
  return plainTable(['KV cache', 'PCC lowest', 'at', 'PCC median', `largest in ${SINK_TAP} (at)`], rows, 1, chalk);
}

interface Outcome {
  readonly logits: readonly Float32Array[];
  /** Largest value of the residual stream after SINK_TAP, an entry a position. */
  readonly largest: readonly number[];
}

/** Of all positions but the first, which is meant to be large. */
function shownLargest({ largest }: Outcome): string {
  const others = largest.slice(1);
  const most = Math.max(...others);
  return `${most.toPrecision(3)} (${others.indexOf(most) + 1})`;
}

async function outcomeOf(
  checkpoint: Checkpoint,
  tokenIds: Int32Array,
  engine: DeviceEngine,
  options: string,
  bf16Layers: readonly number[],
): Promise<Outcome> {
  let opened = 0;
  const watching: DeviceEngine = {
    ...engine,
    openAttention(shape, config) {
      const chosen = bf16Layers.includes(opened++) ? ({ ...config, kvFormat: 'BF16' } as const) : config;
      return engine.openAttention?.(shape, chosen) ?? createPlainAttention(shape, chosen);
    },
  };
  const source = await createN150Source(checkpoint, parseDeviceOptions(options), watching);
  const logits: Float32Array[] = [];
  const largest: number[] = [];
  await source.feed(tokenIds, { rows: 'all', taps: [SINK_TAP] }, (row) => {
    logits.push(row.logits.slice());
    largest.push(row.taps.get(SINK_TAP)!.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  });
  await source.close();
  return { logits, largest };
}
