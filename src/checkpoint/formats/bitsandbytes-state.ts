// The quant_state of a 4-bit weight of bitsandbytes: JSON that lies in a tensor of bytes, and says how its codes are to be read.
// Source: bitsandbytes 0.50.2 `QuantState.as_dict(packed=True)`, `QuantState.from_dict`.
import type { PlainTensor } from '../checkpoint-tensor.ts';
import { readBytes } from '../safetensors.ts';
import { isSettings, type Settings, shown } from './settings.ts';
import { brokenTensor, findPart, type StoredPart } from './stored-parts.ts';

export type FourBitType = 'nf4' | 'fp4';

export interface FourBitState {
  readonly quantType: FourBitType;
  /** Values that share a maximum. */
  readonly blocksize: number;
  /** How the maxima are quantised. */
  readonly nested: { readonly blocksize: number /** float32. */; readonly offset: number } | undefined;
}

/** Name after the weight's, of each type. */
export const STATE_PARTS: Readonly<Record<FourBitType, string>> = {
  nf4: 'quant_state.bitsandbytes__nf4',
  fp4: 'quant_state.bitsandbytes__fp4',
};

/** Those that the library takes. */
const BLOCKSIZES: readonly unknown[] = [32, 64, 128, 256, 512, 1024, 2048, 4096];
const DTYPES: readonly unknown[] = ['bfloat16', 'float16', 'float32'];
/** Some 170 bytes are usual. */
const STATE_BYTES_MAX = 4096;

/**
 * @param shape - of the model's matrix.
 * @throws InputError `QUANTISED_TENSOR`.
 */
export function readFourBitState(
  stored: ReadonlyMap<string, PlainTensor>,
  codes: StoredPart,
  shape: readonly [number, number],
): FourBitState {
  const found = (['nf4', 'fp4'] as const).flatMap((type) => {
    const part = findPart(stored, `${codes.name}.${STATE_PARTS[type]}`);
    return part === undefined ? [] : [{ type, part }];
  });
  const [only] = found;
  if (only === undefined || found.length > 1) {
    const names = found.map(({ part }) => part.name).join(', ') || 'none';
    throw brokenTensor(codes, 'has not exactly one quant_state', names, Object.values(STATE_PARTS).join(' or '));
  }
  const { part, type } = only;
  const state = parseState(part);
  const require = (key: string, isRight: boolean, wanted: string): void => {
    if (!isRight)
      throw brokenTensor(
        part,
        `says something else than the checkpoint, or what is not read`,
        `${key} ${shown(state[key])}`,
        wanted,
      );
  };
  require('quant_type', state['quant_type'] === type, `"${type}"`);
  require('blocksize', BLOCKSIZES.includes(state['blocksize']), BLOCKSIZES.join(', '));
  require('dtype', DTYPES.includes(state['dtype']), DTYPES.join(', '));
  require('shape', JSON.stringify(state['shape']) === JSON.stringify(shape), JSON.stringify(shape));
  const blocksize = state['blocksize'] as number;
  const isNested = stored.has(`${codes.name}.nested_absmax`);
  for (const key of ['nested_blocksize', 'nested_dtype', 'nested_offset']) {
    require(key, isNested === (state[key] != null), isNested
      ? 'a value, as for nested_absmax'
      : 'none, as there is no nested_absmax');
  }
  for (const key of Object.keys(state)) require(key, KEYS.includes(key), 'no such field');
  if (!isNested) return { quantType: type, blocksize, nested: undefined };
  const inner = state['nested_blocksize'];
  require('nested_blocksize', Number.isSafeInteger(inner) && (inner as number) > 0, 'a positive integer');
  require('nested_dtype', state['nested_dtype'] === 'float32', '"float32"');
  const offset = Math.fround(state['nested_offset'] as number);
  require('nested_offset', typeof state['nested_offset'] === 'number' && Number.isFinite(offset), 'a float32');
  return { quantType: type, blocksize, nested: { blocksize: inner as number, offset } };
}

const KEYS: readonly string[] = [
  ...['quant_type', 'blocksize', 'dtype', 'shape', 'nested_blocksize', 'nested_dtype', 'nested_offset'],
];

function parseState(part: StoredPart): Settings {
  const { file, dtype, shape, offsetBytes, lengthBytes } = part;
  if (dtype !== 'U8' || shape.length !== 1 || lengthBytes > STATE_BYTES_MAX) {
    throw brokenTensor(part, 'is no JSON in bytes', `${dtype} [${shape.join(', ')}]`, `U8, at most ${STATE_BYTES_MAX}`);
  }
  const text = new TextDecoder().decode(readBytes(file, offsetBytes, lengthBytes));
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    throw brokenTensor(part, 'is no JSON in bytes', shown(text), 'a JSON object');
  }
  if (isSettings(state)) return state;
  throw brokenTensor(part, 'is no JSON object', shown(text), 'a JSON object');
}
