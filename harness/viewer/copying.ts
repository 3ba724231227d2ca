// What can be handed on from a token: its link, the command that looks into it, a block of Markdown for an issue.
import { formatPcc, formatSmall, quoteText } from '../report/format.ts';
import { inspectCommandOf } from '../report/inspect-hint.ts';
import { lensFragment } from '../report/lens-link.ts';
import type { Report } from './report.ts';
import { notice, type Place, place } from './state.ts';

/** Without a clipboard, as in a sandboxed page, an old way; if that is closed too, the notice shows the text. */
export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand('copy');
    area.remove();
    if (!isDone) {
      notice.value = `Not copied: the browser does not let this page. ${what}: ${text}`;
      return;
    }
  }
  notice.value = `Copied: ${what}.`;
}

async function positionOf(report: Report, { sequence, token }: Place): Promise<number> {
  return (await report.spine(report.sequences[sequence]!)).position[token]!;
}

export function commandOf(report: Report, sequence: number, position: number): string {
  const { of, on, prompt, user } = report.sequences[sequence]!;
  const cases = report.head.cases.map((one, index) => ({
    variants: one.variants.map((variant) => ({
      prompts: report.sequences
        .filter((s) => s.case === index && s.on.name === variant.name)
        .map((s) => ({ name: s.prompt, user: s.user })),
    })),
  }));
  const { variant, folder } = on.from ?? { variant: on.name, folder: report.head.folder };
  return inspectCommandOf({ cases }, { case: of.name, variant, prompt, user, position }, folder);
}

export async function copyCommand(report: Report): Promise<void> {
  const at = place.value;
  if (at === null) return copyText(report.head.command, 'the command that repeats this run');
  return copyText(commandOf(report, at.sequence, await positionOf(report, at)), 'the command for this token');
}

export async function copyLink(): Promise<void> {
  return copyText(location.href, 'the link to this place');
}

export async function copyMarkdown(report: Report): Promise<void> {
  const at = place.value;
  if (at === null) return;
  const sequence = report.sequences[at.sequence]!;
  const [spine, texts, detail] = await Promise.all([
    report.spine(sequence),
    report.texts(sequence.of),
    report.detail(sequence, at.token),
  ]);
  const position = spine.position[at.token]!;
  const key = { case: sequence.of.name, variant: sequence.on.name, prompt: sequence.prompt, user: sequence.user };
  const gap = spine.pccGap[at.token]!;
  const quoted = (text: string): string => quoteText(text).replaceAll(/[|`]/g, '\\$&');
  const rows = detail.top
    .filter(({ rankGolden, rankActual }) => rankGolden <= 5 || rankActual <= 5)
    .map(
      (one) =>
        `| ${one.rankGolden} | ${one.rankActual} | ${one.id} | ${quoted(texts(one.id))} | ${one.golden.toFixed(4)} | ${one.actual.toFixed(4)} |`,
    );
  const lines = [
    `**${sequence.prompt}, position ${position}** (${key.case}, ${key.variant}; run ${report.head.runId}): PCC ${formatPcc(Number.isNaN(gap) ? null : 1 - gap)}, KL ${formatSmall(spine.kl[at.token]!)} nat`,
    ...(detail.note.reason === undefined ? [] : ['', `> ${detail.note.reason.replaceAll(/\s+/g, ' ')}`]),
    '',
    '| golden rank | device rank | id | token | golden logit | device logit |',
    '|--:|--:|--:|---|--:|--:|',
    ...rows,
    '',
    '```',
    commandOf(report, at.sequence, position),
    '```',
    `report.html${lensFragment({ ...key, position })}`,
    '',
  ];
  return copyText(lines.join('\n'), 'Markdown for an issue');
}
