// Downloads a checkpoint from a model hub into a folder: what is there and right stays, what is half there goes on.
import { existsSync } from 'node:fs';
import { readdir, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import { InputError, UsageError } from '../../src/errors.ts';
import { makeFolder } from '../../src/files/make-folder.ts';
import { downloadFile, partPath, sizeOf } from './download-file.ts';
import { digestOf } from './file-digest.ts';
import { createHubClient, type HubOptions } from './hub-client.ts';
import { fileError } from './hub-errors.ts';
import { type HubFile, listCheckpoint } from './hub-listing.ts';

export const GENERAL_REPO = 'Qwen/Qwen2-7B';
export const INSTRUCT_REPO = 'Qwen/Qwen2-7B-Instruct';

/** What a download tells while it goes on; `bytes` lie on disk, of the checkpoint's `totalBytes`. */
export type DownloadEvent =
  | { readonly kind: 'pinned'; readonly commit: string; readonly files: number; readonly totalBytes: number }
  | { readonly kind: 'present'; readonly file: string; readonly bytes: number }
  | { readonly kind: 'started'; readonly file: string; readonly resumedAt: number; readonly sizeBytes: number }
  | { readonly kind: 'received'; readonly file: string; readonly bytes: number }
  | { readonly kind: 'retrying'; readonly retry: number; readonly waitMs: number; readonly reason: string }
  | { readonly kind: 'finished'; readonly file: string };

export interface DownloadOptions extends HubOptions {
  /** `owner/name` on the hub. */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Made if it does not exist. */
  readonly folder: string;
  /** Replace files that differ from the hub's, instead of an error. */
  readonly force?: boolean;
  readonly onEvent?: (event: DownloadEvent) => void;
}

export interface DownloadResult {
  /** The commit that `revision` was, 40 hex digits. */
  readonly commit: string;
  /** Names of files that were received. */
  readonly downloaded: readonly string[];
  /** Names of files that were there, with the right digest. */
  readonly present: readonly string[];
  readonly totalBytes: number;
}

/**
 * Brings the files of a checkpoint into a folder. A file gets its name only after its digest was checked; until then it is
 * a `.part` beside it, from which the next call goes on.
 *
 * @throws UsageError for a repository, endpoint or token that cannot be; InputError with the code `HUB_NOT_FOUND`,
 *   `HUB_ACCESS`, `HUB_ANSWER`, `HUB_REDIRECT`, `HUB_UNREACHABLE`, `HUB_NO_CHECKPOINT`, `FILE_DIFFERS`, `DISK_FULL`,
 *   `WEIGHTS_PATH`, `DOWNLOAD_HASH`, `DOWNLOAD_SIZE` or `DOWNLOAD_INTERRUPTED`.
 */
export async function downloadCheckpoint(options: DownloadOptions): Promise<DownloadResult> {
  const { repo, revision, signal, onEvent = () => undefined } = options;
  if (!/^\w[\w.-]*\/\w[\w.-]*$/.test(repo)) {
    throw new UsageError(`a repository is written owner/name; got "${repo}".`, {
      code: 'HUB_REPO',
      hint: `for example ${GENERAL_REPO}.`,
    });
  }
  const client = createHubClient(options);
  const folder = path.resolve(options.folder);
  const onRetry = (retry: number, waitMs: number, reason: string): void =>
    onEvent({ kind: 'retrying', retry, waitMs, reason });

  const { commit, files } = await listCheckpoint(client, repo, revision, onRetry);
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  onEvent({ kind: 'pinned', commit, files: files.length, totalBytes });

  const onPresent = (file: string, bytes: number): void => onEvent({ kind: 'present', file, bytes });
  const present = await wrapFileErrors(folder, () =>
    findPresent(folder, files, options.force === true, onPresent, signal),
  );
  const missing = files.filter(({ name }) => !present.includes(name));
  if (missing.length > 0) {
    await wrapFileErrors(folder, async () => {
      makeFolder(folder);
      await removeOldParts(folder, missing);
      await requireRoom(folder, missing);
    });
  }
  let settledBytes = totalBytes - missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const file of missing) {
    const { name, sizeBytes } = file;
    const resumedAt = await wrapFileErrors(folder, () => sizeOf(partPath(folder, file)));
    onEvent({ kind: 'started', file: name, resumedAt, sizeBytes });
    const onBytes = (bytes: number): void => onEvent({ kind: 'received', file: name, bytes: settledBytes + bytes });
    await downloadFile(client, { folder, repo, commit, file, onRetry, onBytes, ...(signal && { signal }) });
    settledBytes += sizeBytes;
    onEvent({ kind: 'finished', file: name });
  }
  return { commit, downloaded: missing.map(({ name }) => name), present, totalBytes };
}

async function wrapFileErrors<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw fileError(error, folder);
  }
}

/**
 * @returns names of the files that are there and right.
 * @throws InputError `FILE_DIFFERS` that lists all that are there and not right, unless they may be replaced.
 */
async function findPresent(
  folder: string,
  files: readonly HubFile[],
  mayReplace: boolean,
  onPresent: (file: string, bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const present: string[] = [];
  const different: Record<string, string> = {};
  let bytes = 0;
  for (const file of files) {
    const { name, sizeBytes, digest } = file;
    const target = path.join(folder, name);
    if (!existsSync(target)) continue;
    const found = await sizeOf(target);
    if (found !== sizeBytes) {
      different[name] = `${found} bytes, the hub's has ${sizeBytes}`;
    } else if ((await digestOf(target, file, signal)) !== digest.hex) {
      different[name] = `another ${digest.kind} than the hub's ${digest.hex}`;
    } else {
      present.push(name);
      bytes += sizeBytes;
      onPresent(name, bytes);
    }
  }
  if (mayReplace || Object.keys(different).length === 0) return present;
  throw new InputError(`${folder} holds files that differ from the hub's.`, {
    code: 'FILE_DIFFERS',
    facts: different,
    hint: 'choose an empty folder or the --revision that they are of, or replace them with --force.',
  });
}

/** Deletes parts of other revisions; they would be of no use and may be gigabytes. */
async function removeOldParts(folder: string, files: readonly HubFile[]): Promise<void> {
  const wanted = new Set(files.map((file) => path.basename(partPath(folder, file))));
  for (const entry of await readdir(folder)) {
    const name = /^(.+)\.[0-9a-f]{12}\.part$/.exec(entry)?.[1];
    if (wanted.has(entry) || !files.some((file) => file.name === name)) continue;
    await rm(path.join(folder, entry));
  }
}

async function requireRoom(folder: string, files: readonly HubFile[]): Promise<void> {
  let neededBytes = 0;
  for (const file of files) neededBytes += Math.max(0, file.sizeBytes - (await sizeOf(partPath(folder, file))));
  const { bavail, bsize } = await statfs(folder);
  if (neededBytes <= bavail * bsize) return;
  throw new InputError(`${folder}: too little room on the disk.`, {
    code: 'DISK_FULL',
    facts: { free: `${bavail * bsize} bytes`, wanted: `${neededBytes} bytes` },
    hint: 'make room, or choose another --weights_path.',
  });
}
