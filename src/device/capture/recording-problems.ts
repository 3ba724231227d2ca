// All that does not fit in a recording, gathered into one message with the lines of Python that put it right.
import { basename } from 'node:path';
import { InputError } from '../../errors.ts';
import { printable } from '../../text/printable.ts';

export interface Problem {
  /** Last part of the error's code, e.g. `LOGITS`. */
  readonly code: string;
  /** What it is about, e.g. `prompt "a", logits`. */
  readonly where: string;
  readonly found: string;
  readonly wanted: string;
  /** A line of Python over the array's own name. */
  readonly repair?: string;
}

/** More are as good as these. */
const SHOWN_MAX = 8;

/** What a recording is refused with: RECORDING_ and the code of the first problem. */
export function unusable(path: string, problems: readonly Problem[]): InputError {
  const facts: Record<string, string> = {};
  for (const { where, found, wanted } of problems.slice(0, SHOWN_MAX)) {
    const key = where in facts ? `${where} (again)` : where;
    facts[key] = `found ${printable(found)}, wanted ${wanted}`;
  }
  if (problems.length > SHOWN_MAX) facts['and'] = `${problems.length - SHOWN_MAX} more`;
  const repairs = [...new Set(problems.flatMap(({ repair }) => repair ?? []))].slice(0, SHOWN_MAX);
  const count = problems.length === 1 ? 'one thing does' : `${problems.length} things do`;
  return new InputError(`${printable(basename(path))}: the recording cannot be used, ${count} not fit.`, {
    code: `RECORDING_${problems[0]!.code}`,
    facts,
    hint: [
      repairs.length === 0
        ? 'docs/recordings.md describes what a recording holds.'
        : 'in Python, before it is saved (docs/recordings.md describes what a recording holds):',
      ...repairs,
    ].join('\n'),
  });
}
