// Hints of get-weights, followed on a hub of this machine: names, tokens, folders, files that differ.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { FAKE_REPO, type FakeHub, sendContent, sendJson, startFakeHub } from '../../hub/fake-hub.fixture.ts';
import { type Call, type HintCase, type Room, swapped } from './hint-case.fixture.ts';

const FILES = { 'config.json': Buffer.from('{}'), 'model.safetensors': Buffer.alloc(1000, 3) };

/** A hub that ends with the room; its address is kept there. */
async function hubOf(room: Room, files: Readonly<Record<string, Buffer>> = FILES): Promise<FakeHub> {
  const hub = await startFakeHub(files);
  room.closing.push(() => hub.close());
  room.kept['endpoint'] = hub.endpoint;
  return hub;
}

function getWeights(room: Room, args: readonly string[] = [], environment: Call['environment'] = {}): Call {
  return {
    args: ['get-weights', '--weights_path', room.path('weights'), ...args],
    environment: { HF_ENDPOINT: room.kept['endpoint']!, HF_TOKEN: '', ...environment },
  };
}

const again: HintCase['follow'] = (room, _said, args) => getWeights(room, args.slice(3));

export const HUB_CASES: readonly HintCase[] = [
  {
    code: 'HUB_REPO',
    wrong: async (room) => {
      await hubOf(room);
      return getWeights(room, ['--repo', 'Qwen2-7B']);
    },
    hint: /for example (\S+)\.$/,
    follow: (room, [repo]) => getWeights(room, ['--repo', repo!]),
  },
  {
    code: 'HUB_NOT_FOUND',
    wrong: async (room) => {
      await hubOf(room);
      return getWeights(room, ['--repo', 'Qwen/Qwen2-7b']);
    },
    hint: /check --repo/,
    follow: (room) => getWeights(room, ['--repo', FAKE_REPO]),
  },
  {
    code: 'HUB_TOKEN',
    wrong: async (room) => {
      await hubOf(room);
      return getWeights(room, [], { HF_TOKEN: 'hf_a b' });
    },
    hint: /copy the token again/,
    follow: (room) => getWeights(room, [], { HF_TOKEN: 'hf_ab' }),
  },
  {
    code: 'HUB_ACCESS',
    wrong: async (room) => {
      const hub = await hubOf(room);
      hub.fault = ({ authorization }, response) => {
        if (authorization !== undefined) return false;
        sendJson(401, { error: 'gated' }, response);
        return true;
      };
      return getWeights(room);
    },
    hint: /set HF_TOKEN to a token/,
    follow: (room) => getWeights(room, [], { HF_TOKEN: 'hf_ab' }),
  },
  {
    code: 'HUB_ENDPOINT',
    wrong: async (room) => {
      await hubOf(room);
      return getWeights(room, [], { HF_ENDPOINT: 'huggingface.co' });
    },
    // The example is an address of the network; what it shows is the form, http(s)://HOST.
    hint: /for example https:\/\/[\w.]+\.$/,
    follow: (room) => getWeights(room),
  },
  {
    code: 'HUB_NO_CHECKPOINT',
    wrong: async (room) => {
      await hubOf(room, { 'model.gguf': Buffer.alloc(9) });
      return getWeights(room);
    },
    hint: /check --repo/,
    follow: (room) => getWeights(room, ['--repo', 'Qwen/Qwen2-7B-Instruct']),
    leadsTo: 'HUB_NOT_FOUND',
  },
  {
    code: 'HUB_ANSWER',
    wrong: async (room) => {
      await hubOf(room);
      const endpoint = (await startFakeHubOfHtml(room)).endpoint;
      return getWeights(room, [], { HF_ENDPOINT: endpoint });
    },
    hint: /check HF_ENDPOINT/,
    follow: (room) => getWeights(room),
  },
  {
    code: 'HUB_REDIRECT',
    wrong: async (room) => {
      await hubOf(room);
      const lost = await startFakeHub(FILES);
      room.closing.push(() => lost.close());
      lost.fault = ({ path: asked }, response) => {
        response.writeHead(302, { location: `${lost.endpoint}${asked}` }).end();
        return true;
      };
      return getWeights(room, [], { HF_ENDPOINT: lost.endpoint });
    },
    hint: /check HF_ENDPOINT/,
    follow: (room) => getWeights(room),
  },
  ...(
    [
      ['DOWNLOAD_HASH', 0],
      ['DOWNLOAD_SIZE', 9],
    ] as const
  ).map(
    ([code, more]): HintCase => ({
      code,
      wrong: async (room) => {
        const hub = await hubOf(room);
        let isFirst = true;
        hub.fault = ({ path: asked, range }, response, content) => {
          if (!asked.endsWith('/model.safetensors') || !isFirst) return false;
          isFirst = false;
          sendContent(Buffer.alloc(content!.length + more, 4), range, response);
          return true;
        };
        return getWeights(room);
      },
      hint: /^run the same command again/,
      follow: again,
    }),
  ),
  {
    code: 'FILE_DIFFERS',
    wrong: async (room) => {
      await hubOf(room);
      mkdirSync(room.path('weights'));
      room.write('weights/config.json', '{ }');
      return getWeights(room);
    },
    hint: /replace them with (--force)/,
    follow: (room, [force]) => getWeights(room, [force!]),
  },
  {
    code: 'WEIGHTS_PATH',
    wrong: async (room) => {
      await hubOf(room);
      room.write('weights', 'a file');
      return getWeights(room);
    },
    hint: /choose another --weights_path/,
    follow: (room, _said, args) => {
      const call = getWeights(room);
      return { ...call, args: swapped(args, room.path('weights'), path.join(room.folder, 'others')) };
    },
  },
];

/** A server that is no hub: a page for whatever is asked. */
async function startFakeHubOfHtml(room: Room): Promise<FakeHub> {
  const server = await startFakeHub(FILES);
  room.closing.push(() => server.close());
  server.fault = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>');
    return true;
  };
  return server;
}
