// From a run's log to the columns of every sequence: one pass, whatever the order of the lines; pages are packed as they fill.
import path from 'node:path';
import { readSafetensorsHeader, readTensorFloat32 } from '../../src/checkpoint/safetensors.ts';
import { QwenPccError } from '../../src/errors.ts';
import { Ladders } from '../ladder/ladders.ts';
import { readLog, readRunEvent } from '../record/read-log.ts';
import type { RunRecord } from '../record/run-record.ts';
import { isRung } from '../record/run-spec.ts';
import { type SequenceKey, sequenceId, type TokenKey, type TokenRecord } from '../record/token-record.ts';
import { readKeptTaps, readKeptWhy, tokenId } from './kept-taps.ts';
import type { RowPicture } from './lens-format.ts';
import { ladderTable, whyTable } from './note-tables.ts';
import { rowPicture } from './row-picture.ts';
import { SequenceColumns } from './sequence-columns.ts';

export interface CollectedRun {
  readonly runId: string;
  /** By `sequenceId`. */
  readonly sequences: ReadonlyMap<string, SequenceColumns>;
  /** By the case's name: texts of the token ids that the log names. */
  readonly texts: ReadonlyMap<string, ReadonlyMap<number, string>>;
}

export function collectRun(folder: string, { runId }: Pick<RunRecord, 'runId'>): CollectedRun {
  const kept = readKeptTaps(folder);
  const why = readKeptWhy(folder);
  const ladders = laddersOf(folder);
  const extras = {
    pictureOf: (evidence: string) => pictureOf(folder, evidence),
    tapsOf: (key: TokenKey) => kept.get(tokenId(key)),
    tablesOf: (key: TokenKey) => [...ladderTable(ladders?.ofToken(key)), ...whyTable(why.get(tokenId(key)))],
  };
  const sequences = new Map<string, SequenceColumns>();
  const texts = new Map<string, Map<number, string>>();
  // Its lines were checked when the run's state was read from them.
  for (const { event } of readLog(folder, { isKnown: true })) {
    if (event.event === 'prompt') addTexts(textsOf(event), event.texts ?? []);
    if (event.event !== 'token' || ladders?.isRung(event) === true) continue;
    columnsOf(event).add(event);
    addTexts(textsOf(event), [[event.inputToken.golden, event.text]]);
  }
  return { runId, sequences, texts };

  function columnsOf(record: TokenRecord): SequenceColumns {
    const id = sequenceId(record);
    const known = sequences.get(id);
    if (known !== undefined) return known;
    const fresh = new SequenceColumns(extras);
    sequences.set(id, fresh);
    return fresh;
  }

  function textsOf({ case: name }: SequenceKey): Map<number, string> {
    const known = texts.get(name);
    if (known !== undefined) return known;
    const fresh = new Map<number, string>();
    texts.set(name, fresh);
    return fresh;
  }
}

/** Undefined for a run without rungs, whose log is read once. */
function laddersOf(folder: string): Ladders | undefined {
  const { spec } = readRunEvent(folder);
  if (!spec.cases.some(({ variants }) => variants.some(isRung))) return undefined;
  const ladders = new Ladders(spec);
  for (const { event } of readLog(folder, { isKnown: true })) if (event.event === 'token') ladders.add(event);
  return ladders;
}

function addTexts(texts: Map<number, string>, more: Iterable<readonly [number, string]>): void {
  for (const [id, text] of more) if (!texts.has(id)) texts.set(id, text);
}

/** A report that is made elsewhere may lack the evidence: then there is no picture, and the rest stands. */
function pictureOf(folder: string, evidence: string): RowPicture | undefined {
  // A log is text that anybody can write: it names files of its own folder or none.
  if (!/^evidence\/[\w.-]+$/.test(evidence)) return undefined;
  try {
    const header = readSafetensorsHeader(path.join(folder, evidence));
    return rowPicture(readTensorFloat32(header, 'golden'), readTensorFloat32(header, 'actual'), evidence);
  } catch (error) {
    if (error instanceof QwenPccError) return undefined;
    throw error;
  }
}
