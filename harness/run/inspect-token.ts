// Runs one token of a run again, with taps, and measures where the two sides part.
import type { LogitsRow, LogitsSource, SourceInfo, TapName } from '../../src/device/logits-source.ts';
import { ComparisonInvalidError } from '../../src/errors.ts';
import { compareTap } from '../metrics/pcc.ts';
import type { InspectedToken, TapComparison } from '../record/inspected-token.ts';
import type { Pair } from '../record/row-metrics.ts';
import { CHUNK_POSITIONS } from '../sequence/sequence.ts';
import { blame, requireContext, requireRows } from '../sequence/sides.ts';

/** Which model a side ran. */
type SourceIdentity = Pick<SourceInfo, 'weightsSha256' | 'configSha256'>;

export interface InspectRequest {
  readonly openReference: () => Promise<LogitsSource>;
  readonly openDevice: () => Promise<LogitsSource>;
  /** What the sides were in the run; undefined where another one is wanted. */
  readonly expected: Pair<SourceIdentity | undefined>;
  readonly prompt: string;
  readonly user: number;
  /** The context up to and with the token, [position + 1]. */
  readonly tokenIds: Int32Array;
  /** How many of them are the prompt. */
  readonly promptLength: number;
  /** Those to compare; `recorded`: those that a recording on one side has. */
  readonly taps: readonly TapName[] | 'recorded';
}

/**
 * @throws ComparisonInvalidError WEIGHTS_DIFFER when a side is not the one that the run had.
 * @throws ComparisonInvalidError, DeviceError, ReferenceFaultError as a run does.
 */
export async function inspectToken(request: InspectRequest): Promise<InspectedToken> {
  const reference = await blame('reference', request.openReference);
  try {
    requireExpected('reference', reference, request.expected.golden);
    const device = await blame('device', request.openDevice);
    try {
      requireExpected('device', device, request.expected.actual);
      const taps = request.taps === 'recorded' ? recordedTaps(reference, device) : request.taps;
      const golden = await lastRow('golden', reference, request, taps);
      const actual = await lastRow('actual', device, request, taps);
      const vocabSize = Math.min(golden.logits.length, actual.logits.length);
      return {
        sides: { golden: reference.info.label, actual: device.info.label },
        logits: { golden: golden.logits.subarray(0, vocabSize), actual: actual.logits.subarray(0, vocabSize) },
        taps: taps.map((tap) => measureTap(tap, golden.taps.get(tap), actual.taps.get(tap))),
        tapRows: pairTaps(golden.taps, actual.taps),
        logitsFormat: device.logitsFormatOf?.(request.prompt, request.user) ?? device.info.logitsFormat,
      };
    } finally {
      await device.close();
    }
  } finally {
    await reference.close();
  }
}

function requireExpected(side: string, { info }: LogitsSource, expected: SourceIdentity | undefined): void {
  if (expected === undefined) return;
  const isOther = info.weightsSha256 !== expected.weightsSha256;
  if (!isOther && info.configSha256 === expected.configSha256) return;
  const identity = ({ weightsSha256, configSha256 = 'none' }: SourceIdentity): string =>
    isOther ? `weights of sha256 ${weightsSha256}` : `config.json and generation_config.json of sha256 ${configSha256}`;
  throw new ComparisonInvalidError(`the ${side} is not the one that this run had.`, {
    code: 'WEIGHTS_DIFFER',
    facts: { 'the run': identity(expected), [info.model]: identity(info) },
    hint: 'name the folder of the run with --weights or --device-weights, or look at what is stored with --stored.',
  });
}

/** Taps that both sides have: a recording has those that were recorded, often none. */
function recordedTaps({ taps }: LogitsSource, device: LogitsSource): readonly TapName[] {
  return device.taps.filter((tap) => taps.includes(tap));
}

/** Feeds the context in the chunks of a run and copies the row of the last token. */
async function lastRow(
  side: 'golden' | 'actual',
  source: LogitsSource,
  { tokenIds, promptLength, prompt, user }: InspectRequest,
  taps: readonly TapName[],
): Promise<LogitsRow> {
  return blame(side === 'golden' ? 'reference' : 'device', async () => {
    await source.truncate(0);
    const rows: LogitsRow[] = [];
    for (let from = 0; from < tokenIds.length; ) {
      const end = Math.min(from + CHUNK_POSITIONS, tokenIds.length);
      const want = end === tokenIds.length ? ({ rows: 'last', taps } as const) : ({ rows: 'none' } as const);
      await source.feed(tokenIds.subarray(from, end), { ...want, promptLength, prompt, user }, (row) => {
        rows.push({ ...row, logits: row.logits.slice(), taps: copyTaps(row) });
      });
      from = end;
    }
    const position = tokenIds.length - 1;
    const [row] = rows;
    if (row === undefined) requireRows(side, Int32Array.of(position), prompt);
    requireContext(side, row!, position, tokenIds[position], prompt);
    return row!;
  });
}

function copyTaps({ taps }: LogitsRow): LogitsRow['taps'] {
  return new Map([...taps].map(([name, values]) => [name, values.slice()] as const));
}

function pairTaps(golden: LogitsRow['taps'], actual: LogitsRow['taps']): Map<TapName, Pair<Float32Array>> {
  const both = [...golden].flatMap(([tap, row]) => {
    const other = actual.get(tap);
    return other === undefined ? [] : [[tap, { golden: row, actual: other }] as const];
  });
  return new Map(both);
}

/** @param golden, actual - rows of one tap, of one length; undefined where a side has none. */
export function measureTap(
  tap: TapName,
  golden: Float32Array | undefined,
  actual: Float32Array | undefined,
): TapComparison {
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
