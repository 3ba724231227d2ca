// What a side of the comparison says of itself, as a schema.
import { z } from 'zod';
import type { SourceInfo } from '../../src/device/logits-source.ts';
import { LOGITS_FORMATS } from '../../src/numerics/logits-format.ts';

export const SourceInfoSchema: z.ZodType<SourceInfo, unknown> = z.strictObject({
  kind: z.enum(['reference', 'golden-file', 'n150-model', 'capture', 'process']),
  label: z.string(),
  model: z.string(),
  weightsSha256: z.string(),
  configSha256: z.string().exactOptional(),
  dtypes: z.record(z.string(), z.string()),
  logitsFormat: z.enum(LOGITS_FORMATS),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  notes: z.array(z.string()).readonly().exactOptional(),
});

/** Threads change no bit, so a run may be resumed and merged across machines. */
export function withoutThreads(info: SourceInfo): SourceInfo {
  const settings = Object.fromEntries(Object.entries(info.settings).filter(([name]) => !/thread|worker/i.test(name)));
  return { ...info, settings };
}
