// The sha256 of large weight files, kept in a small file for as long as they do not change: hashing 15 GB takes the disk 20 s.
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../files/make-folder.ts';
import { replaceFile } from '../files/replace-file.ts';

const FILE_NAME = 'checkpoint-sha256.json';

/** What a file cannot change without a trace: whoever writes to it or replaces it moves its change time. */
const schema = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  files: z.array(
    z.strictObject({
      name: z.string(),
      bytes: z.string(),
      inode: z.string(),
      modifiedNs: z.string(),
      changedNs: z.string(),
    }),
  ),
});

type Remembered = z.infer<typeof schema>;

/**
 * The digest that `folder` remembers for these files, else the one that `hash` makes, which is remembered then.
 *
 * @param folder - made if need be; where it cannot be written nothing is remembered, which costs time only.
 */
export async function rememberedDigest(
  files: readonly string[],
  folder: string,
  hash: () => Promise<string>,
): Promise<string> {
  const path = join(folder, FILE_NAME);
  const before = identities(files);
  const known = read(path);
  if (known !== undefined && JSON.stringify(known.files) === JSON.stringify(before)) return known.sha256;
  const sha256 = await hash();
  // Files that changed while they were hashed are not remembered.
  if (JSON.stringify(identities(files)) === JSON.stringify(before)) write(path, folder, { sha256, files: before });
  return sha256;
}

function identities(files: readonly string[]): Remembered['files'] {
  return files.map((file) => {
    const { size, ino, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return {
      name: basename(file),
      bytes: String(size),
      inode: String(ino),
      modifiedNs: String(mtimeNs),
      changedNs: String(ctimeNs),
    };
  });
}

function read(path: string): Remembered | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

function write(path: string, folder: string, remembered: Remembered): void {
  try {
    makeFolder(folder);
    replaceFile(path, `${JSON.stringify(remembered, null, 2)}\n`);
  } catch {
    // A digest that is not remembered is computed again.
  }
}
