// Where to look next: the taps of every layer where an inspection kept them, and the commands that go on.
import type { NoteTable, TapNote } from '../lens/lens-format.ts';
import { formatPcc, formatSmall } from '../report/format.ts';
import { TAP_PCC_MINIMUM } from '../report/tap-limit.ts';
import { commandOf, copyText } from './copying.ts';
import type { TokenView } from './views.ts';

export function WhyTab({ report, sequence, spine, token, detail }: TokenView) {
  const command = commandOf(report, sequence.index, spine.position[token]!);
  const { taps, tables = [] } = detail.note;
  return (
    <>
      {tables.map(({ words, text, head, rows, bar }) => (
        <figure key={words}>
          <figcaption>
            <b>{words}</b>
            {text}
          </figcaption>
          {bar && <ShareBar bar={bar} />}
          <NumberTable head={head} rows={rows} />
        </figure>
      ))}
      {taps === undefined ? (
        <p>
          Run again with a tap behind every layer, a token tells where it was lost; <code>qwen-pcc report</code> shows
          here what <code>--keep</code> left:
        </p>
      ) : (
        <TapCurve taps={taps} />
      )}
      <Command text={`${command} --keep`} />
      <p class="quiet">What heals it, and what alone breaks it:</p>
      <Command text={`${command} --why --keep`} />
      <p class="quiet">Without the checkpoint, as stored:</p>
      <Command text={`${command} --stored`} />
      <p class="quiet">The whole run:</p>
      <Command text={report.head.command} />
    </>
  );
}

const [WIDTH, HEIGHT] = [400, 120];

function TapCurve({ taps }: { readonly taps: readonly TapNote[] }) {
  const isLow = ([, pcc]: TapNote): boolean => !(pcc !== null && pcc >= TAP_PCC_MINIMUM);
  const first = taps.findIndex(isLow);
  const y = (pcc: number | null): number =>
    ((Math.log10(Math.max(1e-6, 1 - (pcc ?? -1))) + 6) / 6.31) * (HEIGHT - 8) + 4;
  const x = (i: number): number => ((i + 0.5) / taps.length) * WIDTH;
  const words =
    first < 0
      ? `all ${taps.length} taps keep PCC ${TAP_PCC_MINIMUM}`
      : `first below PCC ${TAP_PCC_MINIMUM}: ${taps[first]![0]}, ${formatPcc(taps[first]![1])}`;
  return (
    <figure class="taps">
      <figcaption>
        <b>{words}</b>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`PCC from tap to tap: ${words}.`}>
        <line class="limit-line" x1={0} x2={WIDTH} y1={y(TAP_PCC_MINIMUM)} y2={y(TAP_PCC_MINIMUM)} />
        <polyline points={taps.map(([, pcc], i) => `${x(i)},${y(pcc)}`).join(' ')} />
        {taps.map((tap, i) => (
          <circle key={tap[0]} class={isLow(tap) ? 'low' : ''} cx={x(i)} cy={y(tap[1])} r={i === first ? 5 : 2.5} />
        ))}
      </svg>
      <details>
        <summary>{taps.length} taps as a table</summary>
        <NumberTable
          head={['tap', 'PCC', 'relative error']}
          rows={taps.map(([tap, pcc, relL2]) => [tap, formatPcc(pcc), formatSmall(relL2)])}
          broken={taps.map(isLow)}
        />
      </details>
    </figure>
  );
}

/** Shares as widths, darker from rung to rung; the table under it has them in words. */
function ShareBar({ bar }: { readonly bar: NonNullable<NoteTable['bar']> }) {
  return (
    <svg viewBox="0 0 100 6" fill="currentColor" aria-hidden="true">
      {bar.map(([from, width], i) => (
        <rect key={from} x={from} width={width} height="6" opacity={(i + 1) / 5} />
      ))}
    </svg>
  );
}

interface NumberTableProps {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly broken?: readonly boolean[];
}

function NumberTable({ head, rows, broken = [] }: NumberTableProps) {
  return (
    <table>
      <thead>
        <tr>
          {head.map((title, i) => (
            <th key={title} scope="col" class={i > 0 ? 'n' : ''}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, ...cells], r) => (
          <tr key={name} class={broken[r] ? 'broken' : ''}>
            <th scope="row">
              <code>{name}</code>
            </th>
            {cells.map((cell, i) => (
              <td key={head[i + 1]} class="n">
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Command({ text }: { readonly text: string }) {
  return (
    <p class="command-line">
      <code>{text}</code>
      <button type="button" onClick={() => void copyText(text, 'the command')}>
        Copy
      </button>
    </p>
  );
}
