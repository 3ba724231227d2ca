// Tables that a token's report has in words of its own: its noise ladder, and what promotions of the device are worth.
import type { TokenLadder } from '../ladder/ladders.ts';
import type { Change, WhyRecord } from '../record/why-record.ts';
import { formatPcc, formatSmall } from '../report/format.ts';
import { LADDER_WORDS, STEP_TITLES, shareText } from '../report/ladder-lines.ts';
import type { NoteTable } from './lens-format.ts';

export function ladderTable(ladder: TokenLadder | undefined): NoteTable[] {
  if (ladder === undefined) return [];
  const { steps, bf16, word } = ladder;
  const whole = steps.at(-1)!.klNats;
  const shares = steps.map(({ klNats }, i) => klNats - (steps[i - 1]?.klNats ?? 0));
  const rises = shares.map((share) => Math.max(0, share));
  const risen = rises.reduce((sum, share) => sum + share, 0);
  return [
    {
      words: LADDER_WORDS[word],
      head: ['noise ladder', 'KL/nat', 'share', '1-PCC'],
      rows: [
        ...steps.map(({ step, klNats, pccGap }, i) => [
          STEP_TITLES[step],
          formatSmall(klNats),
          shareText(shares[i]!, whole),
          formatSmall(pccGap),
        ]),
        ...(bf16 === null ? [] : [['bf16 reference, beside', formatSmall(bf16.klNats), '', formatSmall(bf16.pccGap)]]),
      ],
      // What cancels something below it takes no room.
      ...(risen > 0 ? { bar: barOf(rises.map((share) => (100 * share) / risen)) } : {}),
    },
  ];
}

function barOf(widths: readonly number[]): [number, number][] {
  let from = 0;
  return widths.map((width) => {
    from += width;
    return [Number((from - width).toFixed(2)), Number(width.toFixed(2))];
  });
}

/** Of each direction; the record has them best first. */
const CHANGES_SHOWN = 6;
/** A change of a smaller share neither heals nor breaks anything that a reader could see. */
const LEAST_SHARE = 0.1;
const OPS_SHOWN = 6;

export function whyTable(why: WhyRecord | undefined): NoteTable[] {
  if (why === undefined) return [];
  const shown = (['promotion', 'demotion', 'cure'] as const).flatMap((direction) =>
    why.changes
      .filter((change) => change.direction === direction)
      .filter(({ share }) => direction === 'cure' || share === null || share >= LEAST_SHARE)
      .slice(0, CHANGES_SHOWN),
  );
  const [first, rest] = sentences(why.words.replaceAll('`', ''));
  const changes = {
    head: ['change', 'PCC', 'KL/nat', 'of the KL'],
    rows: shown.map((change) => [
      nameOf(change),
      formatPcc(change.measure.pcc),
      formatSmall(change.measure.klNats),
      change.share === null ? '' : `${(100 * change.share).toFixed(0)} %`,
    ]),
  };
  const operations = opTable(why);
  const words = { words: first, ...(rest === '' ? {} : { text: ` ${rest}` }) };
  return shown.length === 0 ? [{ ...operations, ...words }] : [{ ...words, ...changes }, operations];
}

/** The blamed operations, or those nearest to it. */
function opTable({ ops, recording }: WhyRecord): NoteTable {
  const blamed = ops.filter(({ isBlamed }) => isBlamed);
  const shown = blamed.length > 0 ? blamed : [...ops].sort((a, b) => b.ratio - a.ratio);
  const fed = `fed ${recording === null ? 'golden' : 'recorded'} values`;
  return {
    words:
      blamed.length > 0 ? `${blamed.length} of ${ops.length} operations blamed, ${fed}` : `nearest to blame, ${fed}`,
    head: ['operation', 'error', 'usual', 'of limit'],
    rows: shown.slice(0, OPS_SHOWN).map(({ tap, isolated, healthy, ratio }) => [
      // A space, so that a narrow column breaks there.
      tap.replace(/^layers\.(\d+)\./, 'layer $1 '),
      formatSmall(isolated),
      formatSmall(healthy),
      formatSmall(ratio),
    ]),
  };
}

/** The first one, which is the conclusion, and what follows from it; a full stop in a name has no space behind it. */
function sentences(words: string): readonly [string, string] {
  const end = words.indexOf('. ');
  return end < 0 ? [words, ''] : [words.slice(0, end + 1), words.slice(end + 2)];
}

const DIRECTION_WORDS = { promotion: 'heals', demotion: 'alone breaks', cure: 'healthy' } as const;

function nameOf({ direction, name, knobs }: Change): string {
  return `${DIRECTION_WORDS[direction]}: ${knobs ?? name}`;
}
