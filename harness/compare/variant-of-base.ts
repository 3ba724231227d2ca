// Whether a checkpoint is a variant of another one at all: the same shapes and tokens, and at least one norm with the same values.
import { parsePlace } from '../../src/checkpoint/checkpoint-place.ts';
import { readWholeTensor } from '../../src/checkpoint/checkpoint-tensor.ts';
import type { Checkpoint } from '../../src/checkpoint/weights.ts';
import { InputError } from '../../src/errors.ts';
import { roundAllToBf16TiesEven } from '../../src/numerics/bf16.ts';
import type { Tokenizer } from '../../src/text/tokenizer.ts';

/** A checkpoint with its tokenizer, if it has one. */
export interface ComparedModel {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer | undefined;
}

/** Sizes that a change of weights leaves as they are; the vocabulary may be padded. */
const SHAPES = ['layers', 'hiddenSize', 'intermediateSize', 'queryHeads', 'keyValueHeads', 'headDim'] as const;

const HINT =
  'compare it with its own base; `qwen-pcc validate --device-weights` judges any two checkpoints of one shape';

/** @throws InputError NOT_A_VARIANT that says what differs. */
export function requireVariantOf(base: ComparedModel, variant: ComparedModel): void {
  requireShapes(base.checkpoint, variant.checkpoint);
  requireTokens(base, variant);
  // An adapter may train norms too; what it stands on says what it is a variant of.
  if (!isAdapterOn(base.checkpoint, variant.checkpoint)) requireSharedNorm(base.checkpoint, variant.checkpoint);
}

/** Whether the variant is an adapter on the very base. */
export function isAdapterOn(base: Pick<Checkpoint, 'folder'>, variant: Pick<Checkpoint, 'folder'>): boolean {
  const place = parsePlace(variant.folder);
  return place.adapter !== undefined && place.base === parsePlace(base.folder).base;
}

function requireShapes(base: Checkpoint, variant: Checkpoint): void {
  const [key] = SHAPES.filter((name) => base.config[name] !== variant.config[name]);
  if (key === undefined) return;
  throw notAVariant(base, variant, `its ${key} differs`, variant.config[key], base.config[key]);
}

function requireTokens(base: ComparedModel, variant: ComparedModel): void {
  const [ours, theirs] = [base.tokenizer, variant.tokenizer];
  if (ours === undefined || theirs === undefined || ours.sha256 === theirs.sha256) return;
  const count = Math.min(ours.vocabSize, theirs.vocabSize);
  for (let id = 0; id < count; id++) {
    if (ours.tokenText(id) === theirs.tokenText(id)) continue;
    const [wanted, found] = [ours, theirs].map((tokenizer) => `id ${id} is ${JSON.stringify(tokenizer.tokenText(id))}`);
    throw notAVariant(base.checkpoint, variant.checkpoint, 'its tokenizer gives ids to other texts', found!, wanted!);
  }
}

/** No format quantises norms; both sides are rounded to bfloat16, which one of the two may be stored in. */
function requireSharedNorm(base: Checkpoint, variant: Checkpoint): void {
  const norms = [...base.tensors.keys()].filter((name) => name.endsWith('norm.weight'));
  const valuesOf = ({ tensors }: Checkpoint, name: string): string => {
    const values = readWholeTensor(tensors.get(name)!);
    roundAllToBf16TiesEven(values);
    return values.join();
  };
  if (norms.some((name) => valuesOf(base, name) === valuesOf(variant, name))) return;
  throw notAVariant(
    base,
    variant,
    'none of its norms has the values of the base, and no format quantises norms',
    `${norms.length} other norms`,
    'one that is the same',
  );
}

function notAVariant(
  base: Checkpoint,
  variant: Checkpoint,
  what: string,
  found: string | number,
  wanted: string | number,
): InputError {
  return new InputError(`${variant.name} is not a variant of ${base.name}: ${what}.`, {
    code: 'NOT_A_VARIANT',
    facts: { found, wanted },
    hint: HINT,
  });
}
