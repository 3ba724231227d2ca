// Benchmark beside others: reference and device model, Transformers and llama.cpp on one checkpoint and the same tokens.
// Each is a child process, all are run in turns; what is not there is said and left out.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '../../src/checkpoint/weights.ts';
import { type Benchmark, type BenchResult, ratios } from './benchmark.ts';
import { type ChildRun, runProgram } from './child-run.ts';

/** From dist/harness/bench to the package: scripts that are not compiled. */
const scripts = (name: string): string =>
  fileURLToPath(new URL(`../../../harness/bench/peers/${name}`, import.meta.url));
const TINY = fileURLToPath(new URL('../../../fixtures/tiny-qwen2', import.meta.url));

const PROMPT_TOKENS = 20;
const GREEDY_TOKENS = 120;
const ROUNDS = 3;
/** Of the fastest peer in float32. */
const SHARE_OF_TIME = 0.55;
const SHARE_OF_MEMORY = 0.5;

interface Peer {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Computes what the reference computes, in its precision. */
  readonly isFloat32: boolean;
}

interface PeerRun extends ChildRun {
  readonly loadS: number;
  readonly prefillS: number;
  readonly decodeS: number;
  readonly tokens: readonly number[];
}

export const benchmark: Benchmark = {
  name: 'peers',
  isLong: true,
  description: `${PROMPT_TOKENS} + ${GREEDY_TOKENS} greedy tokens on $QWEN_DIR (tiny-qwen2 without it), each a child process; $PYTHON, $GGUF, $NODE_LLAMA_CPP`,
  async run() {
    const folder = process.env['QWEN_DIR'] ?? TINY;
    const { vocabSize } = openCheckpoint(folder).config;
    const ids = Array.from({ length: PROMPT_TOKENS }, (_, i) => (i * 7919) % vocabSize).join(',');
    const peers = await askedPeers(folder, ids);
    const runs = new Map<string, PeerRun[]>(peers.map(({ name }) => [name, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const peer of peers) runs.get(peer.name)!.push(await runPeer(peer));
    }
    return [...peers.flatMap(({ name }) => readings(name, runs)), ...comparisons(peers, runs)];
  },
};

async function askedPeers(folder: string, ids: string): Promise<readonly Peer[]> {
  const threads = String(availableParallelism());
  const steps = String(GREEDY_TOKENS);
  const own = fileURLToPath(new URL('peers/own-side.js', import.meta.url));
  const ownSide = (name: string, isFloat32: boolean): Peer => ({
    name,
    program: process.execPath,
    args: [own, name, folder, ids, steps, threads],
    isFloat32,
  });
  const peers: Peer[] = [ownSide('reference', true), ownSide('device', false)];
  const python = process.env['PYTHON'] ?? 'python3';
  if (await canRun(python, ['-c', 'import torch, transformers'])) {
    for (const dtype of ['float32', 'bfloat16']) {
      const args = [scripts('transformers_peer.py'), folder, dtype, ids, steps, threads];
      peers.push({ name: `Transformers ${dtype}`, program: python, args, isFloat32: dtype === 'float32' });
    }
  } else missing(`Transformers: ${basename(python)} has no torch and transformers`, '--python PATH, or $PYTHON');
  const gguf = process.env['GGUF'];
  const llama = process.env['NODE_LLAMA_CPP'] ?? process.cwd();
  if (gguf === undefined || !existsSync(gguf)) {
    missing('llama.cpp: no GGUF file of the checkpoint', '--gguf FILE, or $GGUF');
  } else if (!existsSync(`${llama}/node_modules/node-llama-cpp`)) {
    missing(
      'llama.cpp: no node-llama-cpp',
      'npm install it in any folder, then --node-llama-cpp FOLDER, or $NODE_LLAMA_CPP',
    );
  } else {
    const args = [scripts('llama-peer.mjs'), gguf, ids, steps, threads, llama];
    peers.push({ name: `llama.cpp ${basename(gguf)}`, program: process.execPath, args, isFloat32: false });
  }
  return peers;
}

function missing(what: string, hint: string): void {
  console.log(`  left out    ${what}\n  hint: ${hint}`);
}

async function canRun(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await runProgram(program, args);
    return true;
  } catch {
    return false;
  }
}

async function runPeer({ program, args }: Peer): Promise<PeerRun> {
  const run = await runProgram(program, args);
  return { ...run, ...(JSON.parse(run.stdout.trim().split('\n').at(-1)!) as Omit<PeerRun, keyof ChildRun>) };
}

function readings(name: string, all: ReadonlyMap<string, readonly PeerRun[]>): BenchResult[] {
  const runs = all.get(name)!;
  const golden = all.get('reference')![0]!.tokens;
  const equal = runs.map(({ tokens }) => tokens.findIndex((token, i) => token !== golden[i]));
  return [
    { name: `${name}, whole process`, unit: 's', samples: runs.map(({ seconds }) => seconds) },
    { name: `${name}, opening`, unit: 's', samples: runs.map(({ loadS }) => loadS) },
    { name: `${name}, prefill`, unit: 's', samples: runs.map(({ prefillS }) => prefillS) },
    { name: `${name}, decode`, unit: 's', samples: runs.map(({ decodeS }) => decodeS) },
    {
      name: `${name}, processor time`,
      unit: 's',
      samples: runs.flatMap(({ processorSeconds }) => processorSeconds ?? []),
    },
    { name: `${name}, peak memory`, unit: 'GiB', samples: runs.flatMap(({ peakGiB }) => peakGiB ?? []) },
    { name: `${name}, peak anonymous`, unit: 'GiB', samples: runs.flatMap(({ peakAnonymousGiB: peak }) => peak ?? []) },
    {
      name: `${name}, greedy tokens as the reference's`,
      unit: `of ${golden.length}`,
      samples: equal.map((first) => (first < 0 ? golden.length : first)),
    },
  ].filter(({ samples }) => samples.length > 0);
}

/** The reference against the peer in float32 that was fastest, pair by pair. */
function comparisons(peers: readonly Peer[], all: ReadonlyMap<string, readonly PeerRun[]>): BenchResult[] {
  const others = peers.filter(({ name, isFloat32 }) => isFloat32 && name !== 'reference');
  if (others.length === 0) return [];
  const time = (runs: readonly PeerRun[]): number[] => runs.map(({ prefillS, decodeS }) => prefillS + decodeS);
  const total = ({ name }: Peer): number => time(all.get(name)!).reduce((sum, seconds) => sum + seconds, 0);
  const fastest = others.toSorted((a, b) => total(a) - total(b))[0]!.name;
  const [own, peer] = [all.get('reference')!, all.get(fastest)!];
  const processor = (runs: readonly PeerRun[]): number[] =>
    runs.map(({ processorSeconds }) => processorSeconds ?? Number.NaN);
  const memory = (runs: readonly PeerRun[]): number[] => runs.map(({ peakGiB }) => peakGiB ?? Number.NaN);
  return [
    {
      name: `reference / ${fastest}, prefill and decode`,
      unit: 'of its time',
      samples: ratios(time(own), time(peer)),
      target: { relation: 'at most', value: SHARE_OF_TIME },
    },
    {
      name: `reference / ${fastest}, whole process`,
      unit: 'of its time',
      samples: ratios(
        own.map(({ seconds }) => seconds),
        peer.map(({ seconds }) => seconds),
      ),
    },
    {
      name: `reference / ${fastest}, processor time`,
      unit: 'of its time',
      samples: ratios(processor(own), processor(peer)),
    },
    {
      name: `reference / ${fastest}, peak memory`,
      unit: 'of its memory',
      samples: ratios(memory(own), memory(peer)),
      target: { relation: 'at most', value: SHARE_OF_MEMORY },
    },
  ];
}
