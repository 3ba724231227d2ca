// What the documents for users say, taken out of their Markdown: commands, code, links, names of options and variables.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** In the order in which a reader comes to them. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`),
  'CONTRIBUTING.md',
];

export function textOf(document: string): string {
  return readFileSync(path.join(ROOT, document), 'utf8');
}

export interface DocumentedCommand {
  readonly document: string;
  readonly line: number;
  readonly command: string;
  /** 0 unless the comment behind the command says "exit code N". */
  readonly exitCode: number;
}

export interface CodeBlock {
  readonly document: string;
  readonly line: number;
  /** Empty for a fence without a word behind it. */
  readonly language: string;
  readonly code: string;
}

export function codeBlocks(document: string, text: string = textOf(document)): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; language: string; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(\w*)\s*$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === undefined) open = { line: index + 1, language: fence[1]!, lines: [] };
    else {
      blocks.push({ document, line: open.line, language: open.language, code: `${open.lines.join('\n')}\n` });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${document}: the fence in line ${open.line} is not closed`);
  return blocks;
}

const SHELLS: ReadonlySet<string> = new Set(['bash', 'sh', 'shell', 'console']);
/** How a line of a fence without a language begins if it is a command; the other such fences hold formulas and drawings. */
const COMMAND = /^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npm|npx|node|qwen-pcc|git|cd)\b/;
/** Inside a line of text only a whole command counts: `qwen-pcc record` there is a name. */
const INLINE_COMMAND = /^(?:[A-Z_]+=\S+ )*(?:npx|node) |^npm run \S+ &&|^validate --/;

/** Every command of fences and of code in the text, one a line or `&&`, in the order of the document. */
export function documentedCommands(document: string, text: string = textOf(document)): DocumentedCommand[] {
  const fenced = codeBlocks(document, text).flatMap(({ line, language, code }) =>
    code
      .split('\n')
      .map((shown, index) => ({ shown, line: line + 1 + index }))
      .filter(({ shown }) => shown.trim() !== '' && (SHELLS.has(language) || (language === '' && COMMAND.test(shown)))),
  );
  const inline = proseLines(text).flatMap(({ shown, line }) =>
    [...shown.matchAll(/`([^`]+)`/g)]
      .map((match) => ({ shown: match[1]!, line }))
      .filter((span) => INLINE_COMMAND.test(span.shown)),
  );
  return [...fenced, ...inline]
    .sort((a, b) => a.line - b.line)
    .flatMap(({ shown, line }) => {
      const [, body = '', comment = ''] = /^(?:\$ )?(.*?)(?:\s+#\s(.*))?$/.exec(shown)!;
      const exitCode = Number(/\bexit code (\d+)/.exec(comment)?.[1] ?? 0);
      const parts = body.trim().split(/\s+&&\s+/);
      return parts.map((command, part) => ({
        document,
        line,
        command: command.startsWith('validate ') ? `qwen-pcc ${command}` : command,
        exitCode: part === parts.length - 1 ? exitCode : 0,
      }));
    });
}

/** Lines outside fences. */
export function proseLines(text: string): { readonly shown: string; readonly line: number }[] {
  let isCode = false;
  return text
    .split('\n')
    .map((shown, index) => ({ shown, line: index + 1 }))
    .filter(({ shown }) => {
      const isFence = shown.startsWith('```');
      if (isFence) isCode = !isCode;
      return !isFence && !isCode;
    });
}

/** Cells of the first table whose header begins with that cell, without the header; code marks are taken off. */
export function tableRows(document: string, firstCell: string): string[][] {
  const lines = textOf(document).split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && cellsOf(line)[0] === firstCell);
  if (start < 0) throw new Error(`${document} has no table that begins with "${firstCell}"`);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(0, end < 0 ? undefined : end).map(cellsOf);
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replace(/^`|`$/g, ''));
}
