// The command line as reports show it: what was typed, but no folder of this machine.
import path from 'node:path';

/**
 * @param args - arguments after the program's name.
 * @returns `qwen-pcc …`, words quoted for a shell where needed; absolute paths relative to the current folder, or only their name
 *   when they lie outside of it.
 */
export function repeatableCommand(args: readonly string[], currentFolder: string = process.cwd()): string {
  return ['qwen-pcc', ...args.map((word) => quoteWord(withoutAbsolutePath(word, currentFolder)))].join(' ');
}

function withoutAbsolutePath(word: string, currentFolder: string): string {
  const start = word.search(/(?<=^|[=:])\//);
  if (start < 0) return word;
  const absolute = word.slice(start);
  const relative = path.relative(currentFolder, absolute);
  const shown = relative.startsWith('..') ? path.basename(absolute) : relative || '.';
  return word.slice(0, start) + shown;
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The arguments of a command line that `repeatableCommand` wrote, without the program's name. */
export function commandWords(command: string): string[] {
  const words = [...command.matchAll(/(?:'[^']*'|\\'|[^\s'])+/g)].map(([word]) =>
    word.replaceAll(
      /'([^']*)'|\\(')/g,
      (_, quoted: string | undefined, escaped: string | undefined) => quoted ?? escaped ?? '',
    ),
  );
  return words.slice(1);
}
