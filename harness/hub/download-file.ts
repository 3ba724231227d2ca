// One file from the hub onto the disk: appended to a .part file, checked, then renamed.
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { InputError } from '../../src/errors.ts';
import { digestOf } from './file-digest.ts';
import type { HubClient, OnRetry } from './hub-client.ts';
import { answerError, fileError, PassingFault, reasonOf } from './hub-errors.ts';
import type { HubFile } from './hub-listing.ts';

/** An attempt that brought this much starts the count of retries anew. */
const ADVANCE_BYTES = 1 << 20;

export interface FileDownload {
  readonly folder: string;
  /** `owner/name`. */
  readonly repo: string;
  readonly commit: string;
  readonly file: HubFile;
  readonly signal?: AbortSignal;
  readonly onRetry: OnRetry;
  /** Told the bytes that lie on disk, of `file.sizeBytes`; may go back when a server cannot resume. */
  readonly onBytes: (bytes: number) => void;
}

/** Names the wanted content, so that a part of another revision is never continued. */
export function partPath(folder: string, { name, digest }: HubFile): string {
  return path.join(folder, `${name}.${digest.hex.slice(0, 12)}.part`);
}

/** @returns bytes of a file, 0 if there is none. */
export async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}

/**
 * Downloads one file, going on from its `.part`.
 *
 * @throws InputError `DOWNLOAD_HASH` and `DOWNLOAD_SIZE` (the part is deleted), `DOWNLOAD_INTERRUPTED` (the part is kept),
 *   `DISK_FULL`, `WEIGHTS_PATH`, and those of the hub's answers.
 */
export async function downloadFile(client: HubClient, download: FileDownload): Promise<void> {
  const { folder, file, signal, onRetry } = download;
  const part = partPath(folder, file);
  let firstByte = 0;
  let nextByte = 0;
  const attempt = async (): Promise<void> => {
    const handle = await open(part, constants.O_RDWR | constants.O_CREAT);
    try {
      firstByte = await resumeAt(handle, file.sizeBytes);
      nextByte = firstByte;
      const onBytes = (bytes: number): void => {
        nextByte = bytes;
        download.onBytes(bytes);
      };
      await fetchRest(client, { ...download, onBytes }, handle, firstByte);
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  try {
    await client.retry(attempt, onRetry, () => nextByte - firstByte >= ADVANCE_BYTES);
    const found = await digestOf(part, file, signal);
    if (found !== file.digest.hex) throw wrongContent(download, 'DOWNLOAD_HASH', found, file.digest.hex);
    await rename(part, path.join(folder, file.name));
  } catch (error) {
    if (error instanceof PassingFault) throw interrupted(download, nextByte, error);
    if (error instanceof InputError && DELETED_WITH.includes(error.code)) await rm(part, { force: true });
    throw fileError(error, part);
  }
}

/** @returns the first byte that is missing; a part that is too long cannot be of this file and is emptied. */
async function resumeAt(handle: FileHandle, sizeBytes: number): Promise<number> {
  const { size } = await handle.stat();
  if (size <= sizeBytes) return size;
  await handle.truncate(0);
  return 0;
}

/** @throws PassingFault unless the file is as long as the hub says afterwards. */
async function fetchRest(
  client: HubClient,
  download: FileDownload,
  handle: FileHandle,
  firstByte: number,
): Promise<void> {
  const { repo, commit, file, signal } = download;
  download.onBytes(firstByte);
  if (firstByte === file.sizeBytes) return;
  const url = `${client.endpoint}/${repo}/resolve/${commit}/${file.name}`;
  const response = await client.fetch(url, {
    // Compressed, neither ranges nor sizes would be those of the file.
    headers: { 'accept-encoding': 'identity', ...(firstByte > 0 && { range: `bytes=${firstByte}-` }) },
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw answerError(response.status, `${repo}/${file.name}`, url, client.hasToken);
  }
  const reader = response.body.getReader();
  try {
    let position = await startOf(response, handle, firstByte, url);
    download.onBytes(position);
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        signal?.throwIfAborted();
        throw new PassingFault(`the connection broke off: ${reasonOf(error)}`, { cause: error });
      });
      if (done) break;
      if (position + value.length > file.sizeBytes) {
        throw wrongContent(download, 'DOWNLOAD_SIZE', 'more bytes', `${file.sizeBytes} bytes`);
      }
      // Positions, not appending: two downloads into one folder write the same bytes to the same places.
      await writeAll(handle, value, position);
      position += value.length;
      download.onBytes(position);
    }
    if (position < file.sizeBytes) throw new PassingFault('the connection was closed early');
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/** @returns the position of an answer's first byte: where asked, or 0 from a server that knows no ranges. */
async function startOf(response: Response, handle: FileHandle, firstByte: number, url: string): Promise<number> {
  if (response.status !== 206) {
    if (firstByte > 0) await handle.truncate(0);
    return 0;
  }
  const range = response.headers.get('content-range') ?? 'none';
  if (range.startsWith(`bytes ${firstByte}-`)) return firstByte;
  throw new InputError(`${url}: the server sent another part than was asked for.`, {
    code: 'HUB_ANSWER',
    facts: { found: range, wanted: `bytes ${firstByte}-` },
    hint: 'check HF_ENDPOINT and any proxy between.',
  });
}

/** Errors that say that what was received is of no use. */
const DELETED_WITH: readonly string[] = ['DOWNLOAD_HASH', 'DOWNLOAD_SIZE'];

function wrongContent({ file, repo }: FileDownload, code: string, found: string, wanted: string): InputError {
  return new InputError(`${repo}/${file.name}: what was received is not the file that the hub lists; it was deleted.`, {
    code,
    facts: { checked: code === 'DOWNLOAD_HASH' ? file.digest.kind : 'size', found, wanted },
    hint: 'run the same command again; if it happens twice, a proxy or mirror alters files.',
  });
}

function interrupted({ file, repo }: FileDownload, bytes: number, cause: PassingFault): InputError {
  return new InputError(`${repo}/${file.name}: the download was interrupted.`, {
    code: 'DOWNLOAD_INTERRUPTED',
    facts: { found: cause.message, received: `${bytes} of ${file.sizeBytes} bytes, kept` },
    hint: 'run the same command again; it goes on where it stopped.',
    cause,
  });
}
