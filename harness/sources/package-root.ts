// What the package brings along: found from the sources and from dist alike.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openRecording } from '../../src/device/capture/recording.ts';
import { InternalError, UsageError } from '../../src/errors.ts';
import { printable } from '../../src/text/printable.ts';

const TINY_CHECKPOINTS = ['tiny-qwen2', 'tiny-qwen2-instruct'] as const;

/** Path of a file or folder of the package. */
export function packageFile(name: string): string {
  return fileURLToPath(new URL(name, findPackageRoot()));
}

/** Version in package.json. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }).version;
}

/** Commit of the checkout that this package is, null for an installed one. */
export function gitSha(): string | null {
  const git = packageFile('.git');
  const read = (name: string): string | undefined => {
    const file = path.join(git, name);
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  };
  const head = read('HEAD');
  const branch = head?.startsWith('ref: ') === true ? head.slice('ref: '.length) : undefined;
  const packed =
    branch === undefined
      ? undefined
      : read('packed-refs')
          ?.split('\n')
          .find((line) => line.endsWith(` ${branch}`));
  const sha = branch === undefined ? head : (read(branch) ?? packed?.split(' ')[0]);
  return sha !== undefined && /^[0-9a-f]{40,64}$/.test(sha) ? sha : null;
}

/** Folders of the checkpoints that a run without --weights judges. */
export function tinyCheckpoints(): string[] {
  return TINY_CHECKPOINTS.map((name) => packageFile(`fixtures/${name}`));
}

/** The folder of a tiny checkpoint by the short name that commands know it by, `general` or `instruct`; other texts as they are. */
export function packagedOr(place: string): string {
  const [general, instruct] = tinyCheckpoints();
  return { general, instruct }[place] ?? place;
}

/**
 * The tiny checkpoint that a recording was made of.
 *
 * @throws UsageError when it names another model, or none: foreign rows never borrow a model, a tokenizer or its text.
 */
export function recordedCheckpoint(recording: string): string {
  const { model } = openRecording(recording).metadata;
  if ((TINY_CHECKPOINTS as readonly (string | undefined)[]).includes(model)) return packageFile(`fixtures/${model}`);
  const origin =
    model === undefined
      ? 'does not say from which model it was recorded'
      : `was recorded from "${printable(model)}", which does not come with qwen-pcc`;
  throw new UsageError(`${recording} ${origin}.`, {
    code: 'RECORDING_WEIGHTS',
    hint: `give the folder of ${model === undefined ? 'its checkpoint' : printable(model)} with --weights.`,
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
