// qwen-pcc compare BASE VARIANT… --weights-only: conversion errors by name, in seconds and without running anything.
import { EXIT_CODES, UsageError } from '../../src/errors.ts';
import { compareWeights } from '../compare/weights/compare-weights.ts';
import { weightsJson, weightsTerminal } from '../compare/weights/render-weights.ts';
import { createChalk } from '../report/plain-table.ts';
import { Models } from '../sources/models.ts';

export interface WeightsOnlyOptions {
  readonly json?: boolean;
}

/** Exit code 1 if the weights of a variant are not what a quantisation makes of the base. */
export function compareWeightsOnly(base: string, variants: readonly string[], { json }: WeightsOnlyOptions): void {
  if (variants.length === 0) {
    throw new UsageError('--weights-only compares a base with at least one checkpoint.', {
      code: 'COMPARE_ARGUMENT',
      hint: 'write `qwen-pcc compare BASE VARIANT --weights-only`.',
    });
  }
  const models = new Models();
  const chalk = createChalk(process.env);
  const ofBase = models.checkpoint(base);
  let isBad = false;
  for (const [i, variant] of variants.entries()) {
    const comparison = compareWeights(ofBase, models.checkpoint(variant));
    isBad ||= comparison.relation === 'faulty' || comparison.relation === 'notAVariant';
    process.stdout.write(
      json === true ? weightsJson(comparison) : `${i > 0 ? '\n' : ''}${weightsTerminal(comparison, chalk)}\n`,
    );
  }
  process.exitCode = isBad ? EXIT_CODES.accuracyFail : EXIT_CODES.pass;
}
