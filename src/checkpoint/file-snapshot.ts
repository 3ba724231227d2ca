// What the files of a checkpoint are at one moment, and whether they still are: a run compares one model, not a mixture of two.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { ComparisonInvalidError } from '../errors.ts';

/** Of one file. */
interface FileState {
  readonly bytes: string;
  readonly inode: string;
  readonly modifiedNs: string;
  readonly changedNs: string;
}

/** Taken by `Checkpoint.snapshot()`. */
export interface CheckpointSnapshot {
  /** Path -> state of a weight file, which is read throughout a run. */
  readonly weights: ReadonlyMap<string, FileState | undefined>;
  /** Path -> sha256 of a small file: touching it changes nothing. */
  readonly texts: ReadonlyMap<string, string | undefined>;
}

/** For the weights of a snapshot. */
export function statesOf(paths: readonly string[]): CheckpointSnapshot['weights'] {
  return new Map(paths.map((path) => [path, stateOf(path)]));
}

/** For the small files of a snapshot. */
export function digestsOf(paths: readonly string[]): CheckpointSnapshot['texts'] {
  return new Map(paths.map((path) => [path, digestOf(path)]));
}

/** Hex sha256 of the `sha256  name` lines of those of a snapshot's small files that are there. */
export function digestOfTexts({ texts }: CheckpointSnapshot, names: readonly string[]): string {
  const lines = [...texts].flatMap(([path, digest]) =>
    digest === undefined || !names.includes(basename(path)) ? [] : `${digest}  ${basename(path)}\n`,
  );
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/**
 * Compares the files with a snapshot of them.
 *
 * @param weightsAreSame - reads the weights once more; asked only where nothing but the time of the last change to the inode differs,
 *   which a new name, owner or permission changes as well as a write that sets the modification time back.
 * @throws ComparisonInvalidError `CHECKPOINT_CHANGED` that names each file and what of it differs.
 */
export async function requireUnchangedSince(
  folder: string,
  { weights, texts }: CheckpointSnapshot,
  weightsAreSame: () => Promise<boolean>,
): Promise<void> {
  const changes = new Map<string, string>();
  let mayHaveChanged = false;
  for (const [path, before] of weights) {
    const now = stateOf(path);
    const change = changeBetween(before, now);
    if (change !== undefined) changes.set(path, change);
    else if (before?.changedNs !== now?.changedNs) mayHaveChanged = true;
  }
  for (const [path, before] of texts) if (digestOf(path) !== before) changes.set(path, 'its content');
  if (changes.size === 0 && mayHaveChanged && !(await weightsAreSame())) changes.set('weights', 'their content');
  if (changes.size === 0) return;
  throw new ComparisonInvalidError(`${folder}: the checkpoint changed while it was in use.`, {
    code: 'CHECKPOINT_CHANGED',
    facts: Object.fromEntries([...changes].map(([path, change]) => [basename(path), change])),
    hint: 'rows before and after belong to two models: let nothing write to the folder, and run again',
  });
}

function changeBetween(before: FileState | undefined, now: FileState | undefined): string | undefined {
  if (before === undefined || now === undefined) return before === now ? undefined : 'it is gone, or new';
  if (before.inode !== now.inode) return 'it was replaced by another file';
  if (before.bytes !== now.bytes) return `it had ${before.bytes} bytes and has ${now.bytes}`;
  return before.modifiedNs === now.modifiedNs ? undefined : 'it was written to';
}

function stateOf(path: string): FileState | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  const { size, ino, mtimeNs, ctimeNs } = stats;
  return { bytes: `${size}`, inode: `${ino}`, modifiedNs: `${mtimeNs}`, changedNs: `${ctimeNs}` };
}

function digestOf(path: string): string | undefined {
  try {
    if (!statSync(path).isFile()) return undefined;
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch {
    return undefined;
  }
}
