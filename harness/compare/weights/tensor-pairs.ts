// Which tensor of the variant stands beside which of the base; other shapes are refused, another vocabulary or head is said.

import { EMBED_TOKENS, LM_HEAD } from '../../../src/checkpoint/tensor-names.ts';
import type { Checkpoint } from '../../../src/checkpoint/weights.ts';
import { ShapeError } from '../../../src/errors.ts';
import { createPair, type TensorPair } from './tensor-pair.ts';
import type { Diagnosis } from './weight-comparison.ts';

export interface TensorPairs {
  readonly pairs: readonly TensorPair[];
  /** Of the head's pair, if one side ties it to the embedding and the other does not. */
  readonly head: 'same' | 'tied' | 'untied';
}

/** @throws ShapeError `COMPARE_SHAPES` naming every tensor that one side lacks or that has another shape. */
export function pairTensors(base: Checkpoint, variant: Checkpoint): TensorPairs {
  const differences: [string, string][] = [];
  const pairs: TensorPair[] = [];
  for (const [name, tensor] of base.tensors) {
    const other = variant.tensors.get(name);
    if (other !== undefined && isComparable(name, tensor.shape, other.shape))
      pairs.push(createPair(name, tensor, other));
    else if (name !== LM_HEAD)
      differences.push([name, `${shapeText(tensor.shape)} in the base, ${shapeText(other?.shape)} in the variant`]);
  }
  for (const [name, tensor] of variant.tensors) {
    if (!base.tensors.has(name) && name !== LM_HEAD)
      differences.push([name, `only in the variant, ${shapeText(tensor.shape)}`]);
  }
  if (differences.length > 0) {
    throw new ShapeError(`${variant.name} is not a variant of ${base.name}: its tensors have other shapes.`, {
      code: 'COMPARE_SHAPES',
      facts: Object.fromEntries(differences),
      hint: 'name the checkpoint that the variant was made from as the base',
    });
  }
  const [ours, theirs] = [base, variant].map(({ tensors, lmHeadName }) => tensors.get(lmHeadName)!);
  if (base.lmHeadName === variant.lmHeadName) return { pairs, head: 'same' };
  return {
    pairs: [...pairs, createPair(LM_HEAD, ours!, theirs!)],
    head: variant.lmHeadName === EMBED_TOKENS ? 'tied' : 'untied',
  };
}

/** Rows of the vocabulary may be cut or filled up. */
function isComparable(name: string, ours: readonly number[], theirs: readonly number[]): boolean {
  const isVocabulary = name === EMBED_TOKENS || name === LM_HEAD;
  return (
    ours.length === theirs.length && ours.every((side, axis) => side === theirs[axis] || (isVocabulary && axis === 0))
  );
}

function shapeText(shape: readonly number[] | undefined): string {
  return shape === undefined ? 'nothing' : `[${shape.join(', ')}]`;
}

/** Of a head that only one side ties to its embedding; undefined where the values are the base's all the same. */
export function headDiagnosis(head: TensorPairs['head'], cosine: number | null): Diagnosis | undefined {
  if (head === 'same' || (cosine ?? 0) >= 0.9) return undefined;
  const fit = `cosine ${(cosine ?? 0).toFixed(3)}`;
  return head === 'tied'
    ? {
        kind: 'tiedHead',
        sentence: `the base's own head is lost: the variant ties it to the embedding, which holds other values (${fit})`,
      }
    : {
        kind: 'untiedHead',
        sentence: `the base ties its head to the embedding, the variant stores one with other values (${fit})`,
      };
}

export function vocabularyDiagnosis({ base, variant }: TensorPair): Diagnosis | undefined {
  const [ours = 0, theirs = 0] = [base.shape[0], variant.shape[0]];
  if (ours === theirs) return undefined;
  const how = theirs < ours ? `cut from ${ours} rows to ${theirs}` : `padded from ${ours} rows to ${theirs}`;
  return { kind: 'vocabulary', sentence: `the vocabulary is ${how}; the rows of both are compared` };
}
