// Where to look next: the taps of every layer where an inspection kept them, and the commands that go on.
import type { TapNote } from '../lens/lens-format.ts';
import { formatPcc, formatSmall } from '../report/format.ts';
import { TAP_PCC_MINIMUM } from '../report/tap-limit.ts';
import { commandOf, copyText } from './copying.ts';
import type { TokenView } from './views.ts';

export function WhyTab({ report, sequence, spine, token, detail }: TokenView) {
  const command = commandOf(report, sequence.index, spine.position[token]!);
  const { taps } = detail.note;
  return (
    <>
      {taps === undefined ? (
        <p>
          A run compares logits. In which layer they were lost, this token tells when it runs again with a tap behind
          every layer of both sides; <code>--keep</code> leaves the answer for <code>qwen-pcc report</code> to show
          here:
        </p>
      ) : (
        <TapCurve taps={taps} />
      )}
      <Command text={`${command} --keep`} />
      <p class="quiet">
        An attention tap points at keys, values and positions; an MLP tap at SiLU and the wide matmuls. What one knob of
        the device is worth for this token:
      </p>
      <Command text={`${command} --device n150:kvFormat=BF16`} />
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
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`PCC from tap to tap through the layers: ${words}.`}
      >
        <line class="limit-line" x1={0} x2={WIDTH} y1={y(TAP_PCC_MINIMUM)} y2={y(TAP_PCC_MINIMUM)} />
        <polyline points={taps.map(([, pcc], i) => `${x(i)},${y(pcc)}`).join(' ')} />
        {taps.map((tap, i) => (
          <circle key={tap[0]} class={isLow(tap) ? 'low' : ''} cx={x(i)} cy={y(tap[1])} r={i === first ? 5 : 2.5} />
        ))}
      </svg>
      <details>
        <summary>{taps.length} taps as a table</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">tap</th>
              <th scope="col" class="n">
                PCC
              </th>
              <th scope="col" class="n">
                relative error
              </th>
            </tr>
          </thead>
          <tbody>
            {taps.map((tap) => (
              <tr key={tap[0]} class={isLow(tap) ? 'broken' : ''}>
                <th scope="row">
                  <code>{tap[0]}</code>
                </th>
                <td class="n">{formatPcc(tap[1])}</td>
                <td class="n">{formatSmall(tap[2])}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
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
