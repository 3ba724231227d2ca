// Device options: knobs by name, recipes below them, and what an error says.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.ts';
import { KNOB_NAMES } from './compute-config.ts';
import { describeKnobs, parseDeviceOptions } from './device-options.ts';
import { DEFAULT_N150_CONFIG, RECIPES } from './recipes.ts';

function errorOf(text: string): UsageError {
  try {
    parseDeviceOptions(text);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  return expect.fail(`${text} was accepted`);
}

describe('parseDeviceOptions', () => {
  it('gives demo-2024 for nothing', () => {
    expect(parseDeviceOptions('')).toEqual(DEFAULT_N150_CONFIG);
    expect(DEFAULT_N150_CONFIG).toBe(RECIPES['demo-2024']);
  });

  it('lets single knobs win over a recipe, in any order', () => {
    const config = parseDeviceOptions('silu=piecewise2024, tier=exact,recipe=ttnn-0.81');
    expect(config).toEqual({ ...RECIPES['ttnn-0.81'], tier: 'exact', silu: 'piecewise2024' });
  });

  it('sets the five linear layers with mathFidelity and the tier with mmTier', () => {
    const config = parseDeviceOptions('mathFidelity=HiFi4,mmTier=fp32');
    expect(config.tier).toBe('fp32');
    expect([config.qkvFidelity, config.downFidelity, config.lmHeadFidelity]).toEqual(['HiFi4', 'HiFi4', 'HiFi4']);
    expect(config.sdpaFidelity).toBe('HiFi2');
  });

  it('reads booleans, integers and numbers', () => {
    const config = parseDeviceOptions('packerL1Acc=false,in0BlockW=4,rmsEps=1e-6,skipLayer=3');
    expect(config).toMatchObject({ packerL1Acc: false, in0BlockW: 4, rmsEps: 1e-6, skipLayer: 3 });
  });

  it.each([
    { text: 'teir=exact', says: 'did you mean tier?' },
    { text: 'tier=exacct', says: 'did you mean exact?' },
    { text: 'qkvFidelity=hifi2', says: 'did you mean HiFi2?' },
    { text: 'tier', says: 'exact|fast|fp32' },
    { text: 'in0BlockW=0', says: 'integer 1…4096' },
    { text: 'rmsEps=-1', says: 'number above 0' },
    { text: 'packerL1Acc=yes', says: 'true|false' },
    { text: 'sdpaChunk=40', says: 'a multiple of 32' },
    { text: 'intermediateFormat=FP32', says: 'fp32DestAcc=true' },
    { text: 'intermediateFormat=BFP8_B', says: 'packerL1Acc=false' },
    { text: 'sdpaFp32DestAcc=true', says: 'sdpaKernel=2026' },
    { text: 'normFp32DestAcc=false', says: 'rmsLayout=interleaved' },
    { text: 'tier=fp32,tier=exact', says: 'knob tier is given twice' },
    { text: 'constructor=1', says: 'no knob "constructor"' },
  ])('answers "$text" with "$says"', ({ text, says }) => {
    expect(errorOf(text).message).toContain(says);
  });
});

describe('describeKnobs', () => {
  it('has name, values, default and meaning of every knob', () => {
    const help = describeKnobs();
    for (const name of KNOB_NAMES) expect(help).toContain(`${name}=`);
    expect(help).toContain('tier=exact|fast|fp32  [fast]');
  });
});
