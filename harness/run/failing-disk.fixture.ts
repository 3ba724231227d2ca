// A disk that fails at the nth operation below a folder, as this process sees it: killed there, full, read-only, or one error.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';

/**
 * - `killed`: nothing after this operation reaches the disk: what `kill -9` leaves.
 * - `full`: what takes room fails from here on with ENOSPC; removing and renaming work.
 * - `readOnly`: every change fails from here on with EROFS.
 * - `oneError`: this operation fails with EIO, every later one works.
 */
export type DiskFault = 'killed' | 'full' | 'readOnly' | 'oneError';
export const DISK_FAULTS: readonly DiskFault[] = ['killed', 'full', 'readOnly', 'oneError'];

export interface FaultPlan {
  readonly fault: DiskFault;
  /** The operation that it begins with, from 0. */
  readonly at: number;
  /** Whether half of the bytes of that write are there all the same. */
  readonly isTorn: boolean;
}

const CODES = { killed: 'EIO', full: 'ENOSPC', readOnly: 'EROFS', oneError: 'EIO' } as const;

/** Functions of node:fs that change a folder, and whether they take room. */
const CHANGING = {
  openSync: true,
  writeSync: true,
  writeFileSync: true,
  appendFileSync: true,
  mkdirSync: true,
  symlinkSync: true,
  renameSync: false,
  rmSync: false,
  unlinkSync: false,
  ftruncateSync: false,
  fsyncSync: false,
} as const;
type Name = keyof typeof CHANGING;
type AnyFunction = (...args: unknown[]) => unknown;

/** One change of the disk. */
export interface Operation {
  readonly name: Name;
  /** Path of the file or folder. */
  readonly file: string;
}

/**
 * Calls `work` on a disk that fails.
 *
 * @param root - operations elsewhere neither fail nor count.
 * @returns what became of `work`, and every operation that it tried.
 */
export async function onFailingDisk<T>(
  root: string,
  plan: FaultPlan | undefined,
  work: () => Promise<T>,
): Promise<{ result: PromiseSettledResult<T>; operations: readonly Operation[] }> {
  const functions = fs as unknown as Record<Name, AnyFunction>;
  const originals = Object.fromEntries(names().map((name) => [name, functions[name]])) as Record<Name, AnyFunction>;
  const opened = new Map<unknown, string>();
  const operations: Operation[] = [];
  let isInside = false;
  for (const name of names()) {
    functions[name] = (...args) => {
      const place = name === 'symlinkSync' ? args[1] : args[0];
      const file = typeof place === 'number' ? opened.get(place) : path.resolve(String(place));
      const isChange = file?.startsWith(root) === true && !(name === 'openSync' && isReading(args[1]));
      // Node's own functions call each other.
      if (isInside || !isChange) return originals[name](...args);
      const index = operations.push({ name, file }) - 1;
      if (plan !== undefined && fails(plan, name, index)) {
        if (plan.isTorn && index === plan.at) writeHalf(originals, name, args);
        throw Object.assign(new Error(`${CODES[plan.fault]}: made up, ${name}`), { code: CODES[plan.fault] });
      }
      isInside = true;
      try {
        const result = originals[name](...args);
        if (name === 'openSync') opened.set(result, file);
        return result;
      } finally {
        isInside = false;
      }
    };
  }
  syncBuiltinESMExports();
  try {
    const [result] = await Promise.allSettled([(async () => work())()]);
    return { result: result!, operations };
  } finally {
    Object.assign(functions, originals);
    syncBuiltinESMExports();
  }
}

const names = (): Name[] => Object.keys(CHANGING) as Name[];
const isReading = (flags: unknown): boolean => flags === undefined || flags === 'r';

function fails({ fault, at }: FaultPlan, name: Name, index: number): boolean {
  if (fault === 'oneError') return index === at;
  return index >= at && (fault !== 'full' || CHANGING[name]);
}

/** What a write leaves that was cut off in the middle. */
function writeHalf(originals: Record<Name, AnyFunction>, name: Name, [file, data]: readonly unknown[]): void {
  if (name !== 'writeSync' && name !== 'appendFileSync') return;
  const bytes = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
  originals.writeSync(file, bytes.subarray(0, Math.floor(bytes.length / 2)));
}
