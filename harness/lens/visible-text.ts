// Foreign text so that it only shows: what would command, reorder or vanish is written as an escape. Pure, for writer and viewer.

/** Control characters but line end and tab; marks that reorder or hide; separators; halves of surrogate pairs. */
const UNSEEN: RegExp = new RegExp(
  [
    '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\uffff]',
    '\\p{Surrogate}',
  ].join('|'),
  'gu',
);

/** Of one text; what is longer is no word that anybody reads. */
export const TEXT_MAX = 400;

export function visibleText(text: string, longest: number = TEXT_MAX): string {
  const cut = text.length > longest ? `${text.slice(0, longest).toWellFormed()}… (${text.length} characters)` : text;
  return cut.replaceAll(UNSEEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
