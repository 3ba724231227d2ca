// Reads the values of options; what cannot be read is a usage error with the nearest value that can.
import { nearestName, UsageError } from '../../src/errors.ts';
import { defaultThreads, MAXIMUM_THREADS } from '../../src/machine.ts';

/** @returns a reader of one word out of a closed set. */
export function oneOf<T extends string>(option: string, values: readonly T[]): (text: string) => T {
  return (text) => {
    if ((values as readonly string[]).includes(text)) return text as T;
    const nearest = nearestName(text, values);
    throw new UsageError(`${option} must be one of ${values.join(', ')}; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: nearest === undefined ? `write ${option} with one of them.` : `did you mean ${nearest}?`,
    });
  };
}

/** @returns a reader of whole numbers from `least` on. */
export function wholeNumber(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new UsageError(`${option} must be a whole number from ${least} on; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: `for example ${option} ${Math.max(least, 8)}.`,
    });
  };
}

/** @returns a reader of numbers above 0. */
export function positiveNumber(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
    throw new UsageError(`${option} must be a number above 0; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: `for example ${option} 0.005.`,
    });
  };
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600 };

/** @returns a reader of durations: seconds, or with a unit s, m, min or h; milliseconds. */
export function duration(option: string): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*(s|m|min|h)?$/.exec(text) ?? [];
    if (digits !== undefined && Number(digits) > 0) return Number(digits) * SECONDS[unit ?? 's']! * 1000;
    throw new UsageError(`${option} must be a time; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: `for example ${option} 30m.`,
    });
  };
}

/** @returns a reader of a number of threads, of the range that both sides have. */
export function threadCount(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= MAXIMUM_THREADS) return value;
    throw new UsageError(`${option} must be a whole number from 1 to ${MAXIMUM_THREADS}; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: `for example ${option} ${defaultThreads()}; without it as many are used as this machine can run at once.`,
    });
  };
}

/** A bare M or G is binary, as for `ulimit`, `docker` and `node`; MB and GB are decimal, as the words say. */
const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  m: 2 ** 20,
  mb: 1e6,
  mib: 2 ** 20,
  g: 2 ** 30,
  gb: 1e9,
  gib: 2 ** 30,
};

/** @returns a reader of sizes: bytes, or with a unit M, MB, MiB, G, GB or GiB. */
export function byteCount(option: string): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([MG]i?B|[MG]|)$/i.exec(text) ?? [];
    const bytes = Math.floor(Number(digits) * BYTE_UNITS[unit?.toLowerCase() ?? '']!);
    if (digits !== undefined && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
    throw new UsageError(`${option} must be a number of bytes, or of MB, MiB, GB or GiB; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: `for example ${option} 8GiB.`,
    });
  };
}

/** Reads a correlation to be reached: -1 … 1. */
export function correlation(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= -1 && value <= 1) return value;
    throw new UsageError(`${option} must be a number from -1 to 1; got "${text}".`, {
      code: 'OPTION_VALUE',
      hint: `for example ${option} 0.79.`,
    });
  };
}

/** Collects an option that may be given several times. */
export function listOf(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}
