// Every number of a token with its unit, and what it means in words.

import { visibleText } from '../lens/visible-text.ts';
import { formatPcc, formatSmall, quoteText } from '../report/format.ts';
import { nullable, type TokenView } from './views.ts';
import { gainWords, klWords, offsetWords, regretWords, residualWords } from './words.ts';

export function NumbersTab({ spine, token, detail, textOf }: TokenView) {
  const { number, note } = detail;
  const small = (name: string): string => formatSmall(nullable(number(name)));
  const maxAt = number('maxAbsIndex');
  const rows: readonly (readonly [string, string, string])[] = [
    [
      'PCC',
      formatPcc(nullable(1 - spine.pccGap[token]!)),
      note.judged === undefined ? 'strict: the rule judges this' : `judged as ${note.judged}`,
    ],
    ['KL(golden ‖ device) / nat', formatSmall(nullable(spine.kl[token]!)), klWords(spine.kl[token]!)],
    ['KL(device ‖ golden) / nat', small('klReverse'), 'large where the device prefers what golden excludes'],
    ['regret / nat', formatSmall(nullable(spine.regret[token]!)), regretWords(spine.regret[token]!)],
    ['gain', formatSmall(nullable(spine.gain[token]!)), gainWords(spine.gain[token]!)],
    ['offset', small('offset'), offsetWords(number('offset'))],
    ['residual sd', small('residualSd'), residualWords(number('residualSd'), number('sdGolden'))],
    ['sd, golden and device', `${small('sdGolden')}, ${small('sdActual')}`, 'spread of each row'],
    [
      'largest difference',
      small('maxAbs'),
      maxAt < 0 ? '' : `at vocabulary entry ${maxAt}, ${visibleText(quoteText(textOf(maxAt), 20))}`,
    ],
    ['mean |difference|', small('meanAbs'), ''],
    ['relative L2', small('relL2'), 'length of the difference over the length of golden'],
    ['NMSE / dB', small('nmseDb'), ''],
    ['cosine', formatPcc(nullable(number('cosine'))), ''],
    [
      'margin, golden and device',
      `${small('marginGolden')}, ${small('marginActual')}`,
      `best minus second; one ULP is ${small('ulp')} here`,
    ],
    ['common in top 10', String(number('overlap')), 'of 10'],
    [
      'PCC with golden one before',
      formatPcc(nullable(number('pccBeforeGolden'))),
      'higher than its own: the device lags a position behind',
    ],
    [
      'PCC of golden with device one before',
      formatPcc(nullable(number('pccBeforeActual'))),
      'higher than its own: the device runs ahead',
    ],
    ['PCC with an unrelated row', formatPcc(nullable(number('pccUnrelated'))), 'what any row of this prompt reaches'],
  ];
  return (
    <>
      <table class="numbers-table">
        <caption>Golden against device, whole rows</caption>
        <thead>
          <tr>
            <th scope="col">quantity</th>
            <th scope="col" class="n">
              value
            </th>
            <th scope="col">in words</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, value, words]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="n">{value}</td>
              <td>{words}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Hygiene detail={detail} />
    </>
  );
}

function Hygiene({ detail: { note } }: Pick<TokenView, 'detail'>) {
  const pair = ([golden, actual]: readonly [unknown, unknown]): string => `golden ${golden}, device ${actual}`;
  const lines = [
    ...(note.tokens === undefined ? [] : [`consumed tokens differ: ${pair(note.tokens)}`]),
    ...(note.positions === undefined ? [] : [`positions differ: ${pair(note.positions)}`]),
    ...(note.nan === undefined ? [] : [`not a number: ${pair(note.nan)} entries`]),
    ...(note.infinite === undefined ? [] : [`infinite: ${pair(note.infinite)} entries`]),
    ...(note.constantRow === undefined ? [] : [`constant row: ${pair(note.constantRow)}`]),
    ...(note.zeros === undefined ? [] : [`exact zeros: ${pair(note.zeros)} entries`]),
  ];
  return lines.length === 0 ? null : (
    <ul class="quiet">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}
