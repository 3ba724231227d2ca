// Rotary embedding in config.json: theta and scaling, which versions of Transformers write in different places.
// Source: Transformers 5.24 `RotaryEmbeddingConfigMixin`: rope_scaling is taken before rope_parameters; what is written twice and
// differs is refused here, since version 4, version 5 and other engines each read another one of the two.
import { z } from 'zod';
import { type ErrorDetails, InputError, listNames } from '../errors.ts';
import { FLOAT32_MAX, malformed, parseFields, unsupported } from './config-fields.ts';

/** Rotary embedding stretched by YaRN (arXiv 2309.00071); what is absent follows from `factor`. */
export interface YarnRopeScaling {
  readonly kind: 'yarn';
  readonly factor: number;
  readonly originalMaxPositionEmbeddings: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  /** Factor on cos and sin, if the config states it. */
  readonly attentionFactor?: number;
  readonly mscale?: number;
  readonly mscaleAllDim?: number;
  /** Whether the ramp's ends are rounded to whole dimensions. */
  readonly truncate: boolean;
}

const positive = z.number().positive().max(FLOAT32_MAX);
const count = z.int().positive();
const finite = z.number().min(-FLOAT32_MAX).max(FLOAT32_MAX);

const ropeFields = {
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: positive.nullish(),
  factor: positive.nullish(),
  original_max_position_embeddings: count.nullish(),
  beta_fast: positive.nullish(),
  beta_slow: positive.nullish(),
  attention_factor: positive.nullish(),
  mscale: finite.nullish(),
  mscale_all_dim: finite.nullish(),
  truncate: z.boolean().nullish(),
  partial_rotary_factor: z.number().nullish(),
};
const ropeSchema = z.looseObject(ropeFields);
type RopeDict = z.infer<typeof ropeSchema>;

const ropeConfigSchema = z.looseObject({
  rope_theta: positive.nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  original_max_position_embeddings: count.nullish(),
  partial_rotary_factor: z.number().nullish(),
});
type RawRopeConfig = z.infer<typeof ropeConfigSchema>;

export interface RopeConfig {
  readonly theta: number;
  /** Whether theta is nowhere in the file. */
  readonly isThetaDefault: boolean;
  readonly scaling: YarnRopeScaling | undefined;
  readonly notes: readonly string[];
}

const DEFAULT_THETA = 10_000;

/**
 * Reads what config.json says about rotary embedding.
 *
 * @param json - the whole file, parsed.
 * @throws InputError `CONFIG_WRITTEN_TWICE`, `CONFIG_MALFORMED`; UnsupportedError `CONFIG_ROPE_TYPE`, `CONFIG_PARTIAL_ROTARY`.
 */
export function parseRope(path: string, json: unknown, maxPositionEmbeddings: number): RopeConfig {
  const raw = parseFields(ropeConfigSchema, json, path);
  const places = (['rope_scaling', 'rope_parameters'] as const).filter((key) => Object.keys(raw[key] ?? {}).length > 0);
  const readings = places.map((place) => parsePlace(path, raw, place, maxPositionEmbeddings));
  const [taken, other] = readings;
  if (taken === undefined) {
    requireWholeRotary(path, raw.partial_rotary_factor);
    const theta = raw.rope_theta ?? DEFAULT_THETA;
    return { theta, isThetaDefault: raw.rope_theta == null, scaling: undefined, notes: [] };
  }
  if (other !== undefined && describe(taken) !== describe(other)) {
    const both = { ...raw.rope_parameters, ...raw.rope_scaling, rope_type: kindOf(raw.rope_scaling!) };
    const { type, ...merged } = { ...both, rope_theta: both.rope_theta ?? raw.rope_theta ?? DEFAULT_THETA };
    throw writtenTwice(path, {
      facts: { rope_scaling: describe(taken), rope_parameters: describe(other) },
      hint: `write one: delete rope_scaling, and if it is what you want, write "rope_parameters": ${JSON.stringify(merged)}`,
    });
  }
  return taken;
}

function parsePlace(
  path: string,
  raw: RawRopeConfig,
  place: 'rope_scaling' | 'rope_parameters',
  maxPositionEmbeddings: number,
): RopeConfig {
  const rope = raw[place]!;
  requireOnce(path, ['rope_theta', raw.rope_theta], [`${place}.rope_theta`, rope.rope_theta]);
  requireOnce(path, [`${place}.type`, rope.type], [`${place}.rope_type`, rope.rope_type]);
  requireOnce(
    path,
    ['original_max_position_embeddings', raw.original_max_position_embeddings],
    [`${place}.original_max_position_embeddings`, rope.original_max_position_embeddings],
  );
  requireWholeRotary(path, raw.partial_rotary_factor);
  requireWholeRotary(path, rope.partial_rotary_factor);
  const nested = Object.entries(rope).find(([, value]) => isObject(value));
  if (nested !== undefined) {
    throw unsupported(
      path,
      'ROPE_TYPE',
      'rotary parameters of each layer type are not modelled',
      `${place}.${nested[0]}`,
    );
  }
  const stated = rope.rope_theta ?? raw.rope_theta;
  const original = raw.original_max_position_embeddings ?? undefined;
  return {
    theta: stated ?? DEFAULT_THETA,
    isThetaDefault: stated == null,
    scaling: parseScaling(path, rope, original, maxPositionEmbeddings),
    notes: unreadKeys(place, rope),
  };
}

function parseScaling(
  path: string,
  rope: RopeDict,
  originalOfConfig: number | undefined,
  maxPositionEmbeddings: number,
): YarnRopeScaling | undefined {
  const kind = kindOf(rope);
  if (kind === 'default') return undefined;
  if (kind !== 'yarn') {
    throw unsupported(path, 'ROPE_TYPE', 'the only rope scaling modelled is yarn', `rope type ${kind}`);
  }
  const original = originalOfConfig ?? rope.original_max_position_embeddings ?? maxPositionEmbeddings;
  const factor = rope.factor ?? maxPositionEmbeddings / original;
  if (factor < 1) throw malformed(path, 'YaRN stretches: its factor is at least 1', factor, '>= 1');
  return {
    kind: 'yarn',
    factor,
    originalMaxPositionEmbeddings: original,
    betaFast: rope.beta_fast ?? 32,
    betaSlow: rope.beta_slow ?? 1,
    ...(rope.attention_factor == null ? {} : { attentionFactor: rope.attention_factor }),
    ...(rope.mscale == null ? {} : { mscale: rope.mscale }),
    ...(rope.mscale_all_dim == null ? {} : { mscaleAllDim: rope.mscale_all_dim }),
    truncate: rope.truncate ?? true,
  };
}

function kindOf(rope: RopeDict): string {
  return rope.rope_type ?? rope.type ?? 'default';
}

/** Transformers' default rotary embedding reads theta and nothing else. */
function unreadKeys(place: string, rope: RopeDict): string[] {
  const read =
    kindOf(rope) === 'default' ? ['rope_type', 'type', 'rope_theta', 'partial_rotary_factor'] : Object.keys(ropeFields);
  const unread = Object.keys(rope).filter((key) => rope[key] != null && !read.includes(key));
  if (unread.length === 0) return [];
  return [`config.json: not read in ${place} of type ${kindOf(rope)}: ${listNames(unread)}`];
}

/** What decides the frequencies, in one line. */
function describe({ theta, isThetaDefault, scaling }: RopeConfig): string {
  const base = `theta ${theta}${isThetaDefault ? ' (default)' : ''}`;
  if (scaling === undefined) return `${base}, no scaling`;
  const { kind, ...fields } = scaling;
  return `${base}, ${kind} ${JSON.stringify(fields)}`;
}

type Written = readonly [key: string, value: string | number | null | undefined];

function requireOnce(path: string, [keyA, a]: Written, [keyB, b]: Written): void {
  if (a == null || b == null || a === b) return;
  throw writtenTwice(path, { facts: { [keyA]: a, [keyB]: b }, hint: `write one: delete ${keyA} or ${keyB}` });
}

/** Versions 4 and 5 of Transformers and other engines read different ones of the two. */
function writtenTwice(path: string, { facts, hint }: Pick<Required<ErrorDetails>, 'facts' | 'hint'>): InputError {
  const names = Object.keys(facts).join(' and ');
  return new InputError(`${path}: ${names} are both there and differ.`, { code: 'CONFIG_WRITTEN_TWICE', facts, hint });
}

function requireWholeRotary(path: string, factor: number | null | undefined): void {
  if (factor == null || factor === 1) return;
  throw unsupported(
    path,
    'PARTIAL_ROTARY',
    'partial rotary embedding is not modelled',
    `partial_rotary_factor ${factor}`,
  );
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
