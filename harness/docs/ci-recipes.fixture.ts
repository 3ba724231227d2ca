// The recipes of docs/ci.md and the workflow of this repository, taken apart: YAML, scripts, our commands in them.
import { parseAllDocuments } from 'yaml';
import { createProgram } from '../cli/program.ts';
import { codeBlocks, textOf } from './documents.fixture.ts';

export const WORKFLOW = '.github/workflows/accuracy-gate.yml';

export interface Recipe {
  readonly name: string;
  readonly text: string;
  /** Parsed documents; none for a script. */
  readonly documents: readonly unknown[];
  /** Each as a shell gets it. */
  readonly scripts: readonly string[];
}

export function recipes(): Recipe[] {
  const blocks = codeBlocks('docs/ci.md').filter(({ language }) => language === 'yaml' || language === 'slurm');
  return [
    recipeOf(WORKFLOW, 'yaml', textOf(WORKFLOW)),
    ...blocks.map(({ line, language, code }) => recipeOf(`docs/ci.md, line ${line}`, language, code)),
  ];
}

function recipeOf(name: string, language: string, text: string): Recipe {
  if (language === 'slurm') return { name, text, documents: [], scripts: [text] };
  const parsed = parseAllDocuments(text, { strict: true, uniqueKeys: true });
  const problems = [parsed].flat().flatMap((one) => ('errors' in one ? [...one.errors, ...one.warnings] : []));
  if (problems.length > 0) throw new Error(`${name}: ${problems.map(String).join('\n')}`);
  const documents = [parsed].flat().map((one) => ('toJS' in one ? (one.toJS() as unknown) : undefined));
  return { name, text, documents, scripts: documents.flatMap(scriptsIn) };
}

const SCRIPT_KEYS: ReadonlySet<string> = new Set(['run', 'script', 'after_script', 'command', 'args']);

/** What stands under the keys that a shell is given; a list is a script of several lines. */
function scriptsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(scriptsIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (!SCRIPT_KEYS.has(key)) return scriptsIn(inner);
    if (typeof inner === 'string') return [inner];
    if (!Array.isArray(inner) || !inner.every((one) => typeof one === 'string')) return scriptsIn(inner);
    // An exec form is one command, word by word.
    return [inner[0] === 'npx' ? inner.join(' ') : inner.join('\n')];
  });
}

/** A script with what GitHub and Buildkite put in before a shell sees it. */
export function asShellSeesIt(script: string): string {
  return script.replaceAll(/\$\{\{.*?\}\}/g, '1').replaceAll('$$', '$');
}

/** Words of every `qwen-pcc …` of a script, variables filled in. */
export function ourCommands(script: string): string[][] {
  return asShellSeesIt(script)
    .split('\n')
    .flatMap((line) => /(?:^|\s)(?:npx )?qwen-pcc ((?:validate|plan|report) .*)$/.exec(line)?.[1] ?? [])
    .map(wordsOf);
}

/** As a shell takes it apart where nothing but quotes and variables matter. */
function wordsOf(line: string): string[] {
  const filled = line
    .replaceAll(/\$SHARD\b/g, '1/4')
    .replaceAll(/ \$OPTIONS\b/g, '')
    .replaceAll(/\$\{?\w+\}?/g, 'value');
  return [...filled.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare!,
  );
}

/** Parses a command line as qwen-pcc does, without doing it. @returns the options of the command that it came to. */
export async function parsedOnly(words: readonly string[]): Promise<Record<string, unknown>> {
  let parsed: Record<string, unknown> | undefined;
  const program = createProgram({ stdout: { write: () => 0 }, stderr: { write: () => 0 } });
  for (const command of [...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
    command.action((...args: unknown[]) => {
      parsed = { command: command.name(), ...(args.at(-2) as object) };
    });
  }
  await program.parseAsync([...words], { from: 'user' });
  if (parsed === undefined) throw new Error(`${words.join(' ')}: no command of qwen-pcc`);
  return parsed;
}
