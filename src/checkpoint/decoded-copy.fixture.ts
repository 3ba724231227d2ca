// A checkpoint whose tensors come out of a decoder, and hold what the files hold: what reads it must give what the plain one gives.
import { type DecodedTensor, readTensorRows, sidesOf } from './checkpoint-tensor.ts';
import type { Checkpoint } from './weights.ts';

/** @param isDecoded - which tensors are decoded; all without it. */
export function decodedCopy(
  checkpoint: Checkpoint,
  isDecoded: (name: string) => boolean = () => true,
): Checkpoint & { readonly decodedRows: number[] } {
  const decodedRows: number[] = [];
  const tensors = [...checkpoint.tensors].map(([name, tensor]) => {
    if (!isDecoded(name)) return [name, tensor] as const;
    const decoded: DecodedTensor = {
      kind: 'decoded',
      shape: tensor.shape,
      format: 'copy',
      file: tensor.file,
      lengthBytes: tensor.lengthBytes,
      decodeRows(firstRow, out) {
        const [, columns] = sidesOf(tensor);
        decodedRows.push(out.length / columns);
        out.set(readTensorRows(tensor, firstRow, out.length / columns));
      },
    };
    return [name, decoded] as const;
  });
  const copies = new Map(tensors);
  const readRows: Checkpoint['readRows'] = (name, firstRow, count) =>
    readTensorRows(copies.get(name)!, firstRow, count);
  return { ...checkpoint, tensors: copies, readRows, decodedRows };
}
