// What is found while the arrays of one prompt are put together: what does not fit, and what was cut, rounded or left out.
import { printable } from '../../text/printable.ts';
import type { Problem } from './recording-problems.ts';

export class PromptFindings {
  readonly problems: Problem[] = [];
  readonly notes: string[] = [];
  readonly #prefix: string;

  /** @param prompt - named in every sentence; undefined where a file has one prompt alone. */
  constructor(prompt: string | undefined) {
    this.#prefix = prompt === undefined ? '' : `prompt "${printable(prompt)}"`;
  }

  /** @param repair - a line of Python. */
  report(code: string, where: string, found: string, wanted: string, repair?: string): void {
    const place = this.#prefix === '' ? where : `${this.#prefix}, ${where}`;
    this.problems.push({ code, where: place, found, wanted, ...(repair === undefined ? {} : { repair }) });
  }

  note(note: string): void {
    this.notes.push(this.#prefix === '' ? note : `${this.#prefix}: ${note}`);
  }
}
