// All about one token: where it is, what the gate said, and tabs of its numbers.
import { useRef } from 'preact/hooks';
import { TEXT_MAX, visibleText } from '../lens/visible-text.ts';
import { TOKEN_STATUSES } from '../record/token-record.ts';
import { formatPcc, formatSmall } from '../report/format.ts';
import { ChoicesTab } from './choices-tab.tsx';
import { copyCommand, copyLink, copyMarkdown } from './copying.ts';
import { NumbersTab } from './numbers-tab.tsx';
import type { Report } from './report.ts';
import { RowsTab } from './rows-tab.tsx';
import { place, TABS, type Tab, tab } from './state.ts';
import { shownTexts } from './token-text.ts';
import { markOf, nullable, type OpenedSequence, type TokenView } from './views.ts';
import { VocabularyTab } from './vocabulary-tab.tsx';
import { useLater } from './watch.ts';
import { WhyTab } from './why-tab.tsx';

const TAB_NAMES: Readonly<Record<Tab, string>> = {
  choices: 'Choices',
  numbers: 'Numbers',
  rows: 'Rows',
  vocabulary: 'Vocabulary',
  why: 'Why',
};

export function TokenPane({ report, opened }: { readonly report: Report; readonly opened: OpenedSequence }) {
  const { sequence, spine, textOf } = opened;
  const at = place.value;
  const token = at?.sequence === sequence.index ? at.token : -1;
  const loaded = useLater(
    async () => (token < 0 ? undefined : { token, sequence, detail: await report.detail(sequence, token) }),
    [sequence.index, token],
  );
  if (token < 0) return <aside class="pane" aria-label="Token" />;
  if (loaded instanceof Error) {
    return (
      <aside class="pane" aria-label="Token">
        <p role="alert">The details of this token cannot be shown: {loaded.message}.</p>
      </aside>
    );
  }
  if (loaded === undefined || loaded.sequence !== sequence)
    return <aside class="pane" aria-label="Token" aria-busy="true" />;
  const view = { report, sequence, spine, textOf, token: loaded.token, detail: loaded.detail };
  return (
    <aside class="pane" aria-label="Token">
      <Heading {...view} />
      <Variants view={view} opened={opened} />
      <Tabs view={view} />
      <p class="copies">
        <button type="button" onClick={() => void copyMarkdown(report)}>
          Copy Markdown
        </button>
        <button type="button" onClick={() => void copyCommand(report)}>
          Copy command
        </button>
        <button type="button" onClick={() => void copyLink()}>
          Copy link
        </button>
      </p>
    </aside>
  );
}

/** Tokens before and after that the heading shows. */
const CONTEXT = 14;
const AFTER = 4;

function Heading({ sequence, spine, textOf, token, detail }: TokenView) {
  const position = spine.position[token]!;
  const status = spine.status[token]!;
  const { word } = markOf(status);
  const step = position - sequence.promptLength;
  const from = Math.max(0, token - CONTEXT);
  const around = shownTexts(Array.from(spine.token.slice(from, token + AFTER + 1), textOf));
  const { note } = detail;
  return (
    <header>
      <h2>
        Position {position}{' '}
        <small>
          {step < 0 ? 'prefill' : `decode step ${step}`} · id {spine.token[token]}
        </small>
      </h2>
      <p class={`state ${markOf(status).className || 'ok'}`}>
        <b>{TOKEN_STATUSES[status]}</b>
        {word === '' ? '' : ` · ${word}`}
        {note.failedRules === undefined ? '' : ` · breaks ${note.failedRules.join(', ')}`}
      </p>
      <p class="context">
        {from > 0 ? '… ' : ''}
        {around.map((one, i) => {
          const isHere = i === token - from;
          // Of a character in pieces the last one has it; the others say nothing beside it.
          const text = one.joined ?? (one.kind === 'byte' && !isHere ? '' : one.text);
          return isHere ? (
            <mark key={i}>
              <bdi>{text}</bdi>
            </mark>
          ) : (
            <bdi key={i}>{text}</bdi>
          );
        })}
      </p>
      {note.reason === undefined ? null : <p class="reason">{visibleText(note.reason, TEXT_MAX * 4)}</p>}
      <dl class="figures">
        <div>
          <dt>PCC</dt>
          <dd>{formatPcc(nullable(1 - spine.pccGap[token]!))}</dd>
        </div>
        <div>
          <dt>KL / nat</dt>
          <dd>{formatSmall(nullable(spine.kl[token]!))}</dd>
        </div>
        <div>
          <dt>regret / nat</dt>
          <dd>{formatSmall(nullable(spine.regret[token]!))}</dd>
        </div>
        <div>
          <dt>golden's rank</dt>
          <dd>{spine.rank[token] === 0 ? 'none' : spine.rank[token]}</dd>
        </div>
      </dl>
      {note.pccUndefined === undefined ? null : <p class="quiet">No PCC: {note.pccUndefined}.</p>}
    </header>
  );
}

/** The same token on every variant, side by side. */
function Variants({ view, opened }: { readonly view: TokenView; readonly opened: OpenedSequence }) {
  if (opened.besides.length === 0) return null;
  const all = [{ sequence: view.sequence, spine: view.spine }, ...opened.besides].sort(
    (a, b) => a.sequence.index - b.sequence.index,
  );
  return (
    <table class="variants">
      <caption>This token on every variant</caption>
      <thead>
        <tr>
          <th scope="col">variant</th>
          <th scope="col">status</th>
          <th scope="col" class="n">
            PCC
          </th>
          <th scope="col" class="n">
            KL / nat
          </th>
          <th scope="col" class="n">
            regret
          </th>
        </tr>
      </thead>
      <tbody>
        {all.map(({ sequence, spine }) => {
          const t = view.token;
          return t >= spine.status.length ? null : (
            <tr key={sequence.index} class={sequence.index === view.sequence.index ? 'here' : ''}>
              <th scope="row">
                <button
                  type="button"
                  class="plain"
                  onClick={() => {
                    place.value = { sequence: sequence.index, token: t };
                  }}
                >
                  {sequence.on.name}
                </button>
              </th>
              <td>{TOKEN_STATUSES[spine.status[t]!]}</td>
              <td class="n">{formatPcc(nullable(1 - spine.pccGap[t]!))}</td>
              <td class="n">{formatSmall(nullable(spine.kl[t]!))}</td>
              <td class="n">{formatSmall(nullable(spine.regret[t]!))}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Tabs({ view }: { readonly view: TokenView }) {
  const list = useRef<HTMLDivElement>(null);
  const shown = tab.value;
  const Body = { choices: ChoicesTab, numbers: NumbersTab, rows: RowsTab, vocabulary: VocabularyTab, why: WhyTab }[
    shown
  ];
  return (
    <>
      <div
        class="tabs"
        role="tablist"
        aria-label="About this token"
        ref={list}
        onKeyDown={(event) => {
          const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
          if (step === 0) return;
          event.preventDefault();
          tab.value = TABS[(TABS.indexOf(shown) + step + TABS.length) % TABS.length]!;
          queueMicrotask(() => list.current?.querySelector<HTMLElement>('[aria-selected=true]')?.focus());
        }}
      >
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === shown ? 'true' : 'false'}
            aria-controls="tab-panel"
            tabIndex={name === shown ? 0 : -1}
            onClick={() => {
              tab.value = name;
            }}
          >
            {TAB_NAMES[name]}
          </button>
        ))}
      </div>
      <div id="tab-panel" role="tabpanel" aria-labelledby={`tab-${shown}`}>
        <Body {...view} />
      </div>
    </>
  );
}
