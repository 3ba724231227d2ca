// The conclusion of an attribution in a paragraph: what, where, how sure, and what to do about it.
import type { Carrier, Change, WhyRecord } from '../record/why-record.ts';
import { isKnobOf, knobCost } from './knob-changes.ts';
import { OP_NAMES } from './ops.ts';
import { recordingWords } from './recording-words.ts';
import { HEALING_SHARE } from './shares.ts';
import { type Evidence, lossOf, NO_LOSS, nats, percent, times } from './words.ts';

/** A share below it is not spoken of. */
const LEAST_SHARE = 0.1;
/** A knob that does nearly as much as the class that it is of is named in its place: it can be turned. */
const NEARLY = 0.9;
const LISTED = 3;
const NAMED = 8;

export function whyWords(evidence: Evidence): string {
  const found =
    evidence.recording !== null
      ? recordingWords(evidence)
      : evidence.firstBlamed === null
        ? precisionWords(evidence)
        : defectWords(evidence);
  const sentences = [...found, ...evidence.notTried.map(notTriedText)];
  return sentences.filter((sentence) => sentence !== '').join(' ');
}

function notTriedText({ names, reason, hint }: WhyRecord['notTried'][number]): string {
  const shown = names.slice(0, NAMED).join(', ');
  return `Not tried: ${shown}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ''}; ${reason}: ${hint}.`;
}

function defectWords(evidence: Evidence): string[] {
  const { ops, firstBlamed, changes, rule } = evidence;
  const { layer, op, tap, ratio, isolated, isolatedBlock, healthy, healthyBlock } = ops[firstBlamed!]!;
  const where = layer === null ? '' : ` of layer ${layer}`;
  const isLocal =
    isolatedBlock / Math.max(healthyBlock, Number.MIN_VALUE) > 2 * (isolated / Math.max(healthy, Number.MIN_VALUE));
  const [error, usual] = isLocal ? [isolatedBlock, healthyBlock] : [isolated, healthy];
  const cure = changes.find(({ direction }) => direction === 'cure');
  return [
    `A defect: the ${OP_NAMES[op]}${where} does not compute what a healthy device of these settings does.`,
    `Fed golden values, ${tap} is off by ${percent(error)}${isLocal ? ' in its worst 32 columns' : ''} where ${percent(usual)} is usual, ${times(ratio * rule.factor)} the largest error that a healthy one has shown.`,
    othersText(evidence),
    cure === undefined ? '' : cureText(cure, evidence),
    repairText(evidence),
  ];
}

/** A knob of the blamed operation that heals is what is set wrongly. */
function repairText({ changes, ops, firstBlamed }: Evidence): string {
  const knob = changes.find(
    ({ kind, direction, share }) => direction === 'promotion' && kind === 'knob' && (share ?? 0) >= HEALING_SHARE,
  );
  if (knob?.knobs != null && isKnobOf(knob.name, ops[firstBlamed!]!.op)) {
    return `It is a setting: \`--device n150:${knob.knobs}\` takes ${percent(knob.share!)} of the loss away.`;
  }
  return 'No knob repairs that: compare the weights, the bias and the kernel of that operation with those of the last good state (`qwen-pcc compare --weights-only` for two checkpoints).';
}

function othersText({ ops, firstBlamed }: Evidence): string {
  const others = ops.filter(({ isBlamed }, i) => isBlamed && i !== firstBlamed).map(({ tap }) => tap);
  if (others.length === 0) return 'Every other operation is sound.';
  const rest = others.length - LISTED;
  return `Blamed as well: ${others.slice(0, LISTED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}.`;
}

function cureText({ what, measure }: Change, { device, healthy }: Evidence): string {
  if (device.klNats !== null && healthy.klNats !== null && device.klNats <= 2 * healthy.klNats + NO_LOSS) {
    return `This token does not suffer from it: it has ${lossOf(device)}, and ${lossOf(healthy)} on a healthy device.`;
  }
  const isCured = measure.klNats !== null && healthy.klNats !== null && measure.klNats <= 2 * healthy.klNats + NO_LOSS;
  return (
    `With ${what} in its place the token goes from ${lossOf(device)} to ${lossOf(measure)}, where a healthy device has ${lossOf(healthy)}: ` +
    (isCured
      ? 'that operation is the whole of it.'
      : 'it is not the whole of it; the others that are blamed come next.')
  );
}

/** No operation is worse than its formats and kernels make it. */
function precisionWords(evidence: Evidence): string[] {
  const { device, token } = evidence;
  const isPassing = token.status.startsWith('pass');
  const sound = `${isPassing ? 'The token passes its rules. ' : ''}No operation errs more than a healthy device of these settings does.`;
  if (device.klNats === null) return [sound, 'But the row is not finite: look for the first tap without a PCC.'];
  if (isPassing && device.klNats < NO_LOSS) {
    return [sound, `The token lost ${nats(device.klNats)}: there is nothing to explain.`];
  }
  const best = bestPromotion(evidence);
  if (best === undefined) {
    return [
      `${sound} No promotion takes a tenth of the loss (${lossOf(device)}) away: it is the sum of many roundings, and no one knob or layer is the culprit.`,
      exactText(evidence),
      tippingText(evidence),
    ];
  }
  const share = best.share!;
  return [
    `${sound} The loss comes from precision: ${best.what} takes ${percent(share)} of it away (${lossOf(device)} to ${lossOf(best.measure)}${drawsText(best)}).`,
    share >= HEALING_SHARE ? '' : 'That does not heal it: several roundings share the loss.',
    tippingText(evidence),
    demotionText(evidence),
    placeText(evidence, best),
    carrierText(evidence),
    knobText(evidence, best),
    exactText(evidence),
  ];
}

/** The best that can be acted upon. */
function bestPromotion({ changes }: Evidence): Change | undefined {
  const promotions = changes.filter(
    ({ direction, kind }) => direction === 'promotion' && (kind === 'knob' || kind === 'opClass' || kind === 'pair'),
  );
  const shareOf = ({ share }: Change): number => share ?? 0;
  const singles = promotions.filter(({ kind }) => kind !== 'pair');
  const top = singles[0] ?? promotions[0];
  if (top === undefined) return undefined;
  const best = shareOf(top) >= HEALING_SHARE ? top : promotions[0]!;
  if (shareOf(best) < LEAST_SHARE) return undefined;
  const isAsGood = (one: Change): boolean => one.draws >= best.draws && shareOf(one) >= NEARLY * shareOf(best);
  return promotions.find((one) => one.kind === 'knob' && isAsGood(one)) ?? best;
}

function drawsText({ draws, effective }: Change): string {
  return draws === 1 ? '' : `; healed in ${effective} of ${draws} draws of the roundings`;
}

/** A token that other draws spare is at a tipping point: it says less of the device than it seems to. */
function tippingText({ device, redrawn, changes }: Evidence): string {
  const spared = redrawn.filter(
    ({ klNats }) => (klNats ?? Number.POSITIVE_INFINITY) <= (1 - HEALING_SHARE) * device.klNats!,
  ).length;
  if (spared === 0) return '';
  const lucky = changes.filter(
    ({ direction, kind, draws, effective, share }) =>
      direction === 'promotion' && kind === 'knob' && draws > 1 && effective < draws && (share ?? 0) > 0,
  );
  const names = lucky
    .slice(0, LISTED)
    .map(({ name }) => name)
    .join(', ');
  return (
    `The same roundings drawn anew spare this token in ${spared} of ${redrawn.length} draws: it stands at a tipping point, ` +
    `and what seems to heal it may only have drawn anew${names === '' ? '' : ` (so ${names})`}.`
  );
}

function demotionText({ changes }: Evidence): string {
  const worst = changes.find(({ direction }) => direction === 'demotion');
  if (worst?.share == null) return '';
  if (worst.share < 0.01)
    return 'On an exact device no class alone makes a hundredth of it: it takes several together.';
  return worst.share >= 0.5
    ? `The reverse holds: on an exact device, ${worst.what} alone makes ${percent(worst.share)} of it.`.replace(
        'only ',
        '',
      )
    : `On an exact device no class alone makes half of it; ${worst.what.replace('only ', '')} makes the most, ${percent(worst.share)}.`;
}

/** The fewest layers, and the head, in which the change does what it does everywhere. */
function placeText({ changes }: Evidence, best: Change): string {
  const places = changes.filter(({ kind }) => kind === 'place');
  const layers = places
    .filter(({ name }) => name.includes(' in layer'))
    .sort((a, b) => a.name.split(',').length - b.name.split(',').length);
  const enough = layers.find(({ share }) => (share ?? 0) >= NEARLY * best.share!);
  const heads = places.filter(({ name, share }) => name.includes(' head ') && (share ?? 0) >= LEAST_SHARE);
  if (enough === undefined)
    return layers.length === 0 ? '' : 'No four layers alone do it: it is spread over the layers.';
  const inHeads = heads.slice(0, LISTED).map(({ name, share }) => `${name} ${percent(share!)}`);
  return (
    `${enough.name} alone takes ${percent(enough.share!)} away` +
    (inHeads.length === 0 ? '.' : ` (one head's part kept in BF16: ${inHeads.join(', ')}).`)
  );
}

function carrierText({ carriers }: Evidence): string {
  const best = carriers.filter(({ share }) => (share ?? 0) >= LEAST_SHARE).slice(0, LISTED);
  if (best.length === 0) return '';
  const place = ({ layer, head, part, share, keyBias }: Carrier): string =>
    `layer ${layer}${head === null ? '' : ` head ${head}`}${part === 'both' ? '' : ` ${part}`} (${percent(share!)}` +
    `${keyBias === null ? '' : `; bias of keys up to ${Number(keyBias.largest.toPrecision(3))}, where the cache keeps steps of ${keyBias.step}`})`;
  return `Golden keys and values in the device's cache heal most in ${best.map(place).join(', ')}.`;
}

function knobText({ changes }: Evidence, best: Change): string {
  const turned =
    best.knobs === null
      ? changes.find(
          ({ direction, knobs, share }) => direction === 'promotion' && knobs !== null && (share ?? 0) >= LEAST_SHARE,
        )
      : best;
  if (turned === undefined) return '';
  const cost = turned.kind === 'knob' ? knobCost(turned.name) : undefined;
  return `Try \`--device n150:${turned.knobs}\`${cost === undefined ? '' : `; ${cost}`}.`;
}

/** What stands between a device without rounding and the reference is no precision. */
function exactText({ exact, device }: Evidence): string {
  if (exact?.klNats == null || device.klNats === null || exact.klNats <= device.klNats / 10) return '';
  return `Even with everything promoted the token has ${lossOf(exact)}: the two sides are not the same model; compare their weights tensor by tensor (\`qwen-pcc compare --weights-only\`).`;
}
