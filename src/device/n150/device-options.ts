// `tier=exact,recipe=ttnn-0.81,…`: the device options of the command line to a complete configuration.
import { nearestName, UsageError } from '../../errors.ts';
import { KNOB_ALIASES, KNOB_NAMES, KNOBS, type KnobKind, type KnobName, type N150Config } from './compute-config.ts';
import { DEFAULT_N150_CONFIG, RECIPES } from './recipes.ts';

/**
 * @param text - comma-separated `knob=value` pairs; empty for the default recipe. A recipe applies first, wherever it stands.
 * @param gridRows - of the grid that the environment names, if it does; the knob of that name wins over it.
 * @throws UsageError for an unknown knob or value, with the nearest one and all that exist; for a knob that is given twice.
 */
export function parseDeviceOptions(text: string, gridRows?: number): N150Config {
  const settings: Partial<Record<KnobName, string | number | boolean>> = gridRows === undefined ? {} : { gridRows };
  const named = new Set<string>();
  for (const part of text.split(',').filter((piece) => piece.trim() !== '')) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim();
    if (named.has(name)) {
      throw new UsageError(`The N150 model's knob ${name} is given twice.`, {
        code: 'KNOB_TWICE',
        facts: { found: text },
        hint: `write ${name} once; for two devices beside each other, give --device twice`,
      });
    }
    named.add(name);
    const value = equals < 0 ? '' : part.slice(equals + 1).trim();
    for (const knob of knobsNamed(name)) settings[knob] = parseKnobValue(name, KNOBS[knob].value, value);
  }
  const recipe = (settings.recipe ?? DEFAULT_N150_CONFIG.recipe) as N150Config['recipe'];
  return checkedConfig({ ...RECIPES[recipe], ...settings } as N150Config);
}

/** Knob, values and meaning of each, one line a knob; the defaults of `demo-2024` in brackets. */
export function describeKnobs(): string {
  return KNOB_NAMES.map((name) => {
    const { value, doc } = KNOBS[name];
    return `${name}=${describeKind(value)}  [${DEFAULT_N150_CONFIG[name]}]\n    ${doc}`;
  }).join('\n');
}

function knobsNamed(name: string): readonly KnobName[] {
  const alias = Object.hasOwn(KNOB_ALIASES, name) ? KNOB_ALIASES[name] : undefined;
  if (alias !== undefined) return alias;
  if (Object.hasOwn(KNOBS, name)) return [name as KnobName];
  const known = [...KNOB_NAMES, ...Object.keys(KNOB_ALIASES)];
  const nearest = nearestName(name, known);
  throw new UsageError(`The N150 model has no knob "${name}".`, {
    code: 'UNKNOWN_KNOB',
    facts: { found: name, wanted: known.join(', ') },
    hint: nearest === undefined ? 'qwen-pcc validate --help lists every knob' : `did you mean ${nearest}?`,
  });
}

function parseKnobValue(name: string, kind: KnobKind, text: string): string | number | boolean {
  switch (kind.kind) {
    case 'oneOf': {
      if (kind.values.includes(text)) return text;
      const nearest = nearestName(text, kind.values);
      throw valueError(name, kind, text, nearest === undefined ? undefined : `did you mean ${nearest}?`);
    }
    case 'boolean':
      if (text === 'true' || text === '1') return true;
      if (text === 'false' || text === '0') return false;
      throw valueError(name, kind, text);
    case 'integer': {
      const value = Number(text);
      if (/^-?\d+$/.test(text) && value >= kind.minimum && value <= kind.maximum) return value;
      throw valueError(name, kind, text);
    }
    case 'positive': {
      const value = Number(text);
      if (text !== '' && Number.isFinite(value) && value > 0) return value;
      throw valueError(name, kind, text);
    }
  }
}

function valueError(name: string, kind: KnobKind, found: string, hint?: string): UsageError {
  return new UsageError(`The N150 model's knob ${name} cannot be "${found}".`, {
    code: 'KNOB_VALUE',
    facts: { found, wanted: describeKind(kind) },
    hint: hint ?? `write ${name}=VALUE with one of those`,
  });
}

function describeKind(kind: KnobKind): string {
  if (kind.kind === 'oneOf') return kind.values.join('|');
  if (kind.kind === 'boolean') return 'true|false';
  return kind.kind === 'integer' ? `integer ${kind.minimum}…${kind.maximum}` : 'number above 0';
}

/** What no single knob can see: combinations that no kernel runs. */
function checkedConfig(config: N150Config): N150Config {
  if (config.sdpaChunk % 32 !== 0) {
    throw new UsageError('An attention chunk must be whole tiles.', {
      code: 'KNOB_VALUE',
      facts: { found: `sdpaChunk=${config.sdpaChunk}`, wanted: 'a multiple of 32' },
      hint: 'the demo uses sdpaChunk=32',
    });
  }
  if (config.storedFormats && config.tier !== 'fp32') {
    throw new UsageError('Tiers fast and exact round what is stored as they are.', {
      code: 'KNOB_COMBINATION',
      facts: { found: `storedFormats=true, tier=${config.tier}`, wanted: 'tier=fp32' },
      hint: 'leave storedFormats out, or set tier=fp32',
    });
  }
  if (config.intermediateFormat === 'FP32' && !config.fp32DestAcc) {
    throw new UsageError('Partial sums in FP32 need a 32-bit Dst.', {
      code: 'KNOB_COMBINATION',
      facts: { found: 'intermediateFormat=FP32, fp32DestAcc=false', wanted: 'fp32DestAcc=true' },
      hint: 'set fp32DestAcc=true, or intermediateFormat=BF16',
    });
  }
  if (config.intermediateFormat === 'BFP8_B' && config.packerL1Acc) {
    throw new UsageError('The packer cannot accumulate in L1 in BFP8_B.', {
      code: 'KNOB_COMBINATION',
      facts: { found: 'intermediateFormat=BFP8_B, packerL1Acc=true', wanted: 'packerL1Acc=false' },
      hint: 'set packerL1Acc=false, or intermediateFormat=BF16',
    });
  }
  if (config.sdpaFp32DestAcc && config.sdpaKernel === '2024') {
    throw new UsageError("Attention's kernel of 2024 has a 16-bit Dst.", {
      code: 'KNOB_COMBINATION',
      facts: { found: 'sdpaFp32DestAcc=true, sdpaKernel=2024', wanted: 'sdpaKernel=2026' },
      hint: 'set sdpaKernel=2026 (recipe=ttnn-0.81 has it), or sdpaFp32DestAcc=false',
    });
  }
  if (!config.normFp32DestAcc && config.rmsLayout === 'sharded') {
    throw new UsageError('The sharded RMSNorm has a 32-bit Dst.', {
      code: 'KNOB_COMBINATION',
      facts: { found: 'normFp32DestAcc=false, rmsLayout=sharded', wanted: 'rmsLayout=interleaved' },
      hint: 'set rmsLayout=interleaved (recipe=ttnn-0.81 has it), or normFp32DestAcc=true',
    });
  }
  return config;
}
