// What is found while the arrays of one prompt are put together: what does not fit, and what was cut, rounded or left out.
import { printable } from '../../text/printable.ts';
import type { Problem } from './recording-problems.ts';

export class PromptFindings {
  readonly problems: Problem[] = [];
  readonly notes: string[] = [];
  /** Names the prompt in errors. */
  readonly subject: string;
  readonly #isOneOfSeveral: boolean;

  /** @param isOneOfSeveral - of its file: then it is named in every sentence. */
  constructor(prompt: string, isOneOfSeveral: boolean) {
    this.subject = `prompt "${printable(prompt)}"`;
    this.#isOneOfSeveral = isOneOfSeveral;
  }

  /** @param repair - a line of Python. */
  report(code: string, where: string, found: string, wanted: string, repair?: string): void {
    const place = this.#isOneOfSeveral ? `${this.subject}, ${where}` : where;
    this.problems.push({ code, where: place, found, wanted, ...(repair === undefined ? {} : { repair }) });
  }

  note(note: string): void {
    this.notes.push(this.#isOneOfSeveral ? `${this.subject}: ${note}` : note);
  }
}
