// Taps of tokens that `inspect --keep` left in the run folder: read for the report, written for it; each file is one token.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { InspectedToken } from '../record/inspected-token.ts';
import { sequenceId, type TokenKey } from '../record/token-record.ts';
import { type WhyRecord, WhyRecordSchema } from '../record/why-record.ts';
import type { TapNote } from './lens-format.ts';

export const TAPS_FOLDER = 'inspected';

const number = z.number().nullable();
const KeptTapsSchema = z.strictObject({
  case: z.string(),
  variant: z.string(),
  prompt: z.string(),
  user: z.int().min(0),
  position: z.int().min(0),
  taps: z.array(z.tuple([z.string(), number, number])),
});

export function tokenId(key: TokenKey): string {
  return `${sequenceId(key)}${key.position}`;
}

/** The text of a token's file. */
export function keptTapsText(key: TokenKey, { taps }: Pick<InspectedToken, 'taps'>): string {
  const { case: name, variant, prompt, user, position } = key;
  const list = taps.map(({ tap, pcc, relL2 }) => [tap, pcc, relL2]);
  return `${JSON.stringify({ case: name, variant, prompt, user, position, taps: list })}\n`;
}

/** By token; a file that is none of ours is left out, since the folder is anybody's. */
export function readKeptTaps(folder: string): Map<string, readonly TapNote[]> {
  const taps = keptFiles(folder).flatMap((json) => {
    const { data } = KeptTapsSchema.safeParse(json);
    return data === undefined ? [] : [[tokenId(data), data.taps] as const];
  });
  return new Map(taps);
}

/** What `inspect --why --keep` found, by token; as `readKeptTaps`. */
export function readKeptWhy(folder: string): Map<string, WhyRecord> {
  const found = keptFiles(folder).flatMap((json) => {
    const { data } = WhyRecordSchema.safeParse(json);
    return data === undefined ? [] : [[tokenId(data.token), data] as const];
  });
  return new Map(found);
}

function keptFiles(folder: string): unknown[] {
  const parent = path.join(folder, TAPS_FOLDER);
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .sort()
    .map((file) => jsonOf(path.join(parent, file)));
}

function jsonOf(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
