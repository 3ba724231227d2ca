// Facts about downloading a checkpoint, against a hub on 127.0.0.1 that fails in every way a real one does.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT_CODES, InputError, UsageError } from '../../src/errors.ts';
import { type DownloadEvent, type DownloadOptions, type DownloadResult, downloadCheckpoint } from './download.ts';
import { FAKE_COMMIT, FAKE_REPO, type FakeHub, sendContent, sendPart, startFakeHub } from './fake-hub.fixture.ts';

const TOKEN = 'hf_secret';
/** A loaded machine may take longer to answer and cause retries more; nothing here counts them. */
const STALL_MS = 500;
const WEIGHTS = 'model-00001-of-00001.safetensors';
const CONTENT: Readonly<Record<string, Buffer>> = {
  'config.json': Buffer.from('{"model_type":"qwen2"}'),
  'generation_config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{"model":{}}'),
  'model.safetensors.index.json': Buffer.from('{"weight_map":{}}'),
  [WEIGHTS]: Buffer.from(Uint32Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 2654435761)).buffer),
};
const OTHERS = {
  'README.md': Buffer.from('# Qwen'),
  'pytorch_model.bin': Buffer.from('pickled'),
  LICENSE: Buffer.from(''),
};
const WEIGHT_BYTES = CONTENT[WEIGHTS]!;

const scratch = mkdtempSync(path.join(tmpdir(), 'qwen-pcc-download-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let hub: FakeHub;
let folder: string;
let events: DownloadEvent[];
let folders = 0;
/** A connection that breaks as soon as a file has grown to a size. */
let drop: { readonly name: string; readonly bytes: number; readonly response: ServerResponse } | undefined;
beforeEach(async () => {
  drop = undefined;
  hub = await startFakeHub({ ...CONTENT, ...OTHERS });
  folder = path.join(scratch, `weights-${folders++}`);
  events = [];
});
afterEach(() => hub.close());

const download = (options: Partial<DownloadOptions> = {}): Promise<DownloadResult> =>
  downloadCheckpoint({
    repo: FAKE_REPO,
    revision: 'main',
    folder,
    endpoint: hub.endpoint,
    retryWaitMs: 1,
    onEvent: (event) => {
      events.push(event);
      if (drop !== undefined && partBytes(drop.name) >= drop.bytes) drop.response.destroy();
    },
    ...options,
  });

/** Sends some bytes of a file and drops the connection when they are on the client's disk: no sooner, whatever the load. */
function dropAfter(bytes: number, name: string, content: Buffer, range: string | undefined, response: ServerResponse) {
  const first = range === undefined ? 0 : Number(/^bytes=(\d+)-$/.exec(range)![1]);
  drop = { name, bytes: first + bytes, response };
  sendPart(bytes, content, range, response);
}

function partBytes(name: string): number {
  const part = readdirSync(folder).find((file) => file.startsWith(`${name}.`) && file.endsWith('.part'));
  return part === undefined ? 0 : statSync(path.join(folder, part)).size;
}

async function failure(options: Partial<DownloadOptions> = {}): Promise<InputError> {
  const error: unknown = await download(options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return error as InputError;
}

const onDisk = (name: string): Buffer => readFileSync(path.join(folder, name));
const fileRequests = (): FakeHub['seen'] => hub.seen.filter(({ path: asked }) => asked.includes('/resolve/'));
const weightRequests = (): FakeHub['seen'] => fileRequests().filter(({ path: asked }) => asked.endsWith(WEIGHTS));
const retryReasons = (): string[] => events.flatMap((event) => (event.kind === 'retrying' ? [event.reason] : []));
const isWeights = (asked: string): boolean => asked.endsWith(`/resolve/${FAKE_COMMIT}/${WEIGHTS}`);
const partName = (): string => {
  const { lfs } = hub.tree.find((entry) => entry['path'] === WEIGHTS) as { lfs: { oid: string } };
  return `${WEIGHTS}.${lfs.oid.slice(0, 12)}.part`;
};
const writePart = (bytes: Buffer, name = partName()): void => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, name), bytes);
};

describe('a download', () => {
  it('brings the files of a checkpoint and no others', async () => {
    const result = await download();
    expect(readdirSync(folder).sort()).toEqual(Object.keys(CONTENT).sort());
    for (const [name, content] of Object.entries(CONTENT)) expect(onDisk(name).equals(content)).toBe(true);
    expect(result.commit).toBe(FAKE_COMMIT);
    expect([...result.downloaded].sort()).toEqual(Object.keys(CONTENT).sort());
  });

  it('reads every file from the commit that the revision was pinned to', async () => {
    await download({ revision: 'refs/pr/1' });
    expect(hub.seen[0]?.path).toBe(`/api/models/${FAKE_REPO}/revision/refs%2Fpr%2F1`);
    expect(fileRequests()).toHaveLength(Object.keys(CONTENT).length);
    expect(fileRequests().every(({ path: asked }) => asked.includes(`/resolve/${FAKE_COMMIT}/`))).toBe(true);
    expect(events[0]).toMatchObject({ kind: 'pinned', commit: FAKE_COMMIT, files: Object.keys(CONTENT).length });
  });

  it('asks for no file when all are there and right', async () => {
    await download();
    hub.seen.length = 0;
    const result = await download();
    expect(fileRequests()).toEqual([]);
    expect(hub.seen).toHaveLength(2);
    expect(result.downloaded).toEqual([]);
    expect([...result.present].sort()).toEqual(Object.keys(CONTENT).sort());
  });

  it('tells bytes that grow up to the size of the checkpoint', async () => {
    const { totalBytes } = await download();
    const received = events.flatMap((event) => (event.kind === 'received' ? [event.bytes] : []));
    expect(received).toEqual(received.toSorted((a, b) => a - b));
    expect(received.at(-1)).toBe(totalBytes);
    expect(totalBytes).toBe(Object.values(CONTENT).reduce((sum, { length }) => sum + length, 0));
  });
});

describe('a dropped connection', () => {
  it('is resumed where it broke off', async () => {
    let drops = 0;
    hub.fault = ({ path: asked, range }, response, content) => {
      if (!isWeights(asked) || drops++ >= 2) return false;
      dropAfter(100_000, WEIGHTS, content!, range, response);
      return true;
    };
    await download();
    expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
    expect(weightRequests().map(({ range }) => range)).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
    expect(events.filter(({ kind }) => kind === 'retrying')).toHaveLength(2);
  });

  it('that stays dropped ends after five retries, keeps the part and is resumed by the next call', async () => {
    hub.fault = ({ path: asked, range }, response, content) => {
      if (!isWeights(asked)) return false;
      if (range === undefined) dropAfter(50_000, WEIGHTS, content!, range, response);
      else response.destroy();
      return true;
    };
    const error = await failure();
    expect(error).toMatchObject({ code: 'DOWNLOAD_INTERRUPTED', exitCode: EXIT_CODES.usage });
    expect(error.message).toContain(`50000 of ${WEIGHT_BYTES.length} bytes, kept`);
    expect(error.hint).toContain('run the same command again');
    expect(weightRequests()).toHaveLength(6);
    expect(onDisk(partName()).equals(WEIGHT_BYTES.subarray(0, 50_000))).toBe(true);

    hub.fault = () => false;
    hub.seen.length = 0;
    await download();
    expect(weightRequests().map(({ range }) => range)).toEqual(['bytes=50000-']);
    expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
    expect(existsSync(path.join(folder, partName()))).toBe(false);
  });

  it('may drop again and again as long as a megabyte comes each time', async () => {
    const large = Buffer.alloc(10 << 20, 5);
    await hub.close();
    hub = await startFakeHub({ 'config.json': Buffer.from('{}'), 'model.safetensors': large });
    hub.fault = ({ path: asked, range }, response, content) => {
      if (!asked.endsWith('/model.safetensors')) return false;
      dropAfter(1_200_000, 'model.safetensors', content!, range, response);
      return true;
    };
    await download();
    expect(onDisk('model.safetensors').equals(large)).toBe(true);
    expect(events.filter(({ kind }) => kind === 'retrying').length).toBeGreaterThan(5);
  });

  it('that falls silent in the middle of a file counts as dropped', async () => {
    let silent = 0;
    hub.fault = ({ path: asked, range }, response, content) => {
      if (!isWeights(asked) || silent++ > 0) return false;
      sendPart(100_000, content!, range, response);
      return true;
    };
    await download({ stallMs: STALL_MS });
    expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
    expect(weightRequests()[1]?.range).toBe('bytes=100000-');
    expect(retryReasons()).toContainEqual(expect.stringMatching(/nothing came from .* for 0\.5 s/));
  });

  it.each([
    { what: 'a file', isSilent: isWeights },
    { what: 'the list of files', isSilent: (asked: string) => asked.includes('/tree/') },
    { what: 'the revision', isSilent: (asked: string) => asked.includes('/revision/') },
  ])('that never answers for $what counts as dropped', async ({ isSilent }) => {
    let silent = 0;
    hub.fault = ({ path: asked }) => isSilent(asked) && silent++ === 0;
    await download({ stallMs: STALL_MS });
    expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
    expect(retryReasons()).toContainEqual(expect.stringMatching(/nothing came from .* for 0\.5 s/));
  });

  it('that falls silent in the middle of a list counts as dropped', async () => {
    let silent = 0;
    hub.fault = ({ path: asked }, response) => {
      if (!asked.includes('/tree/') || silent++ > 0) return false;
      response.writeHead(200, { 'content-type': 'application/json' }).write('[{"type":"file",');
      return true;
    };
    await download({ stallMs: STALL_MS });
    expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
  });

  it('waits twice as long before each retry', async () => {
    hub.fault = (_, response) => {
      response.writeHead(503).end();
      return true;
    };
    const error = await failure();
    expect(error).toMatchObject({ code: 'HUB_UNREACHABLE', exitCode: EXIT_CODES.usage });
    expect(events.map((event) => (event.kind === 'retrying' ? event.waitMs : 0))).toEqual([1, 2, 4, 8, 16]);
    expect(hub.seen).toHaveLength(6);
  });

  it('to a hub that is not there names the endpoint', async () => {
    const endpoint = hub.endpoint;
    await hub.close();
    const error = await failure();
    expect(error.code).toBe('HUB_UNREACHABLE');
    expect(error.message).toContain(endpoint);
    expect(error.message).toContain('ECONNREFUSED');
    hub = await startFakeHub({});
  });
});

describe('a part', () => {
  it('that is whole is checked without a request', async () => {
    writePart(WEIGHT_BYTES);
    await download();
    expect(weightRequests()).toEqual([]);
    expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
  });

  it('that is too long starts anew', async () => {
    writePart(Buffer.concat([WEIGHT_BYTES, Buffer.alloc(1)]));
    await download();
    expect(weightRequests().map(({ range }) => range)).toEqual([undefined]);
  });

  it('of another revision is deleted, not continued', async () => {
    writePart(WEIGHT_BYTES.subarray(0, 9), `${WEIGHTS}.0123456789ab.part`);
    await download();
    expect(weightRequests().map(({ range }) => range)).toEqual([undefined]);
    expect(readdirSync(folder).sort()).toEqual(Object.keys(CONTENT).sort());
  });

  it('starts anew at a server that knows no ranges', async () => {
    writePart(Buffer.alloc(1000, 7));
    hub.fault = ({ path: asked }, response, content) => {
      if (!isWeights(asked)) return false;
      sendContent(content!, undefined, response);
      return true;
    };
    await download();
    expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
  });

  it('is not continued with another range than was asked for', async () => {
    writePart(WEIGHT_BYTES.subarray(0, 1000));
    hub.fault = ({ path: asked }, response, content) => {
      if (!isWeights(asked)) return false;
      sendContent(content!, 'bytes=999-', response);
      return true;
    };
    const error = await failure();
    expect(error.code).toBe('HUB_ANSWER');
    expect(error.facts['found']).toMatch(/^bytes 999-/);
  });
});

describe('wrong content', () => {
  it('of a large file is found by its sha256, deleted and said', async () => {
    const wrong = Buffer.from(WEIGHT_BYTES);
    wrong[12_345]! ^= 1;
    hub.fault = ({ path: asked, range }, response) => {
      if (!isWeights(asked)) return false;
      sendContent(wrong, range, response);
      return true;
    };
    const error = await failure();
    expect(error).toMatchObject({ code: 'DOWNLOAD_HASH', exitCode: EXIT_CODES.usage });
    expect(error.facts['checked']).toBe('sha256');
    expect(error.message).toContain('it was deleted');
    expect(readdirSync(folder).filter((name) => name.startsWith(WEIGHTS))).toEqual([]);
  });

  it("of a small file is found by git's blob id", async () => {
    hub.fault = ({ path: asked }, response) => {
      if (!asked.endsWith('/tokenizer.json')) return false;
      sendContent(Buffer.from('{"model":[]}'), undefined, response);
      return true;
    };
    const error = await failure();
    expect(error.code).toBe('DOWNLOAD_HASH');
    expect(error.facts['checked']).toBe('git-blob-sha1');
    expect(existsSync(path.join(folder, 'tokenizer.json'))).toBe(false);
  });

  it('that is longer than listed is not taken', async () => {
    hub.fault = ({ path: asked }, response) => {
      if (!isWeights(asked)) return false;
      sendContent(Buffer.concat([WEIGHT_BYTES, Buffer.alloc(9)]), undefined, response);
      return true;
    };
    expect((await failure()).code).toBe('DOWNLOAD_SIZE');
    expect(existsSync(path.join(folder, partName()))).toBe(false);
  });

  it('that is there already is refused, all of it at once, and replaced on request', async () => {
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'config.json'), '{"model_type":"qwen3"}');
    writeFileSync(path.join(folder, WEIGHTS), 'short');
    const error = await failure();
    expect(error).toMatchObject({ code: 'FILE_DIFFERS', exitCode: EXIT_CODES.usage });
    expect(Object.keys(error.facts)).toEqual(['config.json', WEIGHTS]);
    expect(fileRequests()).toEqual([]);
    expect(onDisk(WEIGHTS).toString()).toBe('short');

    await download({ force: true });
    expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
    expect(onDisk('config.json').equals(CONTENT['config.json']!)).toBe(true);
  });
});

describe('a refusal', () => {
  it('404 names what is unknown and is not retried', async () => {
    const error = await failure({ repo: 'Qwen/Qwen2-8B' });
    expect(error).toMatchObject({ code: 'HUB_NOT_FOUND', exitCode: EXIT_CODES.usage });
    expect(error.message).toContain('Qwen/Qwen2-8B at main');
    expect(hub.seen).toHaveLength(1);
  });

  it('404 of a listed file names the file', async () => {
    hub.fault = ({ path: asked }, response) => {
      if (!isWeights(asked)) return false;
      response.writeHead(404).end('Entry not found');
      return true;
    };
    const error = await failure();
    expect(error.code).toBe('HUB_NOT_FOUND');
    expect(error.message).toContain(`${FAKE_REPO}/${WEIGHTS}`);
  });

  it.each([
    { status: 401, token: undefined, says: 'HF_TOKEN is not set' },
    { status: 403, token: TOKEN, says: 'HF_TOKEN was sent' },
  ])('$status names HF_TOKEN and never shows it', async ({ status, token, says }) => {
    hub.fault = (_, response) => {
      response.writeHead(status).end();
      return true;
    };
    const error = await failure(token === undefined ? {} : { token });
    expect(error).toMatchObject({ code: 'HUB_ACCESS', exitCode: EXIT_CODES.usage });
    expect(error.message).toContain(says);
    expect(error.message).not.toContain(TOKEN);
  });

  it('of a page that is no hub names HF_ENDPOINT', async () => {
    hub.fault = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
      return true;
    };
    const error = await failure();
    expect(error.code).toBe('HUB_ANSWER');
    expect(error.hint).toContain('HF_ENDPOINT');
  });

  it('of a listing without digests leaves no file unchecked', async () => {
    delete hub.tree[0]!['oid'];
    expect((await failure()).code).toBe('HUB_ANSWER');
    expect(fileRequests()).toEqual([]);
  });

  it('of a repository without safetensors says what it holds', async () => {
    hub.tree.splice(
      hub.tree.findIndex((entry) => entry['path'] === WEIGHTS),
      1,
    );
    const error = await failure();
    expect(error.code).toBe('HUB_NO_CHECKPOINT');
    expect(error.facts['found']).toContain('config.json');
  });
});

describe('the token', () => {
  let mirror: Server;
  const mirrored: (string | undefined)[] = [];
  const mirrorUrl = (): string => `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`;
  beforeEach(async () => {
    mirrored.length = 0;
    mirror = createServer((request, response) => {
      mirrored.push(request.headers.authorization);
      sendContent(WEIGHT_BYTES, request.headers.range, response);
    });
    await new Promise<void>((resolve) => mirror.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise<void>((resolve) => mirror.close(() => resolve())));

  it('goes to the hub with every request, and not to the host it redirects to', async () => {
    hub.fault = ({ path: asked }, response) => {
      if (!isWeights(asked)) return false;
      response.writeHead(302, { location: `${mirrorUrl()}/signed` }).end();
      return true;
    };
    writePart(WEIGHT_BYTES.subarray(0, 1000));
    await download({ token: TOKEN });
    expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
    expect(mirrored).toEqual([undefined]);
    expect(hub.seen.every(({ authorization }) => authorization === `Bearer ${TOKEN}`)).toBe(true);
  });

  it('stays with a redirect on the same host', async () => {
    hub.fault = ({ path: asked, range }, response) => {
      if (isWeights(asked)) response.writeHead(307, { location: '/cache/weights' }).end();
      else if (asked === '/cache/weights') sendContent(WEIGHT_BYTES, range, response);
      else return false;
      return true;
    };
    await download({ token: TOKEN });
    expect(hub.seen.find(({ path: asked }) => asked === '/cache/weights')?.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it('is not sent along when a listing goes on elsewhere', async () => {
    hub.fault = ({ path: asked }, response) => {
      if (!asked.includes('/tree/')) return false;
      response
        .writeHead(200, { 'content-type': 'application/json', link: `<${mirrorUrl()}/next>; rel="next"` })
        .end(JSON.stringify(hub.tree));
      return true;
    };
    await failure({ token: TOKEN });
    expect(mirrored).toEqual([undefined]);
  });

  it('with a line break is refused without showing it', async () => {
    await expect(download({ token: 'hf_a\nb' })).rejects.toThrow(UsageError);
    await expect(download({ token: 'hf_a\nb' })).rejects.not.toThrow(/hf_a/);
    expect(hub.seen).toEqual([]);
  });
});

describe('a redirect', () => {
  it('without end is an error', async () => {
    hub.fault = ({ path: asked }, response) => {
      response.writeHead(302, { location: asked }).end();
      return true;
    };
    expect((await failure()).code).toBe('HUB_REDIRECT');
    expect(hub.seen).toHaveLength(9);
  });

  it.each(['file:///etc/passwd', 'http://['])('to %s is not followed', async (location) => {
    hub.fault = (_, response) => {
      response.writeHead(302, { location }).end();
      return true;
    };
    const error = await failure();
    expect(error.code).toBe('HUB_REDIRECT');
    expect(error.facts['found']).toBe(location);
  });

  describe('of an https hub', () => {
    const endpoint = 'https://hub.example';
    const asked: { url: string; authorization: string | null }[] = [];
    beforeEach(() => {
      asked.length = 0;
    });

    /** The hub on 127.0.0.1 under an https name; requests for weights are sent on to `location`, other hosts serve them. */
    const behindHttps =
      (location: string): typeof fetch =>
      async (input, init) => {
        const url = new URL(input instanceof Request ? input.url : input);
        asked.push({ url: url.href, authorization: new Headers(init?.headers).get('authorization') });
        if (url.origin !== endpoint) return new Response(new Uint8Array(WEIGHT_BYTES));
        if (isWeights(url.pathname)) return new Response(null, { status: 302, headers: { location } });
        return fetch(`${hub.endpoint}${url.pathname}${url.search}`, init);
      };

    it.each(['http://hub.example/plain', 'http://cdn.example/signed'])('to %s is not followed', async (location) => {
      const error = await failure({ endpoint, token: TOKEN, fetch: behindHttps(location) });
      expect(error).toMatchObject({ code: 'HUB_REDIRECT', exitCode: EXIT_CODES.usage });
      expect(error.facts).toEqual({ found: location, wanted: 'an https address' });
      expect(asked.filter(({ url }) => !url.startsWith(`${endpoint}/`))).toEqual([]);
      expect(existsSync(path.join(folder, WEIGHTS))).toBe(false);
    });

    it('to another https host is followed, and that host never sees the token', async () => {
      await download({ endpoint, token: TOKEN, fetch: behindHttps('https://cdn.example/signed') });
      expect(onDisk(WEIGHTS).equals(WEIGHT_BYTES)).toBe(true);
      const elsewhere = asked.filter(({ url }) => !url.startsWith(`${endpoint}/`));
      expect(elsewhere).toEqual([{ url: 'https://cdn.example/signed', authorization: null }]);
      const atHub = asked.filter(({ url }) => url.startsWith(`${endpoint}/`));
      expect(new Set(atHub.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${TOKEN}`]));
    });
  });
});

describe('a full disk', () => {
  it('is found before the first byte', async () => {
    const lfs = { oid: '0'.repeat(64), size: 2 ** 52 };
    Object.assign(hub.tree.find((entry) => entry['path'] === WEIGHTS)!, { lfs });
    const error = await failure();
    expect(error).toMatchObject({ code: 'DISK_FULL', exitCode: EXIT_CODES.usage });
    expect(error.facts['free']).toMatch(/^\d+ bytes$/);
    expect(fileRequests()).toEqual([]);
  });

  it.runIf(existsSync('/dev/full'))('while writing says how to go on and is not retried', async () => {
    mkdirSync(folder);
    symlinkSync('/dev/full', path.join(folder, partName()));
    const error = await failure();
    expect(error).toMatchObject({ code: 'DISK_FULL', exitCode: EXIT_CODES.usage });
    expect(error.facts['found']).toBe('ENOSPC');
    expect(weightRequests()).toHaveLength(1);
  });

  it('is told from a folder that is none', async () => {
    writeFileSync(folder, '');
    const error = await failure();
    expect(error).toMatchObject({ code: 'WEIGHTS_PATH', exitCode: EXIT_CODES.usage });
  });
});

describe('wrong use', () => {
  it.each([
    { what: 'a repository without owner', options: { repo: 'Qwen2-7B' }, code: 'HUB_REPO' },
    { what: 'a repository with a path', options: { repo: '../Qwen2-7B' }, code: 'HUB_REPO' },
    { what: 'an endpoint that is no address', options: { endpoint: 'huggingface' }, code: 'HUB_ENDPOINT' },
    { what: 'an endpoint of another protocol', options: { endpoint: 'ftp://hub.test' }, code: 'HUB_ENDPOINT' },
  ])('$what is refused before any request', async ({ options, code }) => {
    await expect(download(options)).rejects.toMatchObject({ code, exitCode: EXIT_CODES.usage });
    expect(hub.seen).toEqual([]);
  });
});

describe('an abort', () => {
  it('keeps the part', async () => {
    const controller = new AbortController();
    hub.fault = ({ path: asked }, response, content) => {
      if (!isWeights(asked)) return false;
      response.writeHead(200, { 'content-length': content!.length });
      response.write(content!.subarray(0, 100_000));
      return true;
    };
    const onEvent = (event: DownloadEvent): void => {
      if (event.kind === 'received' && event.file === WEIGHTS && event.bytes >= 100_000) controller.abort();
    };
    await expect(download({ signal: controller.signal, onEvent })).rejects.toMatchObject({ name: 'AbortError' });
    const kept = onDisk(partName());
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.equals(WEIGHT_BYTES.subarray(0, kept.length))).toBe(true);
  });
});
