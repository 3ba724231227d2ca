// Who each side would choose: the union of both top ten with ranks, logits, probabilities and where each went.
import { NO_FLIP_CODE } from '../lens/lens-format.ts';
import { visibleText } from '../lens/visible-text.ts';
import { FLIP_CLASSES } from '../record/row-metrics.ts';
import { formatShare, formatSmall, quoteText } from '../report/format.ts';
import type { TopRow } from './report.ts';
import { nullable, type TokenView } from './views.ts';
import { flipWords, regretWords } from './words.ts';

export function ChoicesTab({ spine, token, textOf, detail, sequence }: TokenView) {
  const { number, top } = detail;
  const code = spine.flip[token]!;
  if (code === NO_FLIP_CODE || top.length === 0) return <p>No choice: the rows are not comparable.</p>;
  const logZ = { golden: number('logZGolden'), actual: number('logZActual') };
  const share = (row: TopRow, side: 'golden' | 'actual'): number => Math.exp(row[side] - logZ[side]);
  const textId = number('textId');
  const rows = [...top].sort((a, b) => a.rankGolden - b.rankGolden);
  return (
    <>
      <p>
        {flipWords(FLIP_CLASSES[code]!, spine.marginUlps[token]!, sequence.on.logitsFormat)} Regret{' '}
        {formatSmall(nullable(spine.regret[token]!))} nat: {regretWords(spine.regret[token]!)}.
      </p>
      <table class="top">
        <caption>Best ten of both sides, by golden's rank</caption>
        <thead>
          <tr>
            <th scope="col" class="n">
              golden
            </th>
            <th scope="col" class="n">
              device
            </th>
            <th scope="col">token</th>
            <th scope="col" class="n" colSpan={2}>
              golden logit, p
            </th>
            <th scope="col" class="n" colSpan={2}>
              device logit, p
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={row.id}
              class={row.rankGolden === 1 || row.rankActual === 1 ? 'chosen' : row.rankGolden > 10 ? 'late' : ''}
            >
              <td class="n">{row.rankGolden}</td>
              <td class="n">
                {arrowOf(row)} {row.rankActual}
              </td>
              <th scope="row" title={`id ${row.id}`}>
                <bdi>{visibleText(quoteText(textOf(row.id), 14))}</bdi>
                {row.rankGolden === 1 ? <small>golden's choice</small> : null}
                {row.rankActual === 1 ? <small>device's choice</small> : null}
                {row.id === textId ? <small>next in the text</small> : null}
              </th>
              <td class="n">{row.golden.toFixed(3)}</td>
              <td class="n share">
                <i style={{ width: `${share(row, 'golden') * 100}%` }} />
                {formatShare(share(row, 'golden'))}
              </td>
              <td class="n apart">{row.actual.toFixed(3)}</td>
              <td class="n share">
                <i style={{ width: `${share(row, 'actual') * 100}%` }} />
                {formatShare(share(row, 'actual'))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {textId < 0 ? null : (
        <p class="quiet">
          Next in the text: {textId} <bdi>{visibleText(quoteText(textOf(textId), 20))}</bdi>, golden{' '}
          {formatShare(number('textPGolden'))}, device {formatShare(number('textPActual'))}.
        </p>
      )}
    </>
  );
}

/** Where a token went on the device, with a word for those who do not see the arrow. */
function arrowOf({ rankGolden, rankActual }: TopRow) {
  const moved = rankGolden - rankActual;
  if (moved === 0)
    return (
      <span class="arrow" role="img" aria-label="same rank">
        =
      </span>
    );
  return (
    <span
      class={moved > 0 ? 'arrow up' : 'arrow down'}
      role="img"
      aria-label={`${Math.abs(moved)} ${moved > 0 ? 'up' : 'down'}`}
    >
      {moved > 0 ? '▲' : '▼'}
    </span>
  );
}
