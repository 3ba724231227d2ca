// Outlier channels that change nothing: a channel scaled up in one matrix and down in the next, so that the function is the same and
// only formats with shared exponents lose by it. Which channels: fixtures/outlier-channels.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { type Checkpoint, openCheckpoint } from '../../../src/checkpoint/weights.ts';
import { packageFile } from '../../sources/package-root.ts';
import { editedCheckpoint } from './edited-checkpoint.ts';

export interface OutlierRecipe {
  readonly id: string;
  /** The knobs of the formats that lose by it: one of them must be the first to heal. */
  readonly formats: readonly string[];
  readonly edits: readonly ScaledChannels[];
}

/** Rows or columns of a tensor, multiplied. */
interface ScaledChannels {
  readonly tensor: string;
  readonly rows?: readonly number[] | undefined;
  readonly columns?: readonly number[] | undefined;
  readonly factor: number;
}

const channels = z.array(z.int().min(0)).min(1);
const RecipesSchema = z.strictObject({
  checkpoint: z.string(),
  weightsSha256: z.string(),
  recipes: z.array(
    z.strictObject({
      id: z.string(),
      formats: z.array(z.string()).min(1),
      edits: z.array(
        z.strictObject({
          tensor: z.string(),
          rows: channels.optional(),
          columns: channels.optional(),
          factor: z.number(),
        }),
      ),
    }),
  ),
});

/** The recipes with the checkpoint that they are of. @throws Error if that is another one. */
export async function outlierRecipes(): Promise<{ base: Checkpoint; recipes: readonly OutlierRecipe[] }> {
  const file = packageFile('fixtures/outlier-channels/recipes.json');
  const { checkpoint, weightsSha256, recipes } = RecipesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const base = openCheckpoint(path.join(path.dirname(file), '..', checkpoint));
  const found = await base.sha256();
  if (found !== weightsSha256)
    throw new Error(`${file} is of weights ${weightsSha256}, and ${checkpoint} has ${found}`);
  return { base, recipes };
}

export function withOutliers(base: Checkpoint, { edits }: OutlierRecipe): Checkpoint {
  return editedCheckpoint(base, Object.fromEntries(edits.map((edit) => [edit.tensor, scaleOf(edit)])));
}

/** Of a matrix [rows, columns]; a vector's elements are its rows. */
function scaleOf({ rows = [], columns = [], factor }: ScaledChannels) {
  return (values: Float32Array, [height]: readonly number[]): void => {
    const width = values.length / height!;
    for (const row of rows) for (let i = row * width; i < (row + 1) * width; i++) values[i]! *= factor;
    for (const column of columns) for (let i = column; i < values.length; i += width) values[i]! *= factor;
  };
}
