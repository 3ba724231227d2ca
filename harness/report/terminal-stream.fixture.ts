// A terminal that keeps what is written to it.
import { PassThrough } from 'node:stream';

export interface TerminalStream {
  readonly stream: NodeJS.WriteStream;
  /** All that was written since the last call, with ␛ for the escape character. */
  readonly read: () => string;
}

export function terminalStream(isTTY: boolean): TerminalStream {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 160 });
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    read: () => String(stream.read() ?? '').replaceAll('\u001b', '␛'),
  };
}
