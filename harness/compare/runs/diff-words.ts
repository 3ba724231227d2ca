// How a comparison of runs is put into words, the same in the terminal and in Markdown; whatever came from a log is made printable.
import { printable } from '../../../src/text/printable.ts';
import { promptLabel } from '../../record/token-record.ts';
import { countOf, formatPcc, formatPosition, formatSmall, quoteText } from '../../report/format.ts';
import type {
  DiffedRun,
  DiffToken,
  PromptDiff,
  RuleDiff,
  RunDiff,
  ShownChange,
  SideNumbers,
  Sides,
} from './run-diff.ts';

/** What the tokens of a change are called, for one and for several. */
export const CHANGE_WORDS: Readonly<Record<ShownChange, string>> = {
  newlyFails: 'newly failing',
  newlyHeals: 'newly healed',
  stillFails: 'still failing',
  drifted: 'drifted',
};

const NAMES_SHOWN = 5;
const DIFFERENCES_SHOWN = 20;

/** One sentence without its full stop: what a person reads first. */
export function diffHeadline({ total, rules, a, b }: RunDiff): string {
  const { tokens, changes, unchanged } = total.all;
  const counted = [
    [changes.newlyFails, 'newly fail', 'newly fails'],
    [changes.newlyHeals, 'newly heal', 'newly heals'],
    [changes.stillFails, 'still fail', 'still fails'],
    [changes.drifted, 'drifted', 'drifted'],
  ] as const;
  const said = counted.flatMap(([count, many, one]) => (count === 0 ? [] : [`${count} ${count === 1 ? one : many}`]));
  const named = (change: string): string[] => rules.filter((rule) => rule.change === change).map(({ id }) => id);
  const ruleWords = (['newlyBroken', 'newlyKept'] as const).flatMap((change) => {
    const ids = named(change);
    if (ids.length === 0) return [];
    return [`${countOf(ids.length, 'rule')} newly ${change === 'newlyBroken' ? 'broken' : 'kept'}: ${ids.join(', ')}`];
  });
  const words = [
    `${countOf(tokens, 'token')}: ${said.length === 0 ? 'none moved beyond the margins' : said.join(', ')}`,
    unchanged === tokens ? 'all numbers are the same' : `${unchanged} have the same numbers`,
    ...ruleWords,
    ...(a.status === b.status ? [] : [`verdict ${a.status} → ${b.status}`]),
  ];
  return printable(words.join('; '));
}

/** What a reader has to know before the numbers, a sentence each without its full stop. */
export function diffNotes(diff: RunDiff): string[] {
  return [
    ...differenceNotes(diff),
    ...(['a', 'b'] as const).flatMap((side) => [
      ...incompleteNotes(side, diff[side]),
      ...aloneNotes(side, diff),
      ...tokensAloneNotes(side, diff),
    ]),
  ].map((note) => printable(note));
}

function differenceNotes({ differences }: RunDiff): string[] {
  const shown = differences
    .slice(0, DIFFERENCES_SHOWN)
    .map(({ what, a, b }) => `${what}: ${a} in run A, ${b} in run B`);
  const more = differences.length - shown.length;
  return more === 0 ? shown : [...shown, `${countOf(more, 'further difference')} in diff.json`];
}

function incompleteNotes(side: 'a' | 'b', { tokensJudged, tokensPlanned, headline }: DiffedRun): string[] {
  if (tokensJudged === tokensPlanned) return [];
  return [
    `run ${side.toUpperCase()} is incomplete, ${tokensJudged} of ${countOf(tokensPlanned, 'token')} judged: ${headline}`,
  ];
}

function aloneNotes(side: 'a' | 'b', { alone }: RunDiff): string[] {
  const names = alone
    .filter((one) => one.side === side)
    .map((one) => `${one.case} › ${one.variant} › ${promptLabel(one)}`);
  if (names.length === 0) return [];
  return [`${countOf(names.length, 'prompt')} of run ${side.toUpperCase()} alone: ${listed(names)}`];
}

function tokensAloneNotes(side: 'a' | 'b', { prompts, tokensAlone }: RunDiff): string[] {
  if (tokensAlone[side] === 0) return [];
  const names = prompts
    .filter((one) => one.tokensAlone[side] > 0)
    .map((one) => `${one.case} › ${one.variant[side]} › ${promptLabel(one)} (${one.tokensAlone[side]})`);
  return [
    `${countOf(tokensAlone[side], 'token')} of common prompts were judged in run ${side.toUpperCase()} alone: ${listed(names)}`,
  ];
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return `${names.slice(0, NAMES_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Case and variant only where the runs have several. */
export function promptPlace(
  { prompts }: Pick<RunDiff, 'prompts'>,
  { case: name, variant, prompt, user }: Pick<PromptDiff, 'case' | 'variant' | 'prompt' | 'user'>,
): string {
  const hasCases = prompts.some((one) => one.case !== name);
  const hasVariants = prompts.some((one) => one.case === name && one.variant.a !== variant.a);
  const words = [...(hasCases ? [name] : []), ...(hasVariants ? [variant.a] : []), promptLabel({ prompt, user })];
  return printable(words.join(' · '));
}

/** Where a token stands and what it is. */
export function tokenPlace(diff: RunDiff, token: DiffToken): string {
  return `${promptPlace(diff, token)} · ${formatPosition(token.position, token.step)} · token ${printable(quoteText(token.text))}`;
}

/** Its numbers in both runs. */
export function tokenNumbers({ a, b, drift }: DiffToken, change: ShownChange): string {
  return [
    `PCC ${arrow(formatPcc(a.pcc), formatPcc(b.pcc))}`,
    `KL ${arrow(formatSmall(a.klNats), formatSmall(b.klNats))} nat`,
    ...(a.regretNats === b.regretNats
      ? []
      : [`regret ${arrow(formatSmall(a.regretNats), formatSmall(b.regretNats))} nat`]),
    change === 'drifted' ? `moved ${formatSmall(drift)} margins` : arrow(verdictOf(a), verdictOf(b)),
  ].join('; ');
}

function verdictOf({ status, failedRules }: SideNumbers): string {
  return printable(failedRules.length === 0 ? status : `${status} (${failedRules.join(', ')})`);
}

/** The command to type: in the run where the token fails, else in run B. */
export function tokenCommand({ inspect }: DiffToken, change: ShownChange): string {
  return printable(change === 'newlyHeals' ? inspect.a : inspect.b);
}

/** `a → b`, once if they are one. */
export function arrow(a: string, b: string): string {
  return a === b ? a : `${a} → ${b}`;
}

export function arrowOf<T>({ a, b }: Sides<T>, format: (value: T) => string): string {
  return arrow(format(a), format(b));
}

const STATUS_WORDS: Readonly<Record<RuleDiff['status']['a'], string>> = {
  pass: 'pass',
  fail: 'fail',
  invalid: 'invalid',
  notTriggered: 'not triggered',
  tooFewTokens: 'too few tokens',
  notJudgedHere: 'not judged here',
  unstable: 'unstable',
  absent: 'absent',
};

/** A rule's fate in both runs. */
export function ruleVerdicts({ status }: RuleDiff): string {
  return arrowOf(status, (one) => STATUS_WORDS[one]);
}

/** What the columns mean and what decides. */
export function marginWords({ margins: { klNats, pccLoss, regretNats } }: RunDiff): string {
  return `drifted: passes in both runs, and KL moved by more than ${klNats} nat, PCC by more than ${pccLoss} or regret by more than ${regretNats} nat; near: less than that; same: every stored number is equal; regret: what the device's choice gives up of the reference's log-probability`;
}
