// Which files of a hub's repository make a checkpoint: one pinned commit, their sizes and digests.
import type { ListFileEntry } from '@huggingface/hub';
import { InputError } from '../../src/errors.ts';
import { type HubClient, type OnRetry, outOfReach } from './hub-client.ts';
import { answerError } from './hub-errors.ts';

/** What `openCheckpoint` and `loadTokenizer` read, and nothing else of the repository. */
const WANTED_FILE =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$|^merges\.txt$|^chat_template\.jinja$|^model[\w.-]*\.safetensors(\.index\.json)?$/;

const COMMIT = /^[0-9a-f]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;

export interface HubFile {
  /** Without a folder. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Of the content for large files (LFS), git's blob id for small ones. */
  readonly digest: { readonly kind: 'sha256' | 'git-blob-sha1'; readonly hex: string };
}

export interface HubListing {
  /** 40 hex digits. */
  readonly commit: string;
  /** In order of name. */
  readonly files: readonly HubFile[];
}

/**
 * Pins a revision to its commit and lists the files of a checkpoint in it.
 *
 * @param repo - `owner/name`.
 * @param revision - branch, tag or commit.
 * @throws InputError `HUB_NOT_FOUND`, `HUB_ACCESS`, `HUB_ANSWER`, `HUB_UNREACHABLE`, `HUB_NO_CHECKPOINT`.
 */
export async function listCheckpoint(
  client: HubClient,
  repo: string,
  revision: string,
  onRetry: OnRetry,
): Promise<HubListing> {
  // Not at the top: only this command pays for loading it.
  const { HubApiError, listFiles, modelInfo } = await import('@huggingface/hub');
  const subject = `${repo} at ${revision}`;
  const ask = async <T>(action: () => Promise<T>): Promise<T> => {
    const attempt = async (): Promise<T> => {
      try {
        return await action();
      } catch (error) {
        if (error instanceof HubApiError) throw answerError(error.statusCode, subject, error.url, client.hasToken);
        if (error instanceof SyntaxError) throw notAHub(subject, client.endpoint, error.message);
        throw error;
      }
    };
    try {
      return await client.retry(attempt, onRetry);
    } catch (error) {
      throw outOfReach(error, subject, client.endpoint);
    }
  };
  // The client adds the token itself, to the hub's own host only.
  const hub = { hubUrl: client.endpoint, fetch: client.fetch };
  const { sha } = await ask(() => modelInfo({ ...hub, name: repo, revision, additionalFields: ['sha'] }));
  if (typeof sha !== 'string' || !COMMIT.test(sha)) {
    throw notAHub(subject, client.endpoint, `sha ${JSON.stringify(sha)}`);
  }
  const entries = await ask(async () => {
    const all: ListFileEntry[] = [];
    for await (const entry of listFiles({ ...hub, repo, revision: sha })) all.push(entry);
    return all;
  });
  const files = entries
    .filter((entry) => entry.type === 'file' && WANTED_FILE.test(entry.path))
    .map((entry): HubFile => {
      const sizeBytes = entry.lfs?.size ?? entry.size;
      const hex = entry.lfs?.oid ?? entry.oid ?? '';
      if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || !(entry.lfs ? SHA256 : COMMIT).test(hex)) {
        throw notAHub(subject, client.endpoint, `${entry.path} of ${sizeBytes} bytes, digest "${hex}"`);
      }
      return { name: entry.path, sizeBytes, digest: { kind: entry.lfs ? 'sha256' : 'git-blob-sha1', hex } };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  requireCheckpoint(files, `${repo} at ${sha}`);
  return { commit: sha, files };
}

function requireCheckpoint(files: readonly HubFile[], subject: string): void {
  const hasConfig = files.some(({ name }) => name === 'config.json');
  if (hasConfig && files.some(({ name }) => name.endsWith('.safetensors'))) return;
  throw new InputError(`${subject} is no checkpoint.`, {
    code: 'HUB_NO_CHECKPOINT',
    facts: {
      found: files.map(({ name }) => name).join(', ') || 'nothing',
      wanted: 'config.json and model*.safetensors',
    },
    hint: 'check --repo; a .gguf file is downloaded by hand and named with --weights FILE.gguf.',
  });
}

function notAHub(subject: string, endpoint: string, found: string): InputError {
  return new InputError(`${subject}: ${endpoint} does not answer as a model hub.`, {
    code: 'HUB_ANSWER',
    facts: { found, wanted: 'a commit of 40 hex digits, files with size and digest, in JSON' },
    hint: 'check HF_ENDPOINT and any proxy between.',
  });
}
