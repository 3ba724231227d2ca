// A run of steady sources: so many prompts of so many tokens, the default gate, all reports.
import { DEFAULT_PCC_MINIMUM, defaultRules } from '../../gate/thresholds.ts';
import { type RunEvent, SCHEMA_VERSION } from '../../record/events.ts';
import type { CaseSpec } from '../../record/run-spec.ts';
import type { OpenableCase } from '../../sources/openable-case.ts';
import { createSteadySource, VOCABULARY } from './steady-source.ts';

/** Bound of the device's errors, which pass. */
const NOISE = 0.05;
const MOST_NEW_TOKENS = 200;

/** @param tokens - of all prompts together. */
export function steadyCase(tokens: number, prompts: number): OpenableCase {
  const length = tokens / prompts;
  // Long prompts are decoded for a while, as real ones; a prompt of one token is all prefill.
  const newTokens = Math.min(MOST_NEW_TOKENS, length >> 1);
  const spec: CaseSpec = {
    name: 'general_weights-1_batch',
    model: 'steady',
    reference: { kind: 'onnx', precision: 'fp32' },
    tokenizerSha256: 'none',
    eosTokenIds: [],
    prompts: Array.from({ length: prompts }, (_, place) => ({
      name: `prompt-${place}`,
      user: 0,
      promptIds: Array.from({ length: length - newTokens }, (_, i) => (i * 31 + place) % VOCABULARY),
      continuationIds: Array.from({ length: newTokens }, (_, i) => (i * 17 + place) % VOCABULARY),
      positions: null,
    })),
    variants: [{ name: 'n150', model: 'steady', device: { kind: 'n150', knobs: {} } }],
  };
  return {
    spec,
    layers: 1,
    texts: { textOf: (id) => ` token ${id}`, decode: (ids) => ids.join(' ') },
    openReference: async () => createSteadySource('steady reference', 0),
    variants: [
      {
        spec: spec.variants[0]!,
        notes: () => [],
        sourceKey: 'steady device',
        open: async () => createSteadySource('steady device', NOISE),
      },
    ],
    requireUnchanged: async () => undefined,
  };
}

export function steadyHeader({ spec }: OpenableCase): Omit<RunEvent, 'runId'> {
  const rules = defaultRules({ pccMinimum: DEFAULT_PCC_MINIMUM });
  return {
    event: 'run',
    schemaVersion: SCHEMA_VERSION,
    startedAt: new Date().toISOString(),
    tool: { name: 'qwen-pcc', version: '0.0.0', gitSha: null },
    machine: { os: 'Linux', cpu: 'none', threads: 1, memoryBytes: 1, node: process.version, packages: {} },
    command: 'qwen-pcc validate',
    notes: [],
    part: null,
    spec: {
      mode: 'teacherForced',
      limits: { maxNewTokens: 0, maxSeqLen: 1_000_000 },
      judge: { semantics: 'strict', pccMinimum: DEFAULT_PCC_MINIMUM, rules },
      cases: [spec],
    },
  };
}
