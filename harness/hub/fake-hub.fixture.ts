// A model hub on 127.0.0.1 for tests: model info, tree and files as the real one serves them, with faults on request.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const FAKE_REPO = 'Qwen/Qwen2-7B';
export const FAKE_COMMIT: string = 'c0ffee'.repeat(7).slice(0, 40);

export interface Seen {
  /** Path without the query. */
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** Answers a request itself, or leaves it to the hub by returning false. */
export type Fault = (seen: Seen, response: ServerResponse, content: Buffer | undefined) => boolean;

export interface FakeHub {
  readonly endpoint: string;
  /** Every request in order. */
  readonly seen: Seen[];
  /** The tree's entries, as JSON; to be altered before a download. */
  readonly tree: Record<string, unknown>[];
  /** Asked before each answer. */
  fault: Fault;
  close(): Promise<void>;
}

/** @param files - content by name; safetensors are listed as LFS files with sha256, others with git's blob id. */
export async function startFakeHub(files: Readonly<Record<string, Buffer>>): Promise<FakeHub> {
  const seen: Seen[] = [];
  const tree = Object.entries(files).map(([name, content]) => treeEntry(name, content));
  const state = { fault: (() => false) as Fault };
  const server = createServer((request, response) => {
    const one = seenOf(request);
    seen.push(one);
    const name = /\/resolve\/[^/]+\/(.+)$/.exec(one.path)?.[1];
    const content = name === undefined ? undefined : files[name];
    if (state.fault(one, response, content)) return;
    if (content !== undefined) return sendContent(content, one.range, response);
    if (one.path.startsWith(`/api/models/${FAKE_REPO}/revision/`)) return sendJson(200, modelInfo(), response);
    if (one.path === `/api/models/${FAKE_REPO}/tree/${FAKE_COMMIT}`) return sendJson(200, tree, response);
    sendJson(404, { error: 'Repository not found' }, response);
  });
  const endpoint = await listen(server);
  return {
    endpoint,
    seen,
    tree,
    get fault(): Fault {
      return state.fault;
    },
    set fault(fault: Fault) {
      state.fault = fault;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function sendJson(status: number, body: unknown, response: ServerResponse): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Sends a file or the range of it that was asked for. */
export function sendContent(content: Buffer, range: string | undefined, response: ServerResponse): void {
  if (range === undefined) {
    response.writeHead(200, { 'content-length': content.length }).end(content);
    return;
  }
  const first = Number(/^bytes=(\d+)-$/.exec(range)![1]);
  const contentRange = `bytes ${first}-${content.length - 1}/${content.length}`;
  response
    .writeHead(206, { 'content-range': contentRange, 'content-length': content.length - first })
    .end(content.subarray(first));
}

/** Promises a range of a file, sends only some bytes of it and falls silent; the connection stays open. */
export function sendPart(bytes: number, content: Buffer, range: string | undefined, response: ServerResponse): void {
  const first = range === undefined ? 0 : Number(/^bytes=(\d+)-$/.exec(range)![1]);
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': content.length - first,
    ...(range !== undefined && { 'content-range': `bytes ${first}-${content.length - 1}/${content.length}` }),
  });
  response.write(content.subarray(first, first + bytes));
}

function seenOf({ url = '', headers }: IncomingMessage): Seen {
  const { range, authorization } = headers;
  return { path: url.split('?')[0]!, range, authorization };
}

function modelInfo(): unknown {
  return {
    _id: '0',
    id: FAKE_REPO,
    sha: FAKE_COMMIT,
    private: false,
    gated: false,
    downloads: 0,
    likes: 0,
    lastModified: '2024-06-06T00:00:00.000Z',
  };
}

function treeEntry(name: string, content: Buffer): Record<string, unknown> {
  const entry = { type: 'file', path: name, size: content.length };
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  if (!name.endsWith('.safetensors')) return { ...entry, oid };
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { ...entry, oid, lfs: { oid: sha256, size: content.length, pointerSize: 134 } };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
