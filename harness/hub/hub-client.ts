// Requests to a model hub: the token goes to the hub's own host only, redirects are followed by hand, faults are retried.
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError, UsageError } from '../../src/errors.ts';
import { PassingFault, reasonOf } from './hub-errors.ts';
import { watchBody, watchStalls } from './stall.ts';

export const HUB_ENDPOINT = 'https://huggingface.co';

const REDIRECTS_MAX = 8;
const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];
const RETRY_WAIT_MS = 1000;
/** Waits of 1, 2, 4, 8 and 16 s: half a minute without a hub ends the command. */
const RETRIES_MAX = 5;
/** Longer than any hub or proxy takes between two pieces of a file, shorter than a person's patience. */
const STALL_MS = 60_000;

export interface HubOptions {
  /** Base address, e.g. of a mirror (default: `HUB_ENDPOINT`). */
  readonly endpoint?: string;
  readonly token?: string;
  /** In place of the global one. */
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal;
  /** Wait before the first retry in milliseconds, doubled each time (default 1000). */
  readonly retryWaitMs?: number;
  /** A hub that sends nothing for so long, in milliseconds, counts as a dropped connection (default 60,000). */
  readonly stallMs?: number;
}

/** Told before each wait. */
export type OnRetry = (retry: number, waitMs: number, reason: string) => void;

export interface HubClient {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly hasToken: boolean;
  /** As the global one, with token, redirects and abort seen to. A connection that fails is a PassingFault. */
  readonly fetch: typeof fetch;
  /**
   * Runs an action again, up to five times in a row, while it throws a PassingFault.
   *
   * @param hasAdvanced - whether the last attempt got so far that counting starts anew.
   * @throws the last PassingFault, or at once what else the action throws.
   */
  retry<T>(action: () => Promise<T>, onRetry: OnRetry, hasAdvanced?: () => boolean): Promise<T>;
}

/** @throws UsageError for an endpoint that is no http address, or a token that no header can carry. */
export function createHubClient(options: HubOptions): HubClient {
  const endpoint = checkEndpoint(options.endpoint ?? HUB_ENDPOINT);
  const { token, signal } = options;
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError('HF_TOKEN holds characters that no token has, such as a space or the end of a line.', {
      code: 'HUB_TOKEN',
      hint: 'copy the token again.',
    });
  }
  const { origin } = new URL(endpoint);
  const send = options.fetch ?? fetch;

  const fetchOnce = async (url: URL, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (token !== undefined && url.origin === origin) headers.set('authorization', `Bearer ${token}`);
    else headers.delete('authorization');
    const stalls = watchStalls(url.host, options.stallMs ?? STALL_MS);
    const ends = signal === undefined ? stalls.signal : AbortSignal.any([signal, stalls.signal]);
    try {
      const request = send(url, { ...init, headers, redirect: 'manual', signal: ends });
      return watchBody(await stalls.within(request), stalls);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof PassingFault) throw error;
      throw new PassingFault(`${url.host}: ${reasonOf(error)}`, { cause: error });
    }
  };

  const fetchFollowing = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const first = new URL(input instanceof Request ? input.url : input);
    let url = first;
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const response = await fetchOnce(url, init);
      const location = response.headers.get('location');
      if (!REDIRECT_STATUSES.includes(response.status) || location === null) return response;
      await response.body?.cancel();
      url = redirectTarget(url, location);
    }
    throw new InputError(`${first.href} is redirected without end.`, {
      code: 'HUB_REDIRECT',
      facts: { found: `${REDIRECTS_MAX + 1} redirects`, wanted: `at most ${REDIRECTS_MAX}`, last: url.href },
      hint: 'check HF_ENDPOINT.',
    });
  };

  return {
    endpoint,
    hasToken: token !== undefined,
    fetch: fetchFollowing,
    async retry(action, onRetry, hasAdvanced = () => false) {
      for (let retries = 0; ; retries++) {
        try {
          return await action();
        } catch (error) {
          if (hasAdvanced()) retries = 0;
          if (!(error instanceof PassingFault) || retries === RETRIES_MAX) throw error;
          const waitMs = (options.retryWaitMs ?? RETRY_WAIT_MS) * 2 ** retries;
          onRetry(retries + 1, waitMs, error.message);
          await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
        }
      }
    },
  };
}

function checkEndpoint(text: string): string {
  const url = parseUrl(text);
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`HF_ENDPOINT must be an http or https address; got "${text}".`, {
      code: 'HUB_ENDPOINT',
      hint: `for example ${HUB_ENDPOINT}.`,
    });
  }
  return url.href.replace(/\/+$/, '');
}

function parseUrl(text: string, base?: string): URL | undefined {
  return URL.canParse(text, base) ? new URL(text, base) : undefined;
}

/** @throws InputError for a target that is no address, or leaves encryption. */
function redirectTarget(from: URL, location: string): URL {
  const target = parseUrl(location, from.href);
  const isAllowed = target?.protocol === 'https:' || (target?.protocol === 'http:' && from.protocol === 'http:');
  if (target !== undefined && isAllowed) return target;
  throw new InputError(`${from.href} is redirected to where no download may come from.`, {
    code: 'HUB_REDIRECT',
    facts: { found: location, wanted: from.protocol === 'https:' ? 'an https address' : 'an http or https address' },
    hint: 'check HF_ENDPOINT.',
  });
}

/** @returns the error that ends a command after the last retry. */
export function outOfReach(error: unknown, subject: string, endpoint: string): unknown {
  if (!(error instanceof PassingFault)) return error;
  return new InputError(`${subject}: the hub is out of reach.`, {
    code: 'HUB_UNREACHABLE',
    facts: { endpoint, found: error.message, tried: `${RETRIES_MAX + 1} times` },
    hint: 'check the network and HF_ENDPOINT, then run the same command again.',
    cause: error,
  });
}
