// A hub that falls silent: no answer, or a body that stops coming, ends after a while as a dropped connection does.
import { PassingFault } from './hub-errors.ts';

/** Waits for one thing of the hub. */
export interface StallWatch {
  /** Ends the request when something stalled; to be given to fetch. */
  readonly signal: AbortSignal;
  /** @throws PassingFault if the promise stays pending for the whole time. */
  within<T>(pending: Promise<T>): Promise<T>;
}

/** @param host - for the message. */
export function watchStalls(host: string, stallMs: number): StallWatch {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    async within(pending) {
      let timer: NodeJS.Timeout | undefined;
      const stalled = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          const fault = new PassingFault(`nothing came from ${host} for ${stallMs / 1000} s`);
          reject(fault);
          controller.abort(fault);
        }, stallMs);
      });
      try {
        return await Promise.race([pending, stalled]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The same response with a body each of whose reads is watched; a reader that takes its time stalls nothing. */
export function watchBody(response: Response, watch: StallWatch): Response {
  if (response.body === null) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await watch.within(reader.read());
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Only what is asked for is read, so that the time runs only while somebody waits.
    { highWaterMark: 0 },
  );
  const { status, statusText, headers, url } = response;
  return Object.defineProperty(new Response(body, { status, statusText, headers }), 'url', { value: url });
}
