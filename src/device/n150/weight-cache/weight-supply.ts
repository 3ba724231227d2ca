// Hands packed matrices to the graph, unit by unit: all kept in the engine, one at a time with the next one read ahead, or packed each time.
// Exactness: the same bytes reach the engine either way, so no bit of a result depends on it.
import type { LoadedMatrix, MatmulEngine } from '../../wormhole/matmul-engine.ts';
import type { CacheProgress, WeightCache } from './weight-cache.ts';
import { createWeightPacker } from './weight-packer.ts';
import type { WeightUnit } from './weight-units.ts';

export interface WeightSupply {
  /** Runs `use` with the matrices of a unit; they may be gone when what it returns has settled. One unit at a time. */
  withUnit<T>(unit: number, use: (matrices: readonly LoadedMatrix[]) => T | Promise<T>): Promise<T>;
  /** Gives everything back to the engine. */
  release(): Promise<void>;
}

/** Loads every unit once: from the cache, or packed in memory without one. */
export async function supplyResident(
  units: readonly WeightUnit[],
  engine: MatmulEngine,
  cache: WeightCache | undefined,
  onProgress: CacheProgress,
): Promise<WeightSupply> {
  const loaded: LoadedMatrix[][] = [];
  const release = (): Promise<void> => {
    for (const matrix of loaded.flat()) engine.release(matrix);
    return Promise.resolve();
  };
  try {
    if (cache === undefined) await packUnits(units, engine, loaded, onProgress);
    else {
      await cache.prepare(onProgress);
      for (const unit of units) {
        const reading = startReading(unit, engine, cache);
        loaded.push(reading.matrices);
        await reading.done;
      }
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { withUnit: async (unit, use) => use(loaded[unit]!), release };
}

/** @param loaded - receives the matrices of each unit, those too that a failure leaves unpacked. */
async function packUnits(
  units: readonly WeightUnit[],
  engine: MatmulEngine,
  loaded: LoadedMatrix[][],
  onProgress: CacheProgress,
): Promise<void> {
  const packer = await createWeightPacker();
  for (const [index, unit] of units.entries()) {
    const matrices: LoadedMatrix[] = [];
    loaded.push(matrices);
    for (const recipe of unit) {
      const { matrix, tiles } = engine.reserve(recipe);
      matrices.push(matrix);
      await packer.pack(recipe, (packed) => tiles.set(packed.tiles));
    }
    onProgress(index + 1, units.length);
  }
}

/** Packs a unit whenever it is needed, straight from the checkpoint; one is in the engine at once, and none is kept. */
export async function supplyPackedEachTime(units: readonly WeightUnit[], engine: MatmulEngine): Promise<WeightSupply> {
  const packer = await createWeightPacker();
  return {
    async withUnit(unit, use) {
      const reserved = units[unit]!.map((recipe) => ({ recipe, ...engine.reserve(recipe) }));
      try {
        for (const { recipe, tiles } of reserved) await packer.pack(recipe, (packed) => tiles.set(packed.tiles));
        return await use(reserved.map(({ matrix }) => matrix));
      } finally {
        for (const { matrix } of reserved) engine.release(matrix);
      }
    },
    release: async () => {},
  };
}

/** Reads a unit when it is needed and the following one while that is used; at most two are in the engine at once. */
export function supplyStreamed(units: readonly WeightUnit[], engine: MatmulEngine, cache: WeightCache): WeightSupply {
  let ahead: (Reading & { readonly unit: number }) | undefined;

  const readAhead = (unit: number): void => {
    ahead = { ...startReading(units[unit]!, engine, cache), unit };
    // A failure is told by whoever waits for the unit.
    ahead.done.catch(() => {});
  };

  async function dropAhead(): Promise<void> {
    if (ahead === undefined) return;
    const { done, matrices } = ahead;
    ahead = undefined;
    // Memory that a read still writes to must not be handed out again.
    await done.catch(() => {});
    for (const matrix of matrices) engine.release(matrix);
  }

  return {
    async withUnit(unit, use) {
      if (ahead?.unit !== unit) {
        await dropAhead();
        readAhead(unit);
      }
      const { done, matrices } = ahead!;
      await done;
      ahead = undefined;
      if (units.length > 1) readAhead((unit + 1) % units.length);
      try {
        return await use(matrices);
      } finally {
        for (const matrix of matrices) engine.release(matrix);
      }
    },
    release: dropAhead,
  };
}

interface Reading {
  readonly matrices: LoadedMatrix[];
  readonly done: Promise<void>;
}

function startReading(unit: WeightUnit, engine: MatmulEngine, cache: WeightCache): Reading {
  const reserved = unit.map((recipe) => ({ recipe, ...engine.reserve(recipe) }));
  // All reads end before `done` settles, failed or not.
  const done = Promise.allSettled(reserved.map(({ recipe, tiles }) => cache.read(recipe, tiles))).then((outcomes) => {
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  });
  return { matrices: reserved.map(({ matrix }) => matrix), done };
}
