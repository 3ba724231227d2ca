// The prompt as text: one option a token in a list box, marked only where it is no pass, by line style first and colour second.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { FIRST_FAILING, type Spine } from '../lens/lens-format.ts';
import type { Report } from './report.ts';
import { isDifference, place } from './state.ts';
import { type ShownText, shownTexts } from './token-text.ts';
import { markOf, type OpenedSequence } from './views.ts';

/** Tokens that the browser lays out together or not at all; a group ends its line, so short texts have one for each phase. */
const GROUP = 512;
const GROUPS_FROM = 1500;

export function TextView({ opened }: { readonly report: Report; readonly opened: OpenedSequence }) {
  const list = useRef<HTMLDivElement>(null);
  const { sequence, spine, textOf, besides } = opened;
  const other = isDifference.value ? besides[0]?.spine : undefined;
  useLayoutEffect(() => {
    list.current!.replaceChildren(...buildText(spine, textOf, sequence.promptLength, other));
  }, [opened, other]);
  const at = place.value;
  const token = at?.sequence === sequence.index ? at.token : -1;
  useEffect(() => {
    const box = list.current!;
    box.querySelector('[aria-selected=true]')?.setAttribute('aria-selected', 'false');
    const option = document.getElementById(`o${token}`);
    if (option === null) return;
    option.setAttribute('aria-selected', 'true');
    box.setAttribute('aria-activedescendant', option.id);
    // Its scroll margin keeps lines around it in sight.
    option.scrollIntoView({ block: 'nearest' });
  }, [opened, other, token]);
  return (
    <>
      <div
        class="text"
        ref={list}
        role="listbox"
        tabIndex={0}
        aria-label={`Tokens of ${sequence.prompt}`}
        aria-orientation="horizontal"
        onClick={(event) => {
          const option = (event.target as Element).closest<HTMLElement>('[role=option]');
          if (option !== null) place.value = { sequence: sequence.index, token: Number(option.id.slice(1)) };
        }}
      />
      <p class="text-legend">
        <span class="f">fails</span> <span class="t">near tie</span> <span class="v">invalid</span>{' '}
        <span class="x">other context</span>
        {other === undefined ? null : (
          <>
            {' '}
            <span class="o">fails here only</span> <span class="h">fails on the other variant only</span>
          </>
        )}
        {besides.length === 0 || other !== undefined ? null : (
          <span class="quiet"> · d: difference to the other variant</span>
        )}
      </p>
    </>
  );
}

function buildText(
  spine: Spine,
  textOf: (id: number) => string,
  promptLength: number,
  other: Spine | undefined,
): Node[] {
  const shown = shownTexts(Array.from(spine.token, textOf));
  const first = spine.status.findIndex((status) => status >= FIRST_FAILING);
  const decodeAt = spine.position.findIndex((position) => position >= promptLength);
  const hasGroups = shown.length > GROUPS_FROM;
  const groups: HTMLElement[] = [];
  let group: HTMLElement | undefined;
  for (const [i, one] of shown.entries()) {
    const isDecode = decodeAt >= 0 && i >= decodeAt;
    if (group === undefined || (hasGroups && i % GROUP === 0) || i === decodeAt) {
      group = document.createElement('div');
      group.className = `group${isDecode ? ' decode' : ''}${hasGroups ? ' lazy' : ''}`;
      group.setAttribute('role', 'group');
      const phase = isDecode ? 'decode' : 'prefill';
      group.setAttribute('aria-label', `${phase}, from position ${spine.position[i]}`);
      if (i === 0 || i === decodeAt) group.dataset['begins'] = `${phase} · position ${spine.position[i]}`;
      groups.push(group);
    }
    group.append(optionOf(one, i, spine, { isFirst: i === first, other }));
    if (one.endsLine) group.append(document.createElement('br'));
  }
  return groups;
}

interface OptionMarks {
  readonly isFirst: boolean;
  readonly other: Spine | undefined;
}

function optionOf(
  shown: ShownText,
  i: number,
  { status, position }: Spine,
  { isFirst, other }: OptionMarks,
): HTMLElement {
  const option = document.createElement('span');
  const { className, word } = markOf(status[i]!);
  const difference =
    other === undefined || other.status[i] === undefined ? '' : differenceOf(status[i]!, other.status[i]!);
  option.id = `o${i}`;
  option.setAttribute('role', 'option');
  option.setAttribute('aria-selected', 'false');
  option.className = [difference || className, shown.kind === 'plain' ? '' : shown.kind, isFirst ? 'first' : '']
    .filter(Boolean)
    .join(' ');
  option.append(shown.text);
  if (shown.joined !== undefined) {
    const joined = document.createElement('b');
    joined.append(shown.joined);
    option.append(joined);
  }
  option.setAttribute(
    'aria-label',
    `${shown.joined ?? (shown.kind === 'space' ? 'white space' : shown.text.trim())}, position ${position[i]}${word === '' ? '' : `, ${word}`}`,
  );
  return option;
}

function differenceOf(here: number, there: number): string {
  if (here >= FIRST_FAILING && there < FIRST_FAILING) return 'o';
  return here < FIRST_FAILING && there >= FIRST_FAILING ? 'h' : '';
}
