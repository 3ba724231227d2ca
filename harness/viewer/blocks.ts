// Reads the report's blocks: base64 in a script element or in a script beside the report, deflated, columns byte by byte.
import type { Column, Columns } from '../lens/lens-format.ts';

export interface Block<T> {
  readonly columns: Columns;
  readonly notes: T;
}

/** Browsers of 2025 and later have it. */
interface WithBase64 {
  fromBase64?(text: string): Uint8Array<ArrayBuffer>;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const native = Uint8Array as unknown as WithBase64;
  return native.fromBase64?.(base64) ?? Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

export { bytesOf };

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'))).arrayBuffer();
}

const KINDS = { u8: Uint8Array, i32: Int32Array, f32: Float32Array } as const;

/** @throws Error if the report has no such block. */
export async function readBlock<T>(id: string, file?: string): Promise<Block<T>> {
  const text = document.getElementById(id)?.textContent ?? (file === undefined ? undefined : await fromFile(id, file));
  if (text === undefined) throw new Error(`this report lacks its block ${id}`);
  const buffer = await inflate(bytesOf(text));
  const headBytes = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headBytes))) as {
    columns: [string, keyof typeof KINDS, number][];
    notes: T;
  };
  const columns: Record<string, Column> = {};
  let at = 4 + headBytes;
  for (const [name, kind, length] of head.columns) {
    const Kind = KINDS[kind];
    const width = Kind.BYTES_PER_ELEMENT;
    const shuffled = new Uint8Array(buffer, at, length * width);
    const bytes = new Uint8Array(length * width);
    for (let byte = 0; byte < width; byte++) {
      for (let i = 0; i < length; i++) bytes[i * width + byte] = shuffled[byte * length + i]!;
    }
    columns[name] = new Kind(bytes.buffer);
    at += length * width;
  }
  return { columns, notes: head.notes };
}

const arrived = new Map<string, string>();
const loading = new Map<string, Promise<void>>();

/** Classic scripts load from a disk, where nothing else does; each calls `qpPage` with the blocks that it holds. */
async function fromFile(id: string, file: string): Promise<string | undefined> {
  (globalThis as unknown as { qpPage: (id: string, text: string) => void }).qpPage = (known, text) =>
    arrived.set(known, text);
  let loaded = loading.get(file);
  if (loaded === undefined) {
    loaded = new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = file;
      script.onload = () => resolve();
      script.onerror = () => reject(new Error(`${file} is not beside this report`));
      document.head.append(script);
    });
    loading.set(file, loaded);
  }
  await loaded;
  return arrived.get(id);
}
