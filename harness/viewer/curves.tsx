// PCC, KL and golden's margin along the prompt, aligned with each other, with their limits; the text alternative says what is seen.
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatPcc, formatSmall } from '../report/format.ts';
import { type Curve, paintCurve, STRIP_HEIGHT, STRIP_LEFT } from './paint-curve.ts';
import type { Report } from './report.ts';
import { place } from './state.ts';
import type { OpenedSequence } from './views.ts';
import { useScheme, useWidth } from './watch.ts';

export function Curves({ report, opened }: { readonly report: Report; readonly opened: OpenedSequence }) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const scheme = useScheme();
  const { sequence, spine } = opened;
  const curves = curvesOf(report, opened);
  const at = place.value;
  const token = at?.sequence === sequence.index ? at.token : -1;
  const [hover, setHover] = useState(-1);
  const shown = hover >= 0 ? hover : token;
  const tokenAt = (event: MouseEvent): number => {
    const bounds = box.current!.getBoundingClientRect();
    const share = (event.clientX - bounds.left - STRIP_LEFT) / (bounds.width - STRIP_LEFT);
    return Math.min(sequence.tokens - 1, Math.max(0, Math.floor(share * sequence.tokens)));
  };
  return (
    <div
      class="curves"
      ref={box}
      onClick={(event) => {
        place.value = { sequence: sequence.index, token: tokenAt(event) };
      }}
      onMouseMove={(event) => setHover(tokenAt(event))}
      onMouseLeave={() => setHover(-1)}
    >
      {curves.map((curve) => (
        <figure key={curve.name}>
          <figcaption>
            <b>{curve.title}</b> <span class="limit">{curve.limitText}</span>
            <span class="value">
              {shown < 0 ? '' : `${curve.write(curve.values[shown]!)} at ${spine.position[shown]}`}
            </span>
          </figcaption>
          <Strip
            curve={curve}
            width={width}
            scheme={scheme}
            token={token}
            hover={hover}
            promptLength={sequence.promptLength}
          />
        </figure>
      ))}
      {opened.besides.length === 0 ? null : (
        <p class="curve-key">
          <i class="line this" /> {sequence.on.name} <i class="line that" /> {opened.besides[0]!.sequence.on.name}
        </p>
      )}
    </div>
  );
}

interface StripProps {
  readonly curve: Curve;
  readonly width: number;
  readonly scheme: string;
  readonly token: number;
  readonly hover: number;
  readonly promptLength: number;
}

function Strip({ curve, width, scheme, token, hover, promptLength }: StripProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (width > 0) paintCurve(canvas.current!, curve, { width, promptLength });
  }, [curve.values, curve.beside, width, scheme]);
  const x = (at: number): string => `${STRIP_LEFT + ((at + 0.5) / curve.values.length) * (width - STRIP_LEFT)}px`;
  return (
    <div class="strip" style={{ height: `${STRIP_HEIGHT}px` }}>
      <canvas ref={canvas} role="img" aria-label={curve.summary} />
      {token < 0 ? null : <i class="cursor" style={{ left: x(token) }} />}
      {hover < 0 ? null : <i class="cursor hover" style={{ left: x(hover) }} />}
    </div>
  );
}

function curvesOf(report: Report, { spine, besides }: OpenedSequence): Curve[] {
  const limitOf = (metric: string): number | null =>
    report.head.limits.find((one) => one.metric === metric)?.threshold ?? null;
  const pccLimit = limitOf('pcc');
  const klLimit = limitOf('klNats');
  const beside = besides[0]?.spine;
  const pcc = summaryOf(spine.pccGap, (gap) => formatPcc(Number.isNaN(gap) ? null : 1 - gap), spine.position, true);
  const kl = summaryOf(spine.kl, formatSmall, spine.position, true);
  const margin = summaryOf(spine.marginUlps, formatSmall, spine.position, false);
  return [
    {
      name: 'pcc',
      title: 'PCC',
      values: spine.pccGap,
      beside: beside?.pccGap,
      // Drawn as 1 - PCC, upside down: a fall of PCC is a fall of the line.
      decades: [lowestDecade(spine.pccGap), 0.31],
      isDown: true,
      limit: pccLimit === null ? null : 1 - pccLimit,
      limitText: pccLimit === null ? '' : `at least ${pccLimit}`,
      ticks: [
        [0.5, '0.5'],
        [0.1, '0.9'],
        [0.01, '0.99'],
        [0.001, '0.999'],
        [0.0001, '0.9999'],
        [0.00001, '0.99999'],
      ],
      write: (gap) => formatPcc(Number.isNaN(gap) ? null : 1 - gap),
      status: spine.status,
      summary: `Curve of PCC by token: ${pcc}.${pccLimit === null ? '' : ` The minimum is ${pccLimit}.`}`,
    },
    {
      name: 'kl',
      title: 'KL / nat',
      values: spine.kl,
      beside: beside?.kl,
      decades: [lowestDecade(spine.kl), 1.2],
      isDown: false,
      limit: klLimit,
      limitText: klLimit === null ? 'no limit for one token' : `at most ${klLimit}`,
      ticks: [
        [10, '10'],
        [1, '1'],
        [0.1, '0.1'],
        [0.01, '0.01'],
        [0.001, '0.001'],
      ],
      write: (value) => formatSmall(Number.isNaN(value) ? null : value),
      status: spine.status,
      summary: `Curve of KL by token: ${kl}.`,
    },
    {
      name: 'margin',
      title: "golden's margin / ULP",
      values: spine.marginUlps,
      beside: undefined,
      decades: [-1.3, 2.7],
      isDown: false,
      limit: 1,
      limitText: 'below 1 rounding alone may decide',
      ticks: [
        [100, '100'],
        [10, '10'],
        [1, '1'],
        [0.1, '0.1'],
      ],
      write: (value) => formatSmall(Number.isNaN(value) ? null : value),
      status: spine.status,
      summary: `Curve of golden's margin in ULP of the device's format by token: ${margin}.`,
    },
  ];
}

/** So that most of the strip is used: the decade that nearly all values are above. */
function lowestDecade(values: Float32Array): number {
  const sorted = values.filter((value) => value > 0).sort();
  const low = sorted[Math.floor(sorted.length / 50)] ?? 1e-5;
  return Math.min(-2, Math.max(-5, Math.floor(Math.log10(low))));
}

function summaryOf(
  values: Float32Array,
  write: (value: number) => string,
  position: Int32Array,
  isHighWorst: boolean,
): string {
  let [least, most] = [-1, -1];
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    if (least < 0 || value < values[least]!) least = i;
    if (most < 0 || value > values[most]!) most = i;
  });
  if (least < 0) return 'no values';
  const [worst, best] = isHighWorst ? [most, least] : [least, most];
  return `worst ${write(values[worst]!)} at position ${position[worst]}, best ${write(values[best]!)} at position ${position[best]}`;
}
