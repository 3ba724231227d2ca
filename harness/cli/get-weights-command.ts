// qwen-pcc get-weights: Qwen2-7B or another checkpoint from a model hub into a folder.
import { Command, Option } from 'commander';
import { downloadCheckpoint, GENERAL_REPO, INSTRUCT_REPO } from '../hub/download.ts';
import { createDownloadProgress } from '../hub/download-progress.ts';
import { formatBytes } from '../report/format.ts';
import { onInterrupt } from './interrupt.ts';

interface GetWeightsOptions {
  // Named as the original demo's script names it.
  readonly weights_path: string;
  readonly instruct?: boolean;
  readonly repo?: string;
  readonly revision: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function getWeightsCommand(): Command {
  return new Command('get-weights')
    .description(`download ${GENERAL_REPO} or another checkpoint: resumable, checked, nothing to do if it is there`)
    .requiredOption('--weights_path <dir>', 'the folder for the checkpoint')
    .option('--instruct', `${INSTRUCT_REPO} instead of ${GENERAL_REPO}`)
    .addOption(new Option('--repo <owner/name>', 'another repository of the hub').conflicts('instruct'))
    .option('--revision <revision>', 'branch, tag or commit; what it is pinned to is printed', 'main')
    .option('--force', "replace files that differ from the hub's")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nEnvironment: HF_TOKEN for models with terms to accept, sent to the hub only; HF_ENDPOINT for a mirror.',
    )
    .action(getWeights);
}

async function getWeights(options: GetWeightsOptions): Promise<void> {
  const repo = options.repo ?? (options.instruct === true ? INSTRUCT_REPO : GENERAL_REPO);
  const endpoint = process.env['HF_ENDPOINT']?.trim();
  const token = process.env['HF_TOKEN']?.trim();
  const interrupt = onInterrupt('stopping; what was received is kept, the same command goes on');
  const progress = createDownloadProgress(process.stderr);
  try {
    const { revision, weights_path: folder } = options;
    const result = await downloadCheckpoint({
      repo,
      revision,
      folder,
      force: options.force === true,
      signal: interrupt.signal,
      onEvent: progress.onEvent,
      ...(endpoint && { endpoint }),
      ...(token && { token }),
    });
    progress.close();
    const counts = `${result.downloaded.length} files received, ${result.present.length} there already`;
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ repo, folder, ...result }, null, 2)}\n`
        : `${folder}: ${repo} at ${result.commit}, ${counts}, ${formatBytes(result.totalBytes)}\n`,
    );
  } finally {
    progress.close();
    interrupt.release();
  }
}
