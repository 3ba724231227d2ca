// compressed-tensors checkpoints, as llm-compressor writes them: groups of modules, each in a format of its own.
// Source: compressed-tensors 0.20.0; the formats' own files say which functions.
import type { CheckpointTensor } from '../../checkpoint-tensor.ts';
import type { DecodedWeights, StoredWeights } from '../format.ts';
import { ACTIVATIONS_NOTE, modulesIn, takeParts } from '../packed-modules.ts';
import { byteCodes } from './byte-codes.ts';
import { packQuantized } from './pack-quantized.ts';
import { compressedSettings, type WeightScheme } from './scheme.ts';
import { schemesOf } from './targets.ts';

/** What a scheme stores of activations, which are not emulated. */
const OF_ACTIVATIONS = ['input_scale', 'input_zero_point', 'output_scale', 'output_zero_point'];

/** Reads a compressed-tensors checkpoint. @throws UnsupportedError `QUANTISED_UNSUPPORTED`, InputError `QUANTISED_TENSOR`. */
export function readCompressedTensors({ path, settings, stored, expected }: StoredWeights): DecodedWeights {
  const read = compressedSettings(path, settings);
  const modules = modulesIn(expected);
  const tensors = new Map<string, CheckpointTensor>(stored);
  const used = new Set<string>();
  let quantisesActivations = false;
  for (const [module, { weights, quantisesActivations: both }] of schemesOf(path, read, [...modules.keys()])) {
    quantisesActivations ||= both;
    if (both) for (const part of OF_ACTIVATIONS) tensors.delete(`${module}.${part}`);
    // A matrix of which nothing is stored is missed, and said to be, by those who know the model.
    if (weights === undefined || !isStored(stored, module)) continue;
    const decode = weights.format === 'pack-quantized' ? packQuantized : byteCodes;
    const { parts, tensor } = decode({ path, module, shape: modules.get(module)!, scheme: weights, stored });
    takeParts(tensors, module, parts, tensor);
    used.add(describe(weights));
  }
  const encoding = ['compressed-tensors', ...(used.size === 0 ? ['no matrix quantised'] : used)].join(', ');
  return { tensors, encoding, notes: quantisesActivations ? [ACTIVATIONS_NOTE] : [] };
}

function isStored(stored: StoredWeights['stored'], module: string): boolean {
  return stored.has(`${module}.weight`) || stored.has(`${module}.weight_packed`);
}

/** `pack-quantized int4 in groups of 128, asymmetric`. */
function describe({ format, type, bits, strategy, groupSize, block, isSymmetric }: WeightScheme): string {
  const shared = {
    tensor: 'a scale a tensor',
    channel: 'a scale a row',
    group: `groups of ${groupSize}`,
    block: 'blocks',
  };
  const blocks = block === undefined ? '' : ` of ${block.join(' x ')}`;
  return `${format} ${type}${bits} in ${shared[strategy]}${blocks}${isSymmetric ? '' : ', asymmetric'}`.replace(
    ' in a ',
    ', a ',
  );
}
