// Texts of tokens, each made once.
import { expect, it } from 'vitest';
import { rememberedTexts } from './remembered-texts.ts';

it('makes each text when it is first asked for, an empty one too', () => {
  const asked: number[] = [];
  const textOf = rememberedTexts((tokenId) => {
    asked.push(tokenId);
    return tokenId === 0 ? '' : `<id ${tokenId}>`;
  });
  expect([7, 0, 7, 0, 8].map(textOf)).toEqual(['<id 7>', '', '<id 7>', '', '<id 8>']);
  expect(asked).toEqual([7, 0, 8]);
});
