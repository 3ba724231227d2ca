// Puts the rows of a live reference on disk, a file at a time; what the disk refuses ends the keeping, never the run.
import path from 'node:path';
import { QwenPccError } from '../../src/errors.ts';
import { makeFolder } from '../../src/files/make-folder.ts';
import { removeLeftovers } from '../../src/files/remove-leftovers.ts';
import { GoldenFileWriter, writerOf } from './golden-file.ts';

export interface KeeperSettings {
  /** Of the reference; made with the first row. */
  readonly folder: string;
  readonly vocabSize: number;
  /** Throws when the weights are not those that the folder is named after. */
  readonly requireUnchanged: () => Promise<void>;
  /** Told once why no more rows are kept. */
  readonly onProblem: (problem: string) => void;
}

export class GoldenKeeper {
  readonly #settings: KeeperSettings;
  #writer: GoldenFileWriter | undefined;
  #hasFolder = false;
  #hasFailed = false;

  constructor(settings: KeeperSettings) {
    this.#settings = settings;
  }

  /** @param context - that the next rows begin with; a file that is being written goes on. */
  begin(context: string): void {
    if (this.#writer !== undefined) return;
    this.#attempt(() => {
      const { folder, vocabSize } = this.#settings;
      if (!this.#hasFolder) {
        makeFolder(folder);
        removeLeftovers(folder, writerOf);
        this.#hasFolder = true;
      }
      this.#writer = new GoldenFileWriter(goldenPath(folder, context), context, vocabSize);
    });
  }

  /** @param logits - [V] float32. */
  addRow(tokenId: number, logits: Float32Array): void {
    if (this.#writer !== undefined) this.#attempt(() => this.#writer?.addRow(tokenId, logits));
  }

  endFeed(rows: number): void {
    this.#writer?.endFeed(rows);
  }

  /** Puts the file in place that is being written, if any. */
  async keep(): Promise<void> {
    if (this.#writer === undefined) return;
    try {
      await this.#settings.requireUnchanged();
    } catch {
      // Whoever judges these rows asks the same and says it.
      this.drop();
      return;
    }
    this.#attempt(() => this.#writer?.finish());
    this.#writer = undefined;
  }

  /** Forgets the file that is being written. */
  drop(): void {
    this.#writer?.abort();
    this.#writer = undefined;
  }

  #attempt(write: () => void): void {
    if (this.#hasFailed) return;
    try {
      write();
    } catch (error) {
      this.#hasFailed = true;
      this.drop();
      this.#settings.onProblem(`rows were not kept: ${reasonOf(error)}`);
    }
  }
}

export function goldenPath(folder: string, context: string): string {
  return path.join(folder, `${context}.safetensors`);
}

/** The system's word for it: its sentence names a path, which no report may have. */
function reasonOf(error: unknown): string {
  const cause = error instanceof QwenPccError ? (error.cause ?? error) : error;
  return (cause as NodeJS.ErrnoException).code ?? 'the disk refused them';
}
