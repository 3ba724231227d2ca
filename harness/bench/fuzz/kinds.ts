// The kinds of files that are damaged, the readers of the product that get them, and a command line that reads them too.
import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTensorRows } from '../../../src/checkpoint/checkpoint-tensor.ts';
import { parseModelConfig } from '../../../src/checkpoint/config.ts';
import { openGguf } from '../../../src/checkpoint/formats/gguf/open-gguf.ts';
import { readSafetensorsHeader, readTensorFloat32 } from '../../../src/checkpoint/safetensors.ts';
import { openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { createCaptureSource } from '../../../src/device/capture/capture-source.ts';
import { openRecording } from '../../../src/device/capture/recording.ts';
import { encodePrompt } from '../../../src/text/encode-prompt.ts';
import { readPrompts } from '../../../src/text/prompts.ts';
import { loadTokenizer } from '../../../src/text/tokenizer.ts';
import { readRunRecord } from '../../record/json-schema.ts';
import { readLocalPaths } from '../../record/local-paths.ts';
import { concludeRun } from '../../replay/conclude-run.ts';
import { readForResume, readRun } from '../../replay/read-run.ts';
import { packageFile } from '../../sources/package-root.ts';
import { type Draws, damageBytes, damageJson, damageLines } from './damage.ts';

export interface Kind {
  readonly name: string;
  /** Of a round of all kinds, how many inputs. */
  readonly share: number;
  /** Whether every refusal of it has the same code. */
  readonly hasOneCode?: true;
  /** Writes one input into an empty folder. @param seeds - folder with the whole recording and run of `makeSeeds`. */
  make(folder: string, draws: Draws, seeds: string): void;
  /** What the product reads of it; throws QwenPccError or nothing. */
  read(folder: string): void | Promise<void>;
  /** Command lines that read it too. */
  commands(folder: string): readonly (readonly string[])[];
}

const CHECKPOINT = packageFile('fixtures/tiny-qwen2-instruct');
const CHECKPOINT_FILES = ['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json'];
CHECKPOINT_FILES.push('tokenizer_config.json');
const GGUF = packageFile('fixtures/quantised/gguf/tiny-qwen2.gguf');
/** Up to the vocabulary, and up to the data. */
const GGUF_VALUES_BYTES = 640;
const GGUF_HEADER_BYTES = 66_300;
const RECORDINGS = packageFile('fixtures/recordings');
/** Header and some bytes of the data behind it; readers decide by the first. */
const HEADER_BYTES = 8000;

/** All files of the tiny checkpoint as links but for the damaged one. */
function checkpointWith(folder: string, damagedName: string, damaged: Buffer): void {
  for (const name of CHECKPOINT_FILES) {
    if (name === damagedName) writeFileSync(join(folder, name), damaged);
    else symlinkSync(join(CHECKPOINT, name), join(folder, name));
  }
  writeFileSync(join(folder, 'ids.json'), '[{"name":"one","ids":[5,6,7]}]');
  writeFileSync(join(folder, 'chat.json'), '[{"name":"one","messages":[{"role":"user","content":"Hello"}]}]');
}

const validate = (...args: readonly string[]): string[] => ['validate', '--max-new-tokens', '1', ...args];
const original = (name: string): Buffer => readFileSync(join(CHECKPOINT, name));

export const recordings: Kind = {
  name: 'recordings',
  share: 2,
  make(folder, draws, seeds) {
    const name = draws.of(RECORDING_NAMES);
    if (name === 'recorded.safetensors') copyFileSync(join(seeds, name), join(folder, name));
    else cpSync(join(RECORDINGS, name), join(folder, name), { recursive: true });
    const damagedName = name.includes('.') ? name : join(name, draws.of(FOLDER_FILES[name]!));
    const whole = readFileSync(join(folder, damagedName));
    const damaged = damagedName.endsWith('.json')
      ? damageJson(whole.toString(), draws)
      : damagedName.endsWith('.safetensors') && draws.chance(60)
        ? headerDamaged(whole, 8 + Number(whole.readBigUInt64LE(0)), draws)
        : damageBytes(whole, draws, draws.chance(60) ? 200 : whole.length);
    writeFileSync(join(folder, damagedName), damaged);
    writeFileSync(join(folder, 'which'), name);
  },
  async read(folder) {
    const recording = openRecording(recordingOf(folder));
    for (const prompt of recording.prompts) {
      for (let row = 0; row < prompt.positions.length; row++) prompt.readLogits(row);
      for (const tap of prompt.taps) prompt.tap(tap);
    }
    await recording.sha256();
    await (await createCaptureSource(recording)).close();
  },
  commands: (folder) => [
    validate('--weights', CHECKPOINT, '--device', `capture:${recordingOf(folder)}`, '--out', join(folder, 'runs')),
    validate('--weights', CHECKPOINT, '--reference', `golden:${recordingOf(folder)}`, '--out', join(folder, 'runs')),
  ],
};

export const KINDS: readonly Kind[] = [
  {
    name: 'config',
    share: 1,
    make(folder, draws) {
      const name = draws.chance(80) ? 'config.json' : 'generation_config.json';
      checkpointWith(folder, name, damageJson(original(name).toString(), draws));
    },
    read: (folder) => void openCheckpoint(folder),
    commands: (folder) => [
      validate('--weights', folder, '--prompts', join(folder, 'ids.json'), '--out', join(folder, 'runs')),
      ['doctor', '--weights', folder],
    ],
  },
  {
    name: 'safetensors',
    share: 1,
    make(folder, draws) {
      const name = 'model.safetensors';
      const whole = original(name);
      const headerEnd = 8 + Number(whole.readBigUInt64LE(0));
      checkpointWith(
        folder,
        name,
        draws.chance(50) ? damageBytes(whole, draws, HEADER_BYTES) : headerDamaged(whole, headerEnd, draws),
      );
    },
    read(folder) {
      const header = readSafetensorsHeader(join(folder, 'model.safetensors'));
      for (const name of header.tensors.keys()) readTensorFloat32(header, name);
      openCheckpoint(folder);
    },
    commands: (folder) => [
      validate('--weights', folder, '--prompts', join(folder, 'ids.json'), '--out', join(folder, 'runs')),
    ],
  },
  {
    name: 'gguf',
    share: 1,
    make(folder, draws) {
      const whole = readFileSync(GGUF);
      // Counts and single values, the names of tensors behind the vocabulary too, or anything.
      const first = draws.of([40, GGUF_VALUES_BYTES, GGUF_HEADER_BYTES, whole.length]);
      writeFileSync(join(folder, 'model.gguf'), damageBytes(whole, draws, first));
    },
    read(folder) {
      const path = join(folder, 'model.gguf');
      const { config, generation, tensors, tokenizer } = openGguf(path);
      parseModelConfig(config, { path, generation });
      for (const tensor of tensors.values()) readTensorRows(tensor, 0, 1);
      if (tokenizer !== undefined) loadTokenizer({ path, ...tokenizer }).encode('Call me Ishmael. <|im_end|>');
    },
    commands: () => [],
  },
  {
    name: 'tokenizer',
    share: 1,
    make(folder, draws) {
      const name = draws.chance(60) ? 'tokenizer.json' : 'tokenizer_config.json';
      checkpointWith(folder, name, damageJson(original(name).toString(), draws));
    },
    read(folder) {
      const tokenizer = loadTokenizer(folder);
      const ids = tokenizer.encodeWithSpecialTokens('Call me Ishmael. 月 🚢 <|im_end|>\u0301');
      tokenizer.decode(ids);
      for (const id of ids) tokenizer.tokenText(id);
      tokenizer.renderChat([{ role: 'user', content: 'Hello' }]);
    },
    commands: (folder) => [
      validate('--weights', folder, '--prompts', join(folder, 'chat.json'), '--out', join(folder, 'runs')),
    ],
  },
  {
    name: 'prompts',
    share: 1,
    make(folder, draws) {
      const name = draws.of(['general.json', 'instruct.json', 'mixed']);
      const text = name === 'mixed' ? MIXED_PROMPTS : readFileSync(packageFile(`fixtures/prompts/${name}`), 'utf8');
      writeFileSync(join(folder, 'prompts.json'), damageJson(text, draws));
    },
    read(folder) {
      const path = join(folder, 'prompts.json');
      const tokenizer = loadTokenizer(CHECKPOINT);
      for (const prompt of readPrompts(path)) encodePrompt(prompt, { tokenizer, vocabSize: 2048, path });
    },
    commands: (folder) => [
      validate('--weights', CHECKPOINT, '--prompts', join(folder, 'prompts.json'), '--out', join(folder, 'runs')),
    ],
  },
  recordings,
  {
    name: 'run folders',
    share: 1,
    make(folder, draws, seeds) {
      const run = join(folder, 'run');
      mkdirSync(run);
      cpSync(join(seeds, 'runs/last/'), run, { recursive: true, dereference: true });
      const name = draws.of(['run.jsonl', 'run.jsonl', 'run.jsonl', 'run.json', 'local.json']);
      const text = readFileSync(join(run, name), 'utf8');
      writeFileSync(join(run, name), name === 'run.jsonl' ? damageLines(text, draws) : damageJson(text, draws));
    },
    async read(folder) {
      const run = join(folder, 'run');
      const readers: readonly (() => unknown)[] = [
        () => concludeRun(readRun(run)),
        () => readForResume(run),
        () => readRunRecord(run),
        () => readLocalPaths(run, 'no hint is asked for here.'),
      ];
      // Each for itself: what one refuses, the next must survive too.
      const refusals = readers.map((reader) => refusalOf(reader)).filter((refusal) => refusal !== undefined);
      if (refusals.length > 0) throw refusals.find((refusal) => !(refusal as Coded).exitCode) ?? refusals[0];
    },
    commands: (folder) => [
      ['inspect', join(folder, 'run'), '--stored'],
      ['validate', '--resume', join(folder, 'run')],
    ],
  },
];

interface Coded {
  readonly exitCode?: number;
}

function refusalOf(reader: () => unknown): unknown {
  try {
    reader();
    return undefined;
  } catch (error) {
    return error;
  }
}

const FOLDER_FILES: Readonly<Record<string, readonly string[]>> = {
  'bfloat16-bits': ['logits.npy', 'norm.npy', 'recording.json'],
  'tiles-a-step': ['input_ids.npy', 'logits_0000.npy', 'logits_0003.npy'],
};
const RECORDING_NAMES: readonly string[] = [
  ...['recorded.safetensors', 'decode-only.safetensors', 'model-output.safetensors'],
  ...['one-prompt.npz', 'left-padded-batch.npz', 'types.npz', 'lone-logits.npy', ...Object.keys(FOLDER_FILES)],
  ...['dict.pt', 'old.pt'],
];
const recordingOf = (folder: string): string => join(folder, readFileSync(join(folder, 'which'), 'utf8'));

/** The JSON of a header damaged as JSON, with the length that it then has. */
export function headerDamaged(whole: Buffer, headerEnd: number, draws: Draws): Buffer {
  const header = damageJson(whole.toString('utf8', 8, headerEnd), draws);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, whole.subarray(headerEnd)]);
}

export const MIXED_PROMPTS: string = JSON.stringify([
  { name: 'text', why: 'w', text: 'Call me Ishmael.', continuation: ' Some years ago' },
  {
    name: 'chat',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Weather in Austin?' }] }],
    tools: [{ type: 'function', function: { name: 'get_weather' } }],
  },
  { name: 'ids', ids: [34, 512, 77], continuation: [1000, 4] },
]);

/** Command lines that make a whole recording and a whole run, which are then damaged. */
export function seedCommands(seeds: string): readonly (readonly string[])[] {
  const prompts = join(seeds, 'prompts.json');
  writeFileSync(prompts, MIXED_PROMPTS);
  const common = ['--weights', CHECKPOINT, '--prompts', prompts, '--max-new-tokens', '3'];
  return [
    ['record', ...common, '--source', 'n150', '--taps', 'norm.out', '--out', join(seeds, 'recorded.safetensors')],
    ['validate', ...common, '--out', join(seeds, 'runs')],
  ];
}
