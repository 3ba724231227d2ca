// Which checkpoint the demo runs: --weights, $QWEN_DIR, or a tiny one of the package.
import { existsSync } from 'node:fs';
import { parsePlace } from '../../src/checkpoint/checkpoint-place.ts';
import { nearestName, UsageError } from '../../src/errors.ts';
import { packageFile } from '../sources/package-root.ts';
import { WEIGHTS_FAMILIES, type WeightsFamily } from '../sources/plan.ts';
import { withAdapter } from './adapter-option.ts';

export interface DemoWeights {
  readonly folder: string;
  /** Undefined: as the checkpoint looks. */
  readonly family?: WeightsFamily;
}

export interface GivenWeights {
  readonly weights?: string | undefined;
  readonly adapter?: string | undefined;
}

/**
 * @param given - a family, whose checkpoint lies in $QWEN_DIR or comes along, or a place; and an adapter on it.
 * @param qwenDir - $QWEN_DIR; empty counts as absent.
 * @throws UsageError for what is neither.
 */
export function demoWeights(given: GivenWeights, qwenDir: string | undefined): DemoWeights {
  const { folder, ...rest } = chosenWeights(given.weights, qwenDir);
  return { folder: withAdapter([folder], given.adapter)[0]!, ...rest };
}

function chosenWeights(weights: string | undefined, qwenDir: string | undefined): DemoWeights {
  const family = WEIGHTS_FAMILIES.find((name) => name === weights);
  if (weights !== undefined && family === undefined) {
    requireFolder(weights);
    return { folder: weights };
  }
  if (qwenDir) return { folder: qwenDir, ...(family === undefined ? {} : { family }) };
  const name = family === 'instruct' ? 'tiny-qwen2-instruct' : 'tiny-qwen2';
  return { folder: packageFile(`fixtures/${name}`), family: family ?? 'general' };
}

function requireFolder(weights: string): void {
  if (existsSync(parsePlace(weights).base)) return;
  const nearest = nearestName(weights, WEIGHTS_FAMILIES);
  throw new UsageError(
    `--weights must be ${WEIGHTS_FAMILIES.join(', ')} or a checkpoint (folder, .gguf, BASE+ADAPTER); got "${weights}".`,
    {
      code: 'OPTION_VALUE',
      hint: nearest === undefined ? 'there is no such folder or file.' : `did you mean ${nearest}?`,
    },
  );
}
