// The command line as reports show it: it repeats the run from the folder it was typed in; for people, nothing reads it again.
import path from 'node:path';

/**
 * @param args - arguments after the program's name.
 * @returns `qwen-pcc …`, words quoted for a shell where needed; absolute paths relative to `currentFolder`.
 */
export function shownCommand(args: readonly string[], currentFolder: string = process.cwd()): string {
  return ['qwen-pcc', ...args.map((word) => quoteWord(withoutAbsolutePath(word, currentFolder)))].join(' ');
}

/** A path as it can be typed in this folder: never absolute, so that reports do not tell where a user keeps things. */
export function shownPath(file: string, currentFolder: string = process.cwd()): string {
  return path.relative(currentFolder, file) || '.';
}

function withoutAbsolutePath(word: string, currentFolder: string): string {
  const start = word.search(/(?<=^|[=:])\//);
  return start < 0 ? word : word.slice(0, start) + shownPath(word.slice(start), currentFolder);
}

/**
 * A shown command as it may leave this machine: a path that climbs out of its folder keeps its last name only, since the way
 * from there down (`../../home/ada/…`) tells where a user keeps things.
 */
export function commandForElsewhere(command: string): string {
  const words = command.match(/'(?:[^']|'\\'')*'|[^\s']+/g) ?? [];
  return words.map((word) => word.replace(/(?<=^'?|[=:])(?:\.\.\/)+(?:[^/]+\/)*/g, '…/')).join(' ');
}

/** A word as a shell takes it for one. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
