// The conclusion of an attribution in a paragraph: what, where, how sure, and what to do about it.
import type { Carrier, Change, TokenMeasure, WhyRecord } from '../record/why-record.ts';
import { HEALING_SHARE } from './experiment.ts';
import { OP_NAMES } from './ops.ts';

type Evidence = Omit<WhyRecord, 'schemaVersion' | 'tool' | 'command' | 'words'>;

/** A KL below it is no loss that a reader of the token would notice, nats. */
const NO_LOSS = 1e-3;
/** A promotion that takes less than this away is not spoken of. */
const LEAST_SHARE = 0.1;

export function whyWords(evidence: Evidence): string {
  return [...whatIsWrong(evidence), ...whatItCosts(evidence)].join(' ');
}

function whatIsWrong(evidence: Evidence): string[] {
  const { ops, firstBlamed, changes, device, healthy, rule } = evidence;
  if (firstBlamed === null) return formats(evidence);
  const { layer, op, tap, ratio, isolated, healthy: usual } = ops[firstBlamed]!;
  const where = layer === null ? '' : ` of layer ${layer}`;
  const others = ops.filter(({ isBlamed }) => isBlamed).length - 1;
  const cure = changes.find(({ direction }) => direction === 'cure');
  return [
    `A defect: the ${OP_NAMES[op]}${where} does not compute what a healthy device of these settings does.`,
    `Fed golden values, ${tap} is off by ${percent(isolated)} where ${percent(usual)} is usual, ${times(ratio * rule.factor)} the largest error of a healthy device.`,
    ...(others === 0
      ? ['No other operation is blamed.']
      : [`${others} more ${others === 1 ? 'tap is' : 'taps are'} blamed behind it (${blamedList(evidence)}).`]),
    ...(cure === undefined ? [] : [cureSentence(cure, device, healthy)]),
  ];
}

function blamedList({ ops, firstBlamed }: Evidence): string {
  const names = ops.filter(({ isBlamed }, i) => isBlamed && i !== firstBlamed).map(({ tap }) => tap);
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} others`;
}

function cureSentence({ measure, what }: Change, device: TokenMeasure, healthy: TokenMeasure): string {
  const from = `PCC ${pcc(device)}, KL ${nats(device.klNats)}`;
  const to = `PCC ${pcc(measure)}, KL ${nats(measure.klNats)}`;
  const target = `a healthy device has PCC ${pcc(healthy)}`;
  const isCured = measure.klNats !== null && healthy.klNats !== null && measure.klNats <= 2 * healthy.klNats + NO_LOSS;
  return isCured
    ? `With ${what.replace('the device with ', '')} in its place the token goes from ${from} to ${to}; ${target}: that operation is the whole of it.`
    : `With ${what.replace('the device with ', '')} in its place the token goes from ${from} to ${to}, where ${target}: it is not the whole of it; look at the other blamed operations.`;
}

/** No operation is worse than its formats and kernels make it. */
function formats(evidence: Evidence): string[] {
  const { device, changes, token } = evidence;
  const sound = 'No operation errs more than a healthy device of these settings does.';
  if (device.klNats === null)
    return [sound, 'But the row is not finite: look at the weights and at the values of the taps.'];
  if (device.klNats < NO_LOSS && token.status.startsWith('pass')) {
    return [sound, `The token lost ${nats(device.klNats)} only: there is nothing to explain.`];
  }
  const promotions = changes.filter(({ direction, share }) => direction === 'promotion' && (share ?? 0) >= LEAST_SHARE);
  const single = promotions.find(({ kind }) => kind !== 'pair');
  const pair = promotions.find(({ kind }) => kind === 'pair');
  if (promotions.length === 0) {
    return [
      `${sound} No single promotion takes a tenth of the loss (${nats(device.klNats)}) away: it is the sum of many roundings, and excludes one culprit.`,
      exactSentence(evidence),
    ];
  }
  const best =
    single !== undefined && ((single.share ?? 0) >= HEALING_SHARE || pair === undefined) ? single : (pair ?? single!);
  return [
    `${sound} The loss comes from precision: ${best.what} takes ${percent(best.share!)} of it away (PCC ${pcc(device)} to ${pcc(best.measure)}, KL ${nats(device.klNats)} to ${nats(best.measure.klNats)}).`,
    ...((best.share ?? 0) >= HEALING_SHARE ? [] : ['No change heals it alone: several roundings share it.']),
    demotionSentence(changes),
    ...carrierSentences(evidence),
  ].filter((sentence) => sentence !== '');
}

function exactSentence({ exact, device }: Evidence): string {
  if (exact?.klNats == null || device.klNats === null) return '';
  return exact.klNats <= device.klNats / 10
    ? `With everything promoted the token has PCC ${pcc(exact)}: the formats and kernels together make the loss.`
    : `Even with everything promoted the token has PCC ${pcc(exact)}: the two sides are not the same model; compare the weights with \`qwen-pcc compare --weights-only\`.`;
}

function demotionSentence(changes: readonly Change[]): string {
  const [worst] = changes.filter(({ direction }) => direction === 'demotion');
  if (worst?.share == null) return '';
  return worst.share >= 0.5
    ? `The reverse holds: on an exact device ${worst.what} makes ${percent(worst.share)} of the loss.`
    : `On an exact device no single class makes half of the loss; the most, ${percent(worst.share)}, is made by ${worst.what.replace('only ', '')}.`;
}

function carrierSentences({ carriers }: Evidence): string[] {
  const best = carriers.filter(({ share }) => (share ?? 0) >= LEAST_SHARE).slice(0, 3);
  if (best.length === 0) return [];
  return [`Golden keys and values in the token's cache heal most in ${best.map(carrierText).join('; ')}.`];
}

function carrierText({ layer, head, part, share, keyBias }: Carrier): string {
  const place = `layer ${layer}${head === null ? '' : ` head ${head}`}${part === 'both' ? '' : ` (${part})`}`;
  const bias =
    keyBias === null
      ? ''
      : `, key bias up to ${keyBias.largest.toPrecision(3)} where the cache's step is ${keyBias.step}`;
  return `${place}, ${percent(share!)}${bias}`;
}

/** The knob to turn, with its price. */
function whatItCosts({ changes, firstBlamed }: Evidence): string[] {
  if (firstBlamed !== null)
    return [
      "Nothing but a repair helps: compare that operation's weights and kernel with those of the last good state.",
    ];
  const best = changes.find(
    ({ direction, knobs, share }) => direction === 'promotion' && knobs !== null && (share ?? 0) >= LEAST_SHARE,
  );
  if (best === undefined) return [];
  const cost = COSTS[best.name];
  return [`Try \`--device n150:${best.knobs}\`${cost === undefined ? '' : `; ${cost}`}.`];
}

/** Of DRAM and of speed, as the formats' sizes have it (n150-numerics A.5). */
const COSTS: Readonly<Record<string, string>> = {
  kvFormat: 'a KV cache in BF16 takes 1.88 times the memory of BFP8_B, and its reads the same more time',
  biasFormat: 'a bias in BF16 takes kilobytes',
  weightFormat: 'weights in BF16 take 1.88 times the memory of BFP8_B, and a decode step as much more time',
  lmHeadFormat: 'an lm_head in BF16 takes 1.88 times the memory of BFP8_B',
  logitsFormat: 'logits in BF16 take twice the bytes on their way to the host',
  mathFidelity: 'HiFi4 takes twice the passes of HiFi2 in the matrix unit',
  fp32DestAcc: 'a 32-bit Dst holds half as many tiles',
};

function pcc({ pcc: value }: TokenMeasure): string {
  return value === null ? 'none' : value.toFixed(4);
}

function nats(value: number | null): string {
  if (value === null) return 'none';
  return `${value !== 0 && value < 1e-3 ? value.toExponential(1) : Number(value.toPrecision(3))} nat`;
}

function percent(share: number): string {
  const value = share * 100;
  return `${Math.abs(value) >= 10 ? Math.round(value) : Number(value.toPrecision(2))} %`;
}

function times(ratio: number): string {
  return Number.isFinite(ratio) ? `${Number(ratio.toPrecision(2))} times` : 'any number of times';
}
