// The error codes that the sources can throw, read off their text: a new one without an entry in a table is found.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../spawned-command.fixture.ts';

interface CodeForm {
  /** Whose first group holds one code or several in quotes. */
  readonly form: RegExp;
  /** What the function puts before them. */
  readonly prefix?: string;
  /** Only in files below it. */
  readonly below?: string;
}

/** How codes are written: a field, or an argument of the few functions that put a prefix before it. */
const FORMS: readonly CodeForm[] = [
  { form: /\bcode: ('[A-Z][A-Z_\d]+')(?!,\s*where)/g },
  { form: /\bcode: [^,\n]*? \? ('[A-Z_]+' : '[A-Z_]+')/g },
  { form: /\b(?:misplaced\(path, kind|wrongContent\(\w+), ('[A-Z_]+')/g },
  { form: /\brefuse\(\s*('CONFIG_[A-Z]+')/g },
  { form: /\brequireSame\(('MERGE_[A-Z]+')/g },
  { form: /\bbroken\(\s*path,\s*('[A-Z_]+')/g, prefix: 'SAFETENSORS_' },
  { form: /\bconst \[code, \w+\] = ([^;]+);/g, prefix: 'SAFETENSORS_' },
  { form: /\bunsupported\(\s*path,\s*('[A-Z_]+')/g, prefix: 'CONFIG_' },
  { form: /\bcode: ('[A-Z_]+'),\s*where/g, prefix: 'RECORDING_', below: 'src/device/capture' },
  { form: /\bfindings\.report\(\s*('[A-Z_]+')/g, prefix: 'RECORDING_' },
  { form: /\binvalid\(\s*(?:this\.#)?recording,\s*('[A-Z_]+')/g, prefix: 'RECORDING_' },
  { form: /\bconst code = ([^;]+);/g, prefix: 'RECORDING_', below: 'src/device/capture' },
];

/** What is thrown at users: no tests, no measurements, no code of the system's own. */
const LEFT_OUT = /\.(test|fixture|bench)\.ts$|(^|\/)(bench|build|calibration)\/|\.generated\.ts$/;
const OF_THE_SYSTEM = /^E[A-Z]+DIR$/;
/** Names of arrays stand beside the codes in one choice. */
const A_CODE = /'([A-Z][A-Z_\d]+)'/g;

/** Codes that commander's own complaints get in command-line-error.ts, of those that this command line can cause. */
export const COMMANDER_CODES: readonly string[] = [
  'COMMAND_MISSING',
  'UNKNOWN_COMMAND',
  'UNKNOWN_OPTION',
  'OPTION_MISSING_ARGUMENT',
  'MISSING_ARGUMENT',
  'EXCESS_ARGUMENTS',
  'MISSING_MANDATORY_OPTION_VALUE',
  'CONFLICTING_OPTION',
];

/** Code to the file that has it. */
export function errorCodes(): ReadonlyMap<string, string> {
  const codes = new Map<string, string>(COMMANDER_CODES.map((code) => [code, 'harness/cli/command-line-error.ts']));
  const files = ['src', 'harness', 'reference']
    .flatMap((folder) => readdirSync(path.join(ROOT, folder), { recursive: true }).map((file) => `${folder}/${file}`))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !LEFT_OUT.test(file));
  for (const file of files.sort()) {
    const source = readFileSync(path.join(ROOT, file), 'utf8');
    for (const { form, prefix = '', below = '' } of FORMS) {
      if (!file.startsWith(below)) continue;
      for (const [, written] of source.matchAll(form)) {
        for (const [, code] of written!.matchAll(A_CODE)) {
          if (!OF_THE_SYSTEM.test(code!)) codes.set(prefix + code!, file);
        }
      }
    }
  }
  return codes;
}
