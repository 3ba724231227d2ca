// A real GGUF file, Qwen2.5-Coder-0.5B-Instruct Q4_K_M, against the BF16 folder that gguf-py made of it: every bit of 630 million weights.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../text/tokenizer.ts';
import { readTensorRows, sidesOf } from '../../checkpoint-tensor.ts';
import { parseModelConfig, readModelConfig } from '../../config.ts';
import { readBytes } from '../../safetensors.ts';
import { openCheckpoint } from '../../weights.ts';
import { openGguf } from './open-gguf.ts';

const FILE_VARIABLE = 'QWEN_PCC_CODER_GGUF';
const FOLDER_VARIABLE = 'QWEN_PCC_CODER_DIR';
const path = process.env[FILE_VARIABLE] ?? '';
const folder = process.env[FOLDER_VARIABLE] ?? '';
const isThere = [path, join(folder, 'config.json')].every((name) => name !== '' && existsSync(name));
const reason = isThere
  ? ''
  : ` [not run: ${FILE_VARIABLE} and ${FOLDER_VARIABLE} do not name the file and its folder, see fixtures/quantised/gguf/README.md]`;

const ROWS_AT_A_TIME = 4096;

describe.skipIf(!isThere)(`Qwen2.5-Coder-0.5B-Instruct as GGUF${reason}`, () => {
  it('gives, rounded to bfloat16, every bit of the folder', () => {
    const opened = openGguf(path);
    const checkpoint = openCheckpoint(folder);
    expect(opened.encoding).toBe('GGUF Q4_K_M: Q5_0 x 133, F32 x 121, Q8_0 x 13, Q4_K x 12, Q6_K x 12');
    expect([...opened.tensors.keys()].sort()).toEqual([...checkpoint.tensors.keys()].sort());
    let values = 0;
    for (const [name, wanted] of checkpoint.tensors) {
      const tensor = opened.tensors.get(name)!;
      expect(tensor.shape, name).toEqual(wanted.shape);
      if (wanted.kind !== 'plain') throw new Error('the folder is not plain');
      const [rows, columns] = sidesOf(tensor);
      for (let first = 0; first < rows; first += ROWS_AT_A_TIME) {
        const count = Math.min(ROWS_AT_A_TIME, rows - first);
        const rounded = roundedToBf16(readTensorRows(tensor, first, count));
        const stored = readBytes(wanted.file, wanted.offsetBytes + 2 * first * columns, rounded.byteLength);
        expect(Buffer.from(rounded.buffer).equals(stored), `${name} from row ${first} on`).toBe(true);
        values += rounded.length;
      }
    }
    expect(values).toBe(630_167_424);
  });

  it('has the config of the folder', () => {
    const { config, generation } = openGguf(path);
    // The folder ends a text at <|endoftext|> too, of which the file knows nothing.
    const { torchDtype, defaulted, eosTokenIds, ...wanted } = readModelConfig(folder);
    expect(parseModelConfig(config, { path, generation })).toMatchObject({ ...wanted, eosTokenIds: [eosTokenIds[0]] });
  });

  it('has the tokenizer of the folder', () => {
    const ofFile = loadTokenizer({ path, ...openGguf(path).tokenizer! });
    const ofFolder = loadTokenizer(folder);
    expect(ofFile.notes).toEqual([]);
    for (const text of [
      'Call me Ishmael. Some years ago—never mind how long precisely.',
      'def f(x: int) -> str:\n\treturn f"{x:>10}"  # 3.14\r\n\n',
      '白鲸是一部小说。日本語も、한국어도。',
      '🚢🐋 e\u0301 ﬁ ſ\u00a0x',
      '<|im_start|>user\nHello<|im_end|>\n<|fim_prefix|><tool_call>{}</tool_call><|endoftext|>',
    ]) {
      expect(ofFile.encode(text)).toEqual(ofFolder.encode(text));
    }
    const messages = [{ role: 'user', content: 'Hello' }] as const;
    expect(ofFile.renderChat(messages)).toBe(ofFolder.renderChat(messages));
  });
});

/** Ties to even. */
function roundedToBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer);
  const rounded = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) rounded[i] = (bits[i]! + 0x7fff + ((bits[i]! >>> 16) & 1)) >>> 16;
  return rounded;
}
