// Faults of the harness or the cache: the model is sound, but sees another context than everybody believes.
import type { Fault, Unfit } from './fault.ts';
import type { FaultMaterial } from './fault-material.ts';
import { MisfedSource, type Misfeed } from './misfed-source.ts';
import { missingSequences } from './order-faults.ts';
import type { StoredRows } from './stored-rows.ts';

type ContextFault = Omit<Fault, 'kind' | 'open'> & {
  readonly misfeed: (rows: StoredRows) => Misfeed;
  readonly sequences?: number;
  /** Tokens after the prompt that some prompt must have. */
  readonly newTokens?: number;
};

/** Rows of a tile that a short prompt is padded to. */
const TILE = 32;

const CONTEXT_FAULTS: readonly ContextFault[] = [
  {
    id: 'stale-token',
    name: 'each decode step fed the token of the step before',
    standsFor: 'a token buffer that is written after it was read',
    source: 'tt-metal #44367: PCC near 0, test green',
    expect: 'caught',
    why: 'the model answers to another text',
    newTokens: 2,
    misfeed: () => ({
      feed: ({ tokenId, position, promptLength, before }) => [
        position >= promptLength ? (before.at(-1) ?? tokenId) : tokenId,
      ],
    }),
  },
  {
    id: 'own-token',
    name: "forced token replaced by the device's own after its first flip",
    standsFor: 'sampling on the device that keeps its own token where positions continue',
    source: 'tt-metal gpt_oss AUTODEBUG_teacher_forcing; PR #47818',
    expect: 'caught',
    why: 'from the first flip on the device answers to its own text',
    newTokens: 4,
    misfeed: () => ({
      isStepwise: true,
      // The flip is put at the first step: the second best is taken.
      feed: ({ tokenId, position, promptLength, own }) => [
        position < promptLength ? tokenId : (own[position === promptLength ? 1 : 0] ?? tokenId),
      ],
    }),
  },
  {
    id: 'first-token-twice',
    name: 'first token fed twice, all others one position too far',
    standsFor: "the original test's own loop",
    source: 'models/demos/qwen/tests/test_qwen_model.py; features 1.1.1',
    expect: 'caught',
    why: 'the context has a token too many',
    misfeed: () => ({ feed: ({ tokenId, position }) => (position === 0 ? [tokenId, tokenId] : [tokenId]) }),
  },
  {
    id: 'first-token-lost',
    name: 'first token lost, all others one position too near',
    standsFor: 'a loop that begins at 1',
    source: 'features 3.2: off by one the other way',
    expect: 'caught',
    why: 'the context lacks a token',
    misfeed: () => ({ feed: ({ tokenId }) => [tokenId], forgets: ({ position }) => position === 1 }),
  },
  {
    id: 'cache-kept',
    name: 'KV cache not cleared between prompts',
    standsFor: 'a reset that was forgotten',
    source: 'anchors 3.4: truncate(0) has to zero the cache',
    expect: 'caught',
    why: "the second prompt sees the first one's text",
    sequences: 2,
    misfeed: () => ({ feed: ({ tokenId }) => [tokenId], keepsCache: true }),
  },
  {
    id: 'cache-lost',
    name: 'KV cache lost between prefill and decode',
    standsFor: 'a page table that points elsewhere',
    source: 'anchors 3.4: prev_page_table',
    expect: 'caught',
    why: 'decode does not see the prompt',
    newTokens: 2,
    misfeed: () => ({
      feed: ({ tokenId }) => [tokenId],
      forgets: ({ position, promptLength }) => position === promptLength,
    }),
  },
  {
    id: 'padding-seen',
    name: `prompt padded at its front to a tile of ${TILE}, padding attended to`,
    standsFor: 'a mask without the padding',
    source: 'tt_transformers generator.py: prompts padded with token 0',
    expect: 'caught',
    why: 'the context has tokens that nobody wrote',
    misfeed: () => ({
      feed: ({ tokenId, position, promptLength }) => {
        const padding = position === 0 ? (TILE - (promptLength % TILE)) % TILE || TILE : 0;
        return [...new Array<number>(padding).fill(0), tokenId];
      },
    }),
  },
  {
    id: 'ids-off-by-one',
    name: 'every token id one too high',
    standsFor: 'a tokenizer with one special token more',
    source: 'our own TOKENIZER_MISMATCH',
    expect: 'caught',
    why: 'the model reads another text',
    misfeed: ({ vocabSize }) => ({ feed: ({ tokenId }) => [(tokenId + 1) % vocabSize] }),
  },
  {
    id: 'previous-run',
    name: "previous run's rows: the prompt's first words were others",
    standsFor: 'a recording that is older than the prompt file',
    source: 'tt-metal #52181; chat templates with the date of the day',
    expect: 'caught',
    why: 'the rows answer to another text',
    misfeed: ({ vocabSize }) => ({
      feed: ({ tokenId, position }) => [position < 4 ? (tokenId + 17) % vocabSize : tokenId],
    }),
  },
];

export const FED_CONTEXT_FAULTS: readonly Fault[] = CONTEXT_FAULTS.map(
  ({ misfeed, sequences = 1, newTokens = 0, ...fault }) => ({
    ...fault,
    kind: 'context',
    open: async ({ golden, device, openModel }: FaultMaterial): Promise<MisfedSource | Unfit> => {
      if (openModel === undefined) return { unfit: 'the reference is a recording, which cannot be fed other tokens' };
      const unfit = missingSequences(golden, sequences) ?? missingNewTokens(golden, newTokens);
      return unfit === undefined ? new MisfedSource(await openModel(), device.info, misfeed(golden)) : { unfit };
    },
  }),
);

function missingNewTokens({ sequences }: StoredRows, wanted: number): string | undefined {
  const most = Math.max(0, ...sequences.map(({ tokenIds, promptLength }) => tokenIds.length - promptLength));
  return most >= wanted ? undefined : `it takes ${wanted} tokens after a prompt, and the case has ${most}`;
}
