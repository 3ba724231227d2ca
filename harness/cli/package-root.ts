// What the package brings along: found from the sources and from dist alike.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openRecording } from '../../src/device/capture/recording.ts';
import { InternalError, UsageError } from '../../src/errors.ts';

const TINY_CHECKPOINTS = ['tiny-qwen2', 'tiny-qwen2-instruct'] as const;

/** Path of a file or folder of the package. */
export function packageFile(name: string): string {
  return fileURLToPath(new URL(name, findPackageRoot()));
}

/** Version in package.json. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }).version;
}

/** Folders of the checkpoints that a run without --weights judges. */
export function tinyCheckpoints(): string[] {
  return TINY_CHECKPOINTS.map((name) => packageFile(`fixtures/${name}`));
}

/**
 * The tiny checkpoint that a recording was made of: the one that it names, the general one if it names none.
 *
 * @throws UsageError when it names another model, which has to be given.
 */
export function recordedCheckpoint(recording: string): string {
  const model = openRecording(recording).metadata['model'] ?? TINY_CHECKPOINTS[0];
  if ((TINY_CHECKPOINTS as readonly string[]).includes(model)) return packageFile(`fixtures/${model}`);
  throw new UsageError(`${recording} was recorded from "${model}", which does not come with qwen-pcc.`, {
    code: 'RECORDING_WEIGHTS',
    hint: `give the folder of ${model} with --weights.`,
  });
}

/** The folder with package.json, as a URL that ends with a slash. */
function findPackageRoot(): URL {
  for (const up of ['../../', '../../../']) {
    const root = new URL(up, import.meta.url);
    if (existsSync(new URL('package.json', root))) return root;
  }
  throw new InternalError('the package has lost its package.json.', {
    code: 'PACKAGE_BROKEN',
    hint: 'install qwen-pcc again.',
  });
}
