// Texts with the ids and the decoded text that Hugging Face's own library gives for them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface GoldenText {
  readonly text: string;
  readonly ids: number[];
  readonly decoded: string;
}

/** @param name - of a file in fixtures/golden-hf. */
export function readGoldenTexts(name: string): GoldenText[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/golden-hf', name), 'utf8')) as GoldenText[];
}

/** Long enough for every kind of piece, and no character of it spans tokens. */
export const CODE_TEXT = 'for (let i = 0; i < 10; i++) {\n\twhale(i);\r\n}  The end.';
