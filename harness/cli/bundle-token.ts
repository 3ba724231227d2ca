// inspect --bundle: one token of a run to a file that gives the same numbers elsewhere.
import path from 'node:path';
import { readSafetensorsHeader, readTensorFloat32 } from '../../src/checkpoint/safetensors.ts';
import { ComparisonInvalidError, QwenPccError, UsageError } from '../../src/errors.ts';
import { LOGITS_FORMATS, type LogitsFormat } from '../../src/numerics/logits-format.ts';
import { type JudgedContext, judgeRows, namedIds, numbersOf } from '../bundle/judge-rows.ts';
import { type BundledWeights, weightsToBundle, writeBundle } from '../bundle/write-bundle.ts';
import type { InspectedToken } from '../record/inspected-token.ts';
import { firstDifference, type RunSpec } from '../record/run-spec.ts';
import type { TokenRecord } from '../record/token-record.ts';
import { caseId, type RunReplay } from '../replay/run-replay.ts';
import { formatBytes } from '../report/format.ts';
import { commandForElsewhere } from '../run/shown-command.ts';

export interface BundleRequest {
  /** Where the bundle goes. */
  readonly file: string;
  /** Of the run. */
  readonly folder: string;
  readonly replay: RunReplay;
  readonly record: TokenRecord;
  readonly tokenIds: Int32Array;
  /** The token run again; undefined with --stored. */
  readonly again: InspectedToken | undefined;
  readonly textOf: (tokenId: number) => string;
  /** The reference's checkpoint, if its files go along. */
  readonly weights: string | undefined;
}

/** @throws UsageError BUNDLE_ROWS, BUNDLE_WEIGHTS; ComparisonInvalidError BUNDLE_CONTEXT; InputError as `writeBundle`. */
export function bundleToken(request: BundleRequest): void {
  const { file, replay, record, again, textOf } = request;
  requireOneContext(record);
  const evidence = evidenceRows(request.folder, record);
  const rows = evidence ?? again?.logits;
  if (rows === undefined) throw noRows(record);
  const weights = request.weights === undefined ? undefined : weightsToBundle(request.weights, request.tokenIds);
  if (weights !== undefined) sayWeights(weights);
  const context = contextOf(request, Math.min(rows.golden.length, rows.actual.length));
  const cut = {
    golden: rows.golden.subarray(0, context.vocabSize),
    actual: rows.actual.subarray(0, context.vocabSize),
  };
  const logged = numbersOf(record);
  const judgedWith = (logitsFormat: LogitsFormat): TokenRecord => judgeRows({ ...context, logitsFormat }, cut, textOf);
  const own = again?.logitsFormat ?? context.sides.actual.logitsFormat;
  // A recording has formats of its own for each prompt: rows that the run judged give its numbers with theirs alone.
  const logitsFormat =
    evidence === undefined || again !== undefined
      ? own
      : ([own, ...LOGITS_FORMATS].find(
          (format) => firstDifference(logged, numbersOf(judgedWith(format)), '') === undefined,
        ) ?? own);
  const token = judgedWith(logitsFormat);
  const { run } = replay;
  const texts = [...new Set([...namedIds(token), ...namedIds(record)])].map((id) => [id, textOf(id)] as const);
  const taps = again?.taps.filter(({ tap }) => again.tapRows?.has(tap) === true) ?? [];
  writeBundle(
    file,
    {
      tool: run.tool,
      run: { runId: run.runId, command: commandForElsewhere(run.command), notes: run.notes },
      ...context,
      logitsFormat,
      rowsFrom: evidence === undefined ? 'again' : 'evidence',
      token: numbersOf(token),
      logged,
      taps,
      texts,
    },
    cut,
    again?.tapRows ?? new Map(),
    weights,
  );
  const difference = firstDifference(logged, numbersOf(token), '');
  const same =
    difference === undefined ? "its numbers are the run's" : `the run has other last digits: ${difference.path}`;
  process.stderr.write(
    `${file}: rows ${evidence === undefined ? 'made again' : 'that the run judged'}, ${taps.length} taps; ${same}\n`,
  );
}

function contextOf(
  { replay, record, tokenIds }: BundleRequest,
  vocabSize: number,
): Omit<JudgedContext, 'logitsFormat'> {
  const { case: name, variant, prompt, user, position } = record;
  const { spec } = replay.run;
  const one = spec.cases.find((each) => each.name === name)!;
  const [ofPrompt] = one.prompts.filter((each) => each.name === prompt && each.user === user);
  const ofVariant = one.variants.find((each) => each.name === variant)!;
  const variants = one.variants.filter((each) => each === ofVariant || each.name === ofVariant.golden);
  const own: RunSpec = { ...spec, cases: [{ ...one, prompts: [ofPrompt!], variants }] };
  const opened = replay.cases.get(caseId(record))!;
  return {
    spec: own,
    key: { case: name, variant, prompt, user, position },
    tokenIds: [...tokenIds],
    promptLength: ofPrompt!.promptIds.length,
    nextTokenId: record.distribution?.textToken?.id ?? null,
    sides: { golden: opened.golden, actual: opened.device },
    vocabSize: Math.min(opened.vocabSize, vocabSize),
  };
}

/** Rows of two texts have no numbers in common that anybody could repeat. */
function requireOneContext({ contextHash, position }: TokenRecord): void {
  if (contextHash.golden === contextHash.actual) return;
  throw new ComparisonInvalidError('the two sides did not consume the same tokens up to here.', {
    code: 'BUNDLE_CONTEXT',
    facts: { position, golden: contextHash.golden, device: contextHash.actual },
    hint: 'bundle the first token whose contexts part, or one before it.',
  });
}

/** The rows that the run judged, if it kept them and they are still there. */
function evidenceRows(folder: string, { evidence }: TokenRecord): InspectedToken['logits'] | undefined {
  if (evidence === null || !/^evidence\/[\w.-]+$/.test(evidence)) return undefined;
  try {
    const header = readSafetensorsHeader(path.join(folder, evidence));
    return { golden: readTensorFloat32(header, 'golden'), actual: readTensorFloat32(header, 'actual') };
  } catch (error) {
    if (error instanceof QwenPccError) return undefined;
    throw error;
  }
}

function noRows({ position }: TokenRecord): UsageError {
  return new UsageError(`the run kept no rows of position ${position}, and --stored makes none.`, {
    code: 'BUNDLE_ROWS',
    hint: 'leave --stored out, so that the token runs again.',
  });
}

/** Before anything of them is read. */
function sayWeights({ files, bytes, bytesLeftOut, slices }: BundledWeights): void {
  const [slice] = slices;
  const left =
    slice === undefined
      ? 'all rows of the embedding, which makes the logits too'
      : `${slice.rows.length} of ${slice.of} rows of the embedding, without the other ${formatBytes(bytesLeftOut)}`;
  process.stderr.write(`weights: ${formatBytes(bytes)} in ${files.length} files go into the bundle, ${left}\n`);
}
