// Runs one token of a run again, with taps, and measures where the two sides part.
import type { LogitsRow, LogitsSource, TapName } from '../../src/device/logits-source.ts';
import { ComparisonInvalidError } from '../../src/errors.ts';
import { compareTap } from '../metrics/pcc.ts';
import type { Pair } from '../record/row-metrics.ts';
import { CHUNK_POSITIONS } from '../sequence/sequence.ts';
import { blame, requireContext, requireRowCount } from '../sequence/sides.ts';
import type { RunCase } from './run-validate.ts';

export interface TapComparison {
  readonly tap: TapName;
  /** null: one side is constant or not finite, or the device has no such tap (a skipped layer). */
  readonly pcc: number | null;
  /** |actual - golden| / |golden|, Euclidean; null where that is no number or the device has no such tap. */
  readonly relL2: number | null;
}

export interface InspectedToken {
  /** Labels of the two sides that ran. */
  readonly sides: Pair<string>;
  /** [V] float32 copies. */
  readonly logits: Pair<Float32Array>;
  /** In the order asked for. */
  readonly taps: readonly TapComparison[];
}

/**
 * @param prompt - its name, for messages.
 * @param tokenIds - the context up to and with the token, [position + 1].
 * @param promptLength - how many of them are the prompt.
 * @param taps - those to compare; a source that cannot deliver one of them refuses.
 * @throws ComparisonInvalidError, DeviceError, ReferenceFaultError as a run does.
 */
export async function inspectToken(
  runCase: Pick<RunCase, 'openReference' | 'openDevice'>,
  prompt: string,
  tokenIds: Int32Array,
  promptLength: number,
  taps: readonly TapName[],
): Promise<InspectedToken> {
  const golden = await lastRow('golden', runCase.openReference, prompt, tokenIds, promptLength, taps);
  const actual = await lastRow('actual', runCase.openDevice, prompt, tokenIds, promptLength, taps);
  if (golden.logits.length !== actual.logits.length) {
    throw new ComparisonInvalidError('reference and device score vocabularies of different size.', {
      code: 'VOCABULARY_DIFFERS',
      facts: { golden: golden.logits.length, actual: actual.logits.length },
    });
  }
  return {
    sides: { golden: golden.label, actual: actual.label },
    logits: { golden: golden.logits, actual: actual.logits },
    taps: taps.map((tap) => measureTap(tap, golden.taps.get(tap), actual.taps.get(tap))),
  };
}

/** Opens one side, feeds the context in the chunks of a run and copies the row of the last token. */
async function lastRow(
  side: 'golden' | 'actual',
  open: () => Promise<LogitsSource>,
  prompt: string,
  tokenIds: Int32Array,
  promptLength: number,
  taps: readonly TapName[],
): Promise<LogitsRow & { readonly label: string }> {
  return blame(side === 'golden' ? 'reference' : 'device', async () => {
    const source = await open();
    try {
      const rows: LogitsRow[] = [];
      for (let from = 0; from < tokenIds.length; ) {
        const end = Math.min(from + CHUNK_POSITIONS, tokenIds.length);
        const want = end === tokenIds.length ? ({ rows: 'last', taps } as const) : ({ rows: 'none' } as const);
        await source.feed(tokenIds.subarray(from, end), { ...want, promptLength }, (row) => {
          rows.push({ ...row, logits: row.logits.slice(), taps: copyTaps(row) });
        });
        from = end;
      }
      const position = tokenIds.length - 1;
      requireRowCount(side, rows.length, 1, prompt);
      requireContext(side, rows[0]!, position, tokenIds[position], prompt);
      return { ...rows[0]!, label: source.info.label };
    } finally {
      await source.close();
    }
  });
}

function copyTaps({ taps }: LogitsRow): LogitsRow['taps'] {
  return new Map([...taps].map(([name, values]) => [name, values.slice()] as const));
}

function measureTap(tap: TapName, golden: Float32Array | undefined, actual: Float32Array | undefined): TapComparison {
  if (golden === undefined || actual === undefined) return { tap, pcc: null, relL2: null };
  const correlation = compareTap(golden, actual);
  let squares = 0;
  let errorSquares = 0;
  for (let i = 0; i < golden.length; i++) {
    squares += golden[i]! * golden[i]!;
    errorSquares += (actual[i]! - golden[i]!) * (actual[i]! - golden[i]!);
  }
  const relL2 = Math.sqrt(errorSquares / squares);
  return {
    tap,
    pcc: correlation.kind === 'defined' ? correlation.pcc : null,
    relL2: Number.isFinite(relL2) ? relL2 : null,
  };
}
