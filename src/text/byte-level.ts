// Byte-level BPE's alphabet: vocabulary entries spell bytes as printable characters; tokens shown as text and bytes.

/** The character of each byte: printable Latin-1 stands for itself, the other bytes for U+0100 onwards, in order. */
const characterOfByte: readonly string[] = (() => {
  let replaced = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const isItself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(isItself ? byte : 256 + replaced++);
  });
})();
const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  characterOfByte.map((character, byte) => [character, byte]),
);
const encoder = new TextEncoder();

/** The UTF-8 bytes of a text, spelled in the alphabet. */
export function spellBytes(text: string): string {
  let spelled = '';
  for (const byte of encoder.encode(text)) spelled += characterOfByte[byte]!;
  return spelled;
}

/** The bytes that an entry spells; undefined if it has a character outside the alphabet. */
export function spelledBytes(entry: string): Uint8Array | undefined {
  const bytes = new Uint8Array(entry.length);
  for (let i = 0; i < entry.length; i++) {
    const byte = byteOfCharacter.get(entry[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

/** As the decoder of `tokenizers` puts entries together: an entry outside the alphabet stands for itself. */
export function decodeEntries(entries: readonly string[]): string {
  const bytes = Buffer.concat(entries.map((entry) => spelledBytes(entry) ?? encoder.encode(entry)));
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/**
 * Text of bytes: UTF-8 where it is whole, `\xE6` for each byte that is not.
 *
 * Example: the first two bytes of 日 give `\xE6\x97`.
 */
export function showBytes(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = utf8Length(bytes[at]!);
    try {
      if (at + length > bytes.length) throw new RangeError('cut off');
      text += decoder.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      text += `\\x${bytes[at]!.toString(16).toUpperCase().padStart(2, '0')}`;
      at += 1;
    }
  }
  return text;
}

function utf8Length(firstByte: number): number {
  if (firstByte < 0xc0) return 1;
  if (firstByte < 0xe0) return 2;
  return firstByte < 0xf0 ? 3 : 4;
}
