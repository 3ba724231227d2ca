// A checkpoint with an adapter on it: the adapter's files decide values as much as the base's, and are part of its identity.
import { join } from 'node:path';
import type { CheckpointTensor } from './checkpoint-tensor.ts';
import { type CheckpointSnapshot, digestsOf, statesOf } from './file-snapshot.ts';
import { applyAdapter } from './formats/lora.ts';

/** What of a found model an adapter changes. */
interface Adaptable {
  readonly found: ReadonlyMap<string, CheckpointTensor>;
  readonly files: readonly string[];
  readonly opened: CheckpointSnapshot;
  readonly encoding: { readonly name: string; readonly key: string } | undefined;
  readonly notes: readonly string[];
}

/**
 * @param base - before its tensors are checked against its config: the adapter changes no shape.
 * @throws InputError, UnsupportedError `ADAPTER_*`, `SAFETENSORS_*`, `FILE_*`.
 */
export function adaptedModel<Model extends Adaptable>(base: Model, adapter: string, baseName: string): Model {
  // Before the file is read: a change between would make two adapters of one.
  const texts = digestsOf([join(adapter, 'adapter_config.json')]);
  const { tensors, encoding, notes, files } = applyAdapter(adapter, base.found, { baseName });
  const weights = files.filter((file) => file.endsWith('.safetensors'));
  return {
    ...base,
    found: tensors,
    files: [...base.files, ...weights],
    opened: {
      texts: new Map([...base.opened.texts, ...texts]),
      weights: new Map([...base.opened.weights, ...statesOf(weights)]),
    },
    encoding: {
      name: [base.encoding?.name, encoding].filter((name) => name !== undefined).join(' + '),
      key: [base.encoding?.key ?? '', ...texts.values()].join('\n'),
    },
    notes: [...base.notes, ...notes],
  };
}
