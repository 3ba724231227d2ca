// What the demo is going to run: checkpoint, mode, prompt and limits; refused here if it cannot work.
import { longestSequence } from '../../src/checkpoint/config.ts';
import type { LogitsSource } from '../../src/device/logits-source.ts';
import type { N150Config } from '../../src/device/n150/compute-config.ts';
import { InputError, UsageError } from '../../src/errors.ts';
import type { Tokenizer } from '../../src/text/tokenizer.ts';
import { parseDeviceSpec } from '../sources/device-spec.ts';
import { type Model, Models } from '../sources/models.ts';
import { type DeviceResources, openN150 } from '../sources/open-n150.ts';
import { requireRunnable, type WeightsFamily } from '../sources/plan.ts';
import { encodeDemoPrompt, readDemoPrompts } from './demo-prompts.ts';

export interface DemoPlanOptions {
  /** Checkpoint folder. */
  readonly folder: string;
  /** As the checkpoint looks, if absent. */
  readonly family?: WeightsFamily;
  /** Prompt file in the original's form; that of the family if absent. */
  readonly prompts?: string;
  readonly defaultPrompts: Readonly<Record<WeightsFamily, string>>;
  readonly maxSeqLen: number;
  readonly device: N150Config;
  readonly resources: DeviceResources;
}

export interface DemoPlan {
  readonly family: WeightsFamily;
  /** Folder name of the checkpoint. */
  readonly model: string;
  /** The first one of the file: the batch size is 1. */
  readonly prompt: string;
  /** [P] token ids. */
  readonly promptIds: Int32Array;
  readonly eosTokenIds: readonly number[];
  readonly decode: (tokenIds: readonly number[]) => string;
  readonly openDevice: () => Promise<LogitsSource>;
}

/** The device of the demo: its first decode step rotates one position behind unless `text` says otherwise. */
export function demoDevice(text: string, environment: NodeJS.ProcessEnv): N150Config {
  const [kind, ...rest] = text.split(':');
  const knobs = rest.join(':');
  const isSaid = /(^|,)\s*demoRotOffByOne\b/.test(knobs);
  const spec = parseDeviceSpec(kind === 'n150' && !isSaid ? `n150:demoRotOffByOne=true,${knobs}` : text, environment);
  if (spec.kind === 'n150') return spec.config;
  throw new UsageError('a recording cannot run the demo: it has rows only for the tokens that were recorded.', {
    code: 'DEMO_RECORDING',
    hint: 'write --device n150, with knobs if you like.',
  });
}

/** @throws UsageError, InputError, UnsupportedError, each naming the file. */
export function planDemo(options: DemoPlanOptions): DemoPlan {
  const { folder, maxSeqLen, device, resources } = options;
  const model = new Models().open(folder);
  const { checkpoint } = model;
  const tokenizer = requireTokenizer(model);
  const family = options.family ?? model.family;
  const prompts = options.prompts ?? options.defaultPrompts[family];
  const prompt = readDemoPrompts(prompts)[0]!;
  const promptIds = encodeDemoPrompt(prompt, family, tokenizer);
  const { vocabSize, eosTokenIds } = checkpoint.config;
  requireRunnable(
    [
      {
        name: 'first entry',
        user: 0,
        promptIds: [...promptIds],
        continuationIds: null,
        positions: null,
      },
    ],
    { model: checkpoint.name, file: prompts, vocabSize, longest: longestSequence(checkpoint.config) },
    { maxNewTokens: 0, maxSeqLen },
  );
  return {
    family,
    model: checkpoint.name,
    prompt,
    promptIds,
    eosTokenIds,
    decode: (tokenIds) => tokenizer.decode(tokenIds),
    openDevice: () => openN150(checkpoint, family === 'instruct', device, resources),
  };
}

function requireTokenizer({ checkpoint, tokenizer }: Model): Tokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new InputError(`${checkpoint.folder}: the demo needs tokenizer.json to read and write text.`, {
    code: 'TOKENIZER_MISSING',
    hint: 'put tokenizer.json and tokenizer_config.json of the same model into the folder.',
  });
}
