// The conclusion on a recorded token in a paragraph: which operation its own values show to be wrong, what they cannot show, what next.
import type { OpError, WhyOp } from '../record/why-record.ts';
import { OP_NAMES, opOf, type WhyTap } from './ops.ts';
import { type Evidence, lossOf, NO_LOSS, percent, times } from './words.ts';

/** An operation that is wrong in so many of its layers is wrong in all of them: a setting, not a defect of one place. */
const ALIKE_SHARE = 0.8;
/** With fewer there is no telling all from some. */
const ALIKE_LAYERS = 3;
/** Share of the loss that a healthy device has to show too before its formats are looked at. */
const EXPLAINED_SHARE = 0.5;
const LISTED = 4;

/** @param evidence - of a recording. */
export function recordingWords(evidence: Evidence): string[] {
  const { recording, firstBlamed, ops } = evidence;
  const { notRecorded } = recording!;
  const said = firstBlamed === null ? soundText(evidence) : blamedText(evidence, ops[firstBlamed]!);
  return [...said, pastText(evidence), notRecorded.length === 0 ? '' : missingText(evidence), modelText(evidence)];
}

function blamedText(evidence: Evidence, first: OpError): string[] {
  const { ops, rule, recording } = evidence;
  const { tap, ratio, span, op } = first;
  const isLocal = first.isolatedBlock * first.healthy > 2 * first.isolated * first.healthyBlock;
  const [error, usual] = isLocal ? [first.isolatedBlock, first.healthyBlock] : [first.isolated, first.healthy];
  const blamed = ops.filter(({ isBlamed }) => isBlamed);
  const others = blamed.length - 1;
  const alike = ops.filter(
    (one) => one.op === op && one.tap.split('.').slice(2).join() === tap.split('.').slice(2).join(),
  );
  const isAlike =
    alike.length >= ALIKE_LAYERS && alike.filter(({ isBlamed }) => isBlamed).length >= ALIKE_SHARE * alike.length;
  return [
    `A defect: ${placesText(first)} what a healthy ${recording!.heldAgainst} makes of the recording's own values.`,
    `Fed what was recorded before it, ${tap} is off by ${percent(error)}${isLocal ? ' in its worst 32 columns' : ''} where ${percent(usual)} is usual, ${times(ratio * rule.factor)} the largest error that a healthy one has shown.`,
    others === 0
      ? 'Everything else that was recorded is sound, given what was recorded before it.'
      : `Blamed as well: ${blamed
          .slice(1, LISTED)
          .map((one) => one.tap)
          .join(', ')}${others >= LISTED ? ` and ${others - LISTED + 1} more` : ''}.`,
    isAlike
      ? `It is so in every layer alike, as a setting makes it: if the card is to have others than ${recording!.heldAgainst}, name them with --healthy n150:KNOB=VALUE.`
      : 'Compare the weights, the bias and the kernel of that operation with those of the last good state.',
    span.length === 0 ? '' : `To tell them apart, record ${listed(span)}.`,
  ];
}

/** The operation, or those that no recorded value stands between. */
function placesText({ layer, op, span }: OpError): string {
  const places = [...new Set([...span.map((tap) => placeText(opOf(tap as WhyTap))), placeText({ layer, op })])];
  if (places.length === 1) return `the ${places[0]} does not compute`;
  const shown = places.length > LISTED ? [...places.slice(0, LISTED), `${places.length - LISTED} more`] : places;
  return `one of these does not compute (${shown.join('; ')})`;
}

function placeText({ layer, op }: { readonly layer: number | null; readonly op: WhyOp }): string {
  return layer === null ? OP_NAMES[op] : `${OP_NAMES[op]} of layer ${layer}`;
}

function soundText({ device, recording, ops }: Evidence): string[] {
  const spans = ops.filter(({ span }) => span.length > 0).length;
  const what =
    spans === 0 ? 'No recorded operation' : 'No recorded operation, nor any stretch between two recorded values,';
  const sound = `${what} errs more than one of a healthy ${recording!.heldAgainst} does.`;
  if (device.klNats === null) return [sound, 'But the row is not finite: look for the first tap without a PCC.'];
  if (device.klNats < NO_LOSS) return [sound, `The token has ${lossOf(device)}: there is nothing to explain.`];
  return [sound, `Its loss (${lossOf(device)}) comes from precision, or from what was not recorded.`];
}

/** Attention reads every earlier position. */
function pastText({ recording }: Evidence): string {
  const { notJudged } = recording!;
  if (notJudged.length === 0) return '';
  return `Earlier positions are not recorded, and attention reads them: ${listed(notJudged)} cannot be judged, nor the layers before; record layers.N.out, or keys and values, of every position.`;
}

/** The first operations that no value of the recording judges by themselves. */
function missingText({ recording }: Evidence): string {
  const { notRecorded } = recording!;
  return `Not judged by themselves, for want of a tap: ${listed(notRecorded)}.`;
}

function listed(taps: readonly string[]): string {
  const rest = taps.length - LISTED;
  return `${taps.slice(0, LISTED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** Nothing in a recording can be changed; in the device model everything can. */
function modelText({ recording, healthy, device }: Evidence): string {
  const { heldAgainst } = recording!;
  const loss = ({ klNats }: typeof device): number => klNats ?? Number.POSITIVE_INFINITY;
  if (loss(device) < NO_LOSS) return '';
  return loss(healthy) >= EXPLAINED_SHARE * loss(device)
    ? `A recording cannot be run with one thing changed; the device model of these settings loses here too (${lossOf(healthy)}), and \`qwen-pcc inspect --token N --why --device ${heldAgainst}\` says what heals it.`
    : `A healthy ${heldAgainst} has ${lossOf(healthy)} here: its formats do not explain the loss.`;
}
