// Which files a reader opens, by the paths that it asks for: a name inside of a file must lead nowhere else.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';

type AnyFunction = (...args: unknown[]) => unknown;
const SYNCHRONOUS = ['openSync', 'readFileSync', 'readdirSync', 'opendirSync', 'createReadStream', 'open', 'readFile'];
const PROMISED = ['open', 'readFile', 'readdir', 'opendir'];

/** Watches from now on, until `stop`. Links are the user's own: what counts is the path that is asked for. */
export class WatchedReads {
  #allowed: readonly string[] = [];
  #outside: string[] = [];
  readonly #restore: (() => void)[] = [];

  constructor() {
    this.#wrap(fs as unknown as Record<string, AnyFunction>, SYNCHRONOUS);
    this.#wrap(fs.promises as unknown as Record<string, AnyFunction>, PROMISED);
    syncBuiltinESMExports();
  }

  /** Forgets what was seen. @param allowed - folders whose files may be read. */
  begin(...allowed: readonly string[]): void {
    this.#allowed = allowed.map((folder) => resolve(folder));
    this.#outside = [];
  }

  /** Paths elsewhere that were asked for since `begin`. */
  get outside(): readonly string[] {
    return this.#outside;
  }

  stop(): void {
    for (const restore of this.#restore) restore();
    syncBuiltinESMExports();
  }

  #wrap(functions: Record<string, AnyFunction>, names: readonly string[]): void {
    for (const name of names) {
      const original = functions[name]!;
      functions[name] = (...args) => {
        this.#see(args[0]);
        return original.apply(functions, args);
      };
      this.#restore.push(() => {
        functions[name] = original;
      });
    }
  }

  #see(place: unknown): void {
    if (typeof place !== 'string') return;
    const path = resolve(place);
    if (!this.#allowed.some((folder) => path === folder || path.startsWith(folder + sep))) this.#outside.push(path);
  }
}
