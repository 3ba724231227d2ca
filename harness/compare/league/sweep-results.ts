// sweep_results.json: the league as the candidates of tt-metal's datatype sweep, so that its tools order them before a card is there.
// Source: tenstorrent/tt-metal .agents/skills/datatype-sweep (SKILL.md and the runner's check): `candidates` with config_id, dtype_policy,
// compute_fidelity_policy, top1, top5, top100, token_count, pass, quality and performance metrics.
import type { KnobSettings } from '../../record/run-spec.ts';
import type { CompareEntrant, CompareRecord } from './compare-record.ts';

export const SWEEP_FILE = 'sweep_results.json';

/** The acceptance bar of that sweep unless somebody says otherwise. */
export const SWEEP_BAR = { top1: 0.9, top5: 0.98 } as const;

/** @param knobsOf - of an entrant's device by its label; undefined where it has none. */
export function sweepResults(record: CompareRecord, knobsOf: (label: string) => KnobSettings | undefined): string {
  const candidates = record.league.map((entrant) => candidateOf(entrant, knobsOf(entrant.label)));
  const { base, command, tokens } = record;
  const results = {
    source: `qwen-pcc compare: N150 device model, ${tokens} teacher-forced tokens; no card was measured`,
    command,
    reference: base,
    acceptance: SWEEP_BAR,
    // Which is fastest is for a card to say: nothing is selected here.
    selected_config_id: null,
    candidates,
  };
  return `${JSON.stringify(results, null, 2)}\n`;
}

function candidateOf(entrant: CompareEntrant, knobs: KnobSettings | undefined): Record<string, unknown> {
  const { label, model, total, deviceStorage } = entrant;
  const { top1, top5, top100, tokens } = total;
  return {
    config_id: label,
    checkpoint: model,
    dtype_policy: knobs === undefined ? null : pick(knobs, DTYPES),
    compute_fidelity_policy: knobs === undefined ? null : pick(knobs, FIDELITIES),
    top1,
    top5,
    top100,
    token_count: tokens,
    pass: top1 !== null && top5 !== null && top1 >= SWEEP_BAR.top1 && top5 >= SWEEP_BAR.top5,
    quality_metric: { name: 'top1', value: top1 },
    performance_metric:
      deviceStorage === null
        ? null
        : {
            name: 'decode t/s/u, upper bound of the DRAM bandwidth',
            value: deviceStorage.tokensPerSecondMax,
            measured: false,
          },
    verdict: entrant.text,
  };
}

const DTYPES: Readonly<Record<string, string>> = {
  weights: 'weightFormat',
  mlp: 'mlpFormat',
  lm_head: 'lmHeadFormat',
  qkv_bias: 'biasFormat',
  kv_cache: 'kvFormat',
  logits: 'logitsFormat',
};

const FIDELITIES: Readonly<Record<string, string>> = {
  qkv: 'qkvFidelity',
  wo: 'oFidelity',
  ff1_ff3: 'gateUpFidelity',
  ff2: 'downFidelity',
  lm_head: 'lmHeadFidelity',
  sdpa: 'sdpaFidelity',
};

function pick(knobs: KnobSettings, names: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(names).map(([role, knob]) => [role, knobs[knob] ?? null]));
}
