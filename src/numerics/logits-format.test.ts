// Formats of logits by name: every usual spelling is one of the list, and anything else is refused.
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { finestLogitsFormat, LOGITS_FORMATS, parseLogitsFormat } from './logits-format.ts';

describe('parseLogitsFormat', () => {
  it.each([
    ...LOGITS_FORMATS.map((format) => [format, format] as const),
    ['bf16', 'BF16'],
    ['torch.bfloat16', 'BF16'],
    ['Float16_b', 'BF16'],
    ['ttnn.bfloat8_b', 'BFP8_B'],
    ['bfp4_b', 'BFP4_B'],
    ['float16', 'F16'],
    ['FP32', 'F32'],
    ['fp32', 'F32'],
  ] as const)('reads %s as %s', (text, format) => {
    expect(parseLogitsFormat(text, '--logits-format')).toBe(format);
  });

  it.each(['', 'BF16, BFP8_B', 'int8', 'F64', 'toString'])('refuses "%s" instead of taking it for F32', (text) => {
    expect(() => parseLogitsFormat(text, '--logits-format')).toThrow(InputError);
  });

  it('names the nearest one', () => {
    expect(() => parseLogitsFormat('BFP8', '--logits-format')).toThrow('did you mean BFP8_B?');
  });
});

describe('finestLogitsFormat', () => {
  it('is the one with the smallest last place', () => {
    expect(finestLogitsFormat(['BFP8_B', 'F16', 'BF16'])).toBe('F16');
    expect(finestLogitsFormat([])).toBeUndefined();
  });
});
