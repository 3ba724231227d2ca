// The judge of a variant whose prompts have logits of different formats: each is judged by its own.
import { describe, expect, it } from 'vitest';
import type { LogitsFormat } from '../../src/numerics/logits-format.ts';
import { TokenJudge } from './token-judge.ts';

const golden = Float32Array.from({ length: 64 }, (_, i) => (i === 5 ? 17 : i === 6 ? 16.9 : i % 7));
/** The first two change places, 0.1 apart: less than a unit of BFP8_B at 17, which is 0.25. */
const actual = golden.map((value, i) => (i === 5 ? 16.9 : i === 6 ? 17 : value));

describe('TokenJudge', () => {
  it('takes the same difference for a tie or a flip by the format of the prompt', () => {
    const info = {
      kind: 'capture',
      label: 'a test',
      model: 'none',
      weightsSha256: '',
      dtypes: {},
      logitsFormat: 'F32',
      settings: {},
    } as const;
    const judge = new TokenJudge({
      vocabSize: 64,
      device: info,
      textOf: String,
      settings: { semantics: 'strict', pccMinimum: 0.79, rules: [] },
      keepEvidence: () => undefined,
    });
    const flipOf = (logitsFormat?: LogitsFormat) => {
      judge.startSequence({
        case: 'c',
        variant: 'v',
        prompt: 'p',
        user: 0,
        promptLength: 1,
        evidenceRows: 0,
        knownIds: Int32Array.of(3),
        ...(logitsFormat === undefined ? {} : { logitsFormat }),
      });
      const row = { position: 0, tokenId: 3, taps: new Map() };
      return judge.judge({
        position: 0,
        step: null,
        tokenId: 3,
        nextTokenId: undefined,
        golden: { ...row, logits: golden },
        actual: { ...row, logits: actual },
        ms: { golden: 0, actual: 0 },
      }).choice!.flip;
    };
    expect(flipOf('BFP8_B')).not.toBe('real');
    expect(flipOf('F32')).toBe('real');
    expect(flipOf()).toBe('real');
    expect(flipOf('BFP8_B')).not.toBe('real');
  });
});
