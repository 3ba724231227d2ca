// The folder of the full-size benchmark: synthetic checkpoints, their weight caches, prompts and runs.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRunRecord, type RunRecord } from '../../record/run-record.ts';
import { type ChildRun, type ChildRunOptions, runCommand } from '../child-run.ts';

export type ModelSize = '7B' | '72B';

/** Weights of the device that may be in memory at once: less than 7 layers of 7B, so that all are streamed alike. */
const STREAMING_MEMORY = '1GiB';
const SEED = 1;

/** Verdicts are answers here, not what is measured: made-up weights have near ties that flip. */
const VERDICTS = [0, 1];

export interface Validated {
  readonly child: ChildRun;
  readonly run: RunRecord;
  readonly runFolder: string;
}

export class Workspace {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The checkpoint's folder; made if it is not there. */
  async checkpoint(size: ModelSize, layers: number): Promise<string> {
    const folder = join(this.folder, `${size}-${layers}`);
    if (existsSync(join(folder, 'config.json'))) return folder;
    this.tell(`making ${folder}`);
    const options = ['--layers', String(layers), '--seed', String(SEED)];
    await runCommand(['synthesize', '--like', `Qwen2-${size}`, folder, ...options]);
    return folder;
  }

  weightCache(): string {
    return join(this.folder, 'weight-cache');
  }

  /** A checkpoint that later parts do not need, and its packed weights. */
  dropCheckpoint(checkpoint: string): void {
    rmSync(checkpoint, { recursive: true, force: true });
    for (const name of readdirSync(this.weightCache())) {
      if (checkpoint.endsWith(`/${name}`)) rmSync(join(this.weightCache(), name), { recursive: true });
    }
  }

  /** A prompt file of one prompt: `prompt` ids and `continuation` forced ones. */
  prompts(prompt: number, continuation: number): string {
    const file = join(this.folder, `prompt-${prompt}-${continuation}.json`);
    // Ids spread over the vocabulary by a multiplicative sequence: no two neighbours alike, the same on every machine.
    const id = (i: number): number => ((i + 1) * 7919) % 151_643;
    const ids = Array.from({ length: prompt }, (_, i) => id(i));
    const forced = Array.from({ length: continuation }, (_, i) => id(prompt + i));
    writeFileSync(file, JSON.stringify([{ name: `${prompt}-${continuation}`, ids, continuation: forced }]));
    return file;
  }

  /** A prompt file of several prompts of `length` ids, each its own, whose texts the reference goes on with. */
  greedyPrompts(count: number, length: number): string {
    const file = join(this.folder, `greedy-${count}-${length}.json`);
    const ids = (prompt: number): number[] =>
      Array.from({ length }, (_, i) => ((prompt * length + i + 1) * 7919) % 151_643);
    writeFileSync(
      file,
      JSON.stringify(Array.from({ length: count }, (_, i) => ({ name: `greedy-${i}`, ids: ids(i) }))),
    );
    return file;
  }

  /** `validate` with streamed weights. @param memory - as --memory has it. */
  async validate(
    checkpoint: string,
    prompts: string,
    options: ChildRunOptions = {},
    memory: string = STREAMING_MEMORY,
  ): Promise<Validated> {
    this.tell(`validate on ${checkpoint}`);
    const out = this.emptyFolder('runs');
    const args = ['validate', '--weights', checkpoint, '--prompts', prompts, '--out', out];
    const child = await runCommand([...args, ...this.streaming(memory)], { accept: VERDICTS, ...options });
    const runFolder = join(out, readdirSync(out)[0]!);
    return { child, run: parseRunRecord(readFileSync(join(runFolder, 'run.json'), 'utf8')), runFolder };
  }

  /** One side alone, so that memory and time are its own. */
  async record(side: 'reference' | 'n150', checkpoint: string, prompts: string): Promise<ChildRun> {
    this.tell(`${side} alone on ${checkpoint}`);
    const file = join(this.folder, `${side}.safetensors`);
    const args = ['record', '--source', side, '--weights', checkpoint, '--prompts', prompts, '--out', file, '--force'];
    const child = await runCommand([...args, ...this.streaming()]);
    rmSync(file);
    return child;
  }

  /** An empty folder of that name. */
  emptyFolder(name: string): string {
    const folder = join(this.folder, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  tell(message: string): void {
    process.stderr.write(`  · ${message}\n`);
  }

  private streaming(memory: string = STREAMING_MEMORY): string[] {
    return ['--memory', memory, '--weight-cache', this.weightCache()];
  }
}
