// Texts of tokens, made once each: the text of a position is asked for by every variant, those of best tokens at many positions.

/** @param textOf - of a token id; the same each time. */
export function rememberedTexts(textOf: (tokenId: number) => string): (tokenId: number) => string {
  const known = new Map<number, string>();
  return (tokenId) => {
    const text = known.get(tokenId) ?? textOf(tokenId);
    known.set(tokenId, text);
    return text;
  };
}
