// The view of one prompt: its list of prompts, the overview, curves and text in the middle, the token at the side.
import { FIRST_FAILING } from '../lens/lens-format.ts';
import { promptLabel } from '../record/token-record.ts';
import { formatPcc, formatSmall } from '../report/format.ts';
import { Curves } from './curves.tsx';
import { OverviewMap } from './overview-map.tsx';
import { PromptList } from './prompt-list.tsx';
import type { Report } from './report.ts';
import { partner, place } from './state.ts';
import { TextView } from './text-view.tsx';
import { TokenPane } from './token-pane.tsx';
import { loadSequence, type OpenedSequence } from './views.ts';
import { useLater } from './watch.ts';

export function Workbench({ report }: { readonly report: Report }) {
  const index = place.value?.sequence;
  const opened = useLater(
    async () => (index === undefined ? undefined : loadSequence(report, index)),
    [index, partner.value],
  );
  if (place.value === null) return null;
  if (opened instanceof Error) return <p role="alert">{opened.message}</p>;
  return (
    <div class="workbench">
      <PromptList report={report} />
      <div class="middle">
        <OverviewMap report={report} />
        {opened === undefined ? null : <Prompt report={report} opened={opened} />}
      </div>
      {opened === undefined ? null : <TokenPane report={report} opened={opened} />}
    </div>
  );
}

function Prompt({ report, opened }: { readonly report: Report; readonly opened: OpenedSequence }) {
  const { sequence, spine } = opened;
  const { tokens, failing, promptLength, on, of } = sequence;
  const decode = Math.max(0, tokens - promptLength);
  const first = spine.status.findIndex((status) => status >= FIRST_FAILING);
  return (
    <section class="prompt" aria-labelledby="prompt-title">
      <h1 id="prompt-title">
        <bdi>{promptLabel(sequence)}</bdi> <small>{of.name === on.name ? on.name : `${of.name} · ${on.name}`}</small>
      </h1>
      <p class="facts-line">
        {tokens} tokens: prefill {Math.min(tokens, promptLength)}, decode {decode} ·{' '}
        {failing === 0 ? 'none fails' : `${failing} fail, first at position ${spine.position[first]}`} · lowest PCC{' '}
        {formatPcc(sequence.pccMin)} · mean KL {formatSmall(sequence.klMean)} nat
      </p>
      <Curves report={report} opened={opened} />
      <TextView report={report} opened={opened} />
    </section>
  );
}
