// A tensor of a GGUF file as one of the checkpoint: plain where its type is, else decoded by rows, of which each is whole blocks.
import type { CheckpointTensor, DecodedTensor } from '../../checkpoint-tensor.ts';
import { readBytes } from '../../safetensors.ts';
import type { GgufTensor } from './header.ts';
import { decodeQ2K, decodeQ3K, decodeQ4K, decodeQ5K, decodeQ6K } from './k-blocks.ts';
import { type DecodeBlocks, decodeQ40, decodeQ41, decodeQ50, decodeQ51, decodeQ80 } from './short-blocks.ts';
import { BLOCK_SIZES, type GgufType } from './types.ts';

type PlainType = 'F32' | 'F16' | 'BF16';
type BlockType = Exclude<GgufType, PlainType>;

export const DECODERS: Readonly<Record<BlockType, DecodeBlocks>> = {
  Q4_0: decodeQ40,
  Q4_1: decodeQ41,
  Q5_0: decodeQ50,
  Q5_1: decodeQ51,
  Q8_0: decodeQ80,
  Q2_K: decodeQ2K,
  Q3_K: decodeQ3K,
  Q4_K: decodeQ4K,
  Q5_K: decodeQ5K,
  Q6_K: decodeQ6K,
};

/** Elements decoded from one read: bounds the memory beside the rows. A multiple of every block. */
const CHUNK_ELEMENTS = 2 ** 22;

/** @param file - absolute path. */
export function checkpointTensor(file: string, tensor: GgufTensor): CheckpointTensor {
  const { type, shape, offsetBytes, lengthBytes } = tensor;
  if (isPlain(type)) return { kind: 'plain', dtype: type, shape, file, offsetBytes, lengthBytes };
  return decodedTensor(file, type, tensor);
}

function isPlain(type: GgufType): type is PlainType {
  return BLOCK_SIZES[type].elements === 1;
}

function decodedTensor(file: string, type: BlockType, { shape, offsetBytes, lengthBytes }: GgufTensor): DecodedTensor {
  const decode = DECODERS[type];
  const { elements, bytes } = BLOCK_SIZES[type];
  const columns = shape.at(-1)!;
  return {
    kind: 'decoded',
    shape,
    format: type,
    file,
    lengthBytes,
    decodeRows(firstRow, out) {
      const first = firstRow * columns;
      for (let done = 0; done < out.length; done += CHUNK_ELEMENTS) {
        const part = out.subarray(done, done + CHUNK_ELEMENTS);
        const offset = offsetBytes + ((first + done) / elements) * bytes;
        decode(readBytes(file, offset, (part.length / elements) * bytes), part);
      }
    },
  };
}
