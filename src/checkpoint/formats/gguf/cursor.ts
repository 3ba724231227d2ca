// Reads the numbers and texts of a GGUF header one after the other, through a window on the file, never beyond its limit.
// Source: GGUF specification (ggml/docs/gguf.md): little-endian, texts as a length of 64 bits and UTF-8 without an end.
import { isUtf8 } from 'node:buffer';
import { readSync } from 'node:fs';
import { InputError } from '../../../errors.ts';

/**
 * What a hostile file can make a reader parse. A Qwen2 vocabulary of 152,000 tokens with its merges takes 6 MB, the tensors of the
 * largest model 60 KB.
 */
export const HEADER_BYTES_MAX: number = 32 * 2 ** 20;
const WINDOW_BYTES = 2 ** 20;

/** An InputError `GGUF_HEADER` about one file. */
export function brokenGguf(path: string, what: string, facts: Readonly<Record<string, string | number>>): InputError {
  return new InputError(`${path}: ${what}.`, {
    code: 'GGUF_HEADER',
    facts,
    hint: 'download or convert the file again',
  });
}

/** Where a header is read; every `read` goes on from where the last one ended. */
export interface HeaderCursor {
  /** Bytes from the start of the file. */
  position(): number;
  /** Bytes that may still be read: of the file, and of what a header may have. */
  left(): number;
  /** The next bytes, valid until the next read. @throws InputError `GGUF_HEADER` if they are not there. */
  bytes(length: number, what: string): Buffer;
  u32(what: string): number;
  /** 64 bits; what is above 2^53 comes rounded, and is larger than any limit it is held against. */
  size(what: string): number;
  /** @throws InputError `GGUF_HEADER` for bytes that are no UTF-8. */
  text(what: string): string;
}

export function openCursor(path: string, file: number, fileBytes: number): HeaderCursor {
  const end = Math.min(fileBytes, HEADER_BYTES_MAX);
  let memory = Buffer.alloc(0);
  let window = memory;
  let windowStart = 0;
  let at = 0;

  const fill = (length: number): void => {
    windowStart += at;
    at = 0;
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), end - windowStart);
    // One memory for all windows: bytes are handed out until the next read only.
    if (memory.length < wanted) memory = Buffer.allocUnsafe(wanted);
    window = memory.subarray(0, wanted);
    for (let done = 0; done < window.length; ) {
      const got = readSync(file, window, done, window.length - done, windowStart + done);
      if (got === 0) throw brokenGguf(path, 'the file ends early', { found: `${windowStart + done} bytes` });
      done += got;
    }
  };
  /** Index into the window of the next bytes. */
  const take = (length: number, what: string): number => {
    const position = windowStart + at;
    if (length > end - position) throw missingBytes(path, { what, length, position, fileBytes });
    if (length > window.length - at) fill(length);
    at += length;
    return at - length;
  };
  const size = (what: string): number => {
    const start = take(8, what);
    return window.readUInt32LE(start) + window.readUInt32LE(start + 4) * 2 ** 32;
  };
  return {
    position: () => windowStart + at,
    left: () => end - windowStart - at,
    bytes(length, what) {
      const start = take(length, what);
      return window.subarray(start, start + length);
    },
    u32: (what) => window.readUInt32LE(take(4, what)),
    size,
    text(what) {
      const length = size(what);
      const start = take(length, what);
      const text = window.toString('utf8', start, start + length);
      // A whole U+FFFD is a character as any other.
      if (!text.includes('\ufffd') || isUtf8(window.subarray(start, start + length))) return text;
      throw brokenGguf(path, `${what} is not UTF-8`, { found: text });
    },
  };
}

interface Missing {
  readonly what: string;
  readonly length: number;
  readonly position: number;
  readonly fileBytes: number;
}

function missingBytes(path: string, { what, length, position, fileBytes }: Missing): InputError {
  const isLong = fileBytes > HEADER_BYTES_MAX && position + length <= fileBytes;
  const subject = isLong
    ? 'the header is longer than any that is read'
    : 'the header is cut off, or a length in it lies';
  return brokenGguf(path, subject, {
    found: `${what}: ${length} bytes from byte ${position} on`,
    wanted: isLong ? `a header of at most ${HEADER_BYTES_MAX} bytes` : `within the file's ${fileBytes} bytes`,
  });
}
