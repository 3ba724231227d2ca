// What can go wrong between this machine and a model hub, as errors with a next step.
import { InputError } from '../../src/errors.ts';

/** A failure that may be gone a moment later: a dropped connection, a busy hub. */
export class PassingFault extends Error {
  override readonly name = 'PassingFault';
}

/** Answers that are worth another try. */
export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * The error of an answer that is no success.
 *
 * @param subject - what was asked for, e.g. `Qwen/Qwen2-7B at main`.
 * @param hasToken - whether a token was configured.
 */
export function answerError(status: number, subject: string, url: string, hasToken: boolean): Error {
  const facts = { asked: url, answered: status };
  if (isPassingStatus(status)) return new PassingFault(`the hub answered ${status}`);
  if (status === 401 || status === 403) {
    return new InputError(`the hub gives no access to ${subject}.`, {
      code: 'HUB_ACCESS',
      facts: { ...facts, token: hasToken ? 'HF_TOKEN was sent' : 'HF_TOKEN is not set' },
      hint: hasToken
        ? "accept the model's terms on its page, and give HF_TOKEN a token that may read it; hubs answer the same for a misspelt name."
        : "accept the model's terms on its page and set HF_TOKEN to a token that may read it; hubs answer the same for a misspelt name.",
    });
  }
  if (status === 404) {
    return new InputError(`the hub does not know ${subject}.`, {
      code: 'HUB_NOT_FOUND',
      facts,
      hint: 'check --repo, --revision and HF_ENDPOINT.',
    });
  }
  return new InputError(`the hub refused ${subject}.`, {
    code: 'HUB_ANSWER',
    facts: { ...facts, wanted: '200 or 206' },
    hint: 'check HF_ENDPOINT and any proxy between.',
  });
}

/** The deepest reason of an error of `fetch`, which itself only says `fetch failed`. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  const code = 'code' in error ? String(error.code) : '';
  return error.message === '' ? code : error.message;
}

/** @returns an InputError for a file system's refusal; any other error as it is. */
export function fileError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new InputError(`${file}: the disk is full.`, {
      code: 'DISK_FULL',
      facts: { found: String(error.code) },
      hint: 'make room and run the same command again; it goes on where it stopped.',
      cause: error,
    });
  }
  return new InputError(`${file} cannot be written or read: ${error.message}.`, {
    code: 'WEIGHTS_PATH',
    facts: { found: String(error.code), wanted: 'a folder that this user may write, used by no other download' },
    hint: 'choose another --weights_path, or repair this one and run again.',
    cause: error,
  });
}
