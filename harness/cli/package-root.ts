// Where the package lies, so that its fixtures are found from the sources and from dist alike.
import { existsSync, readFileSync } from 'node:fs';
import { InternalError } from '../../src/errors.ts';

/** @returns the folder with package.json, as a URL that ends with a slash. */
export function findPackageRoot(): URL {
  for (const up of ['../../', '../../../']) {
    const root = new URL(up, import.meta.url);
    if (existsSync(new URL('package.json', root))) return root;
  }
  throw new InternalError('the package has lost its package.json.', {
    code: 'PACKAGE_BROKEN',
    hint: 'install qwen-pcc again.',
  });
}

/** Version in package.json. */
export function packageVersion(): string {
  const text = readFileSync(new URL('package.json', findPackageRoot()), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
