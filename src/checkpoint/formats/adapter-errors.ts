// What is wrong with an adapter, and what of it is not read.
import { InputError, UnsupportedError } from '../../errors.ts';

const MERGE =
  'merge it with the program that made it (PEFT: merge_and_unload(), save_pretrained()) and name the merged folder';

/** What of an adapter is not read: the error names the field and what it holds. */
export function adapterNotRead(
  path: string,
  what: string,
  found: string,
  wanted: string,
  hint: string = MERGE,
): UnsupportedError {
  return new UnsupportedError(`${path}: ${what}.`, { code: 'ADAPTER_UNSUPPORTED', facts: { found, wanted }, hint });
}

/** A tensor of an adapter that does not fit its base or its config. */
export function adapterTensor(path: string, what: string, found: string, wanted: string): InputError {
  return new InputError(`${path}: ${what}.`, {
    code: 'ADAPTER_TENSOR',
    facts: { found, wanted },
    hint: 'check that adapter and base belong together (base_model_name_or_path), or download the adapter again',
  });
}
