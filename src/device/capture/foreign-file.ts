// Files that are no recording but could be made into one: what each is, and the lines of Python that convert it.
import { basename } from 'node:path';
import { UnsupportedError } from '../../errors.ts';
import { NPY_MAGIC } from './npy.ts';
import type { ZipEntry } from './zip-archive.ts';

/** Bytes of a file's beginning that its kind is read from. */
export const MAGIC_BYTES = 16;

export type FileKind = 'safetensors' | 'zip' | 'npy' | 'pickle' | 'hdf5' | 'gzip' | 'gguf';

/** What a file is by its first bytes; anything unknown is left to the reader of safetensors, which says what is wrong. */
export function fileKind(start: Uint8Array): FileKind {
  const text = Buffer.from(start).toString('latin1');
  if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06')) return 'zip';
  if (text.startsWith(NPY_MAGIC)) return 'npy';
  if (text.startsWith('\x89HDF\r\n\x1a\n')) return 'hdf5';
  if (text.startsWith('\x1f\x8b')) return 'gzip';
  if (text.startsWith('GGUF')) return 'gguf';
  // PROTO 2 to 5; a safetensors file has the zero bytes of its header's length here and "{" at byte 8.
  if (start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5 && text[8] !== '{') return 'pickle';
  return 'safetensors';
}

/** Whether a ZIP archive is what torch.save writes. */
export function isTorchArchive(entries: readonly ZipEntry[]): boolean {
  return entries.some(({ name }) => /(^|\/)data\.pkl$/.test(name));
}

const IDS = 'numpy.array([...])';

/** @throws UnsupportedError RECORDING_FOREIGN always, with lines to run beside the file. */
export function refuseForeign(path: string, kind: Exclude<FileKind, 'safetensors'> | 'torch'): never {
  const name = basename(path);
  const { what, lines } = CONVERSIONS[kind](name, JSON.stringify(name));
  throw new UnsupportedError(`${name} is ${what}, not a recording.`, {
    code: 'RECORDING_FOREIGN',
    facts: {
      wanted: 'a .safetensors or .npz file, or a folder of .npy files, with input_ids [T] and logits [T, V]',
    },
    hint: ['lines of Python that make one, "..." being yours to fill in (docs/recordings.md has more):', ...lines].join(
      '\n    ',
    ),
  });
}

type Conversion = (name: string, quoted: string) => { readonly what: string; readonly lines: readonly string[] };

const torchLines = (quoted: string, stem: string): string[] => [
  'import torch; from safetensors.torch import save_file',
  `data = torch.load(${quoted}, map_location="cpu"); data = data if isinstance(data, dict) else {"input_ids": torch.tensor([...]), "logits": data}`,
  `save_file({name: data[name].contiguous() for name in ("input_ids", "logits")}, "${stem}.safetensors")`,
];

const stemOf = (name: string): string => name.replace(/\.[A-Za-z0-9]+$/, '');

const CONVERSIONS: Readonly<Record<Exclude<FileKind, 'safetensors'> | 'torch', Conversion>> = {
  torch: (name, quoted) => ({ what: 'a PyTorch file (torch.save)', lines: torchLines(quoted, stemOf(name)) }),
  pickle: (name, quoted) => ({
    what: 'a Python pickle, as torch.save wrote before 1.6',
    lines: torchLines(quoted, stemOf(name)),
  }),
  zip: (name, quoted) => ({
    what: 'a ZIP archive without arrays of NumPy',
    lines: [
      'import zipfile',
      `zipfile.ZipFile(${quoted}).extractall("${stemOf(name)}")`,
      `# then --device capture:${stemOf(name)}/FILE, or the folder if it holds input_ids.npy and logits.npy`,
    ],
  }),
  npy: (name, quoted) => ({
    what: 'a single NumPy array',
    lines: [
      'import numpy',
      `logits = numpy.load(${quoted}); input_ids = ${IDS}  # every token fed, from position 0`,
      `numpy.savez("${stemOf(name)}.npz", input_ids=input_ids, logits=logits)`,
    ],
  }),
  hdf5: (name, quoted) => ({
    what: 'an HDF5 file',
    lines: [
      'import h5py, numpy',
      `data = h5py.File(${quoted}); print(list(data))  # the names of its arrays`,
      `numpy.savez("${stemOf(name)}.npz", input_ids=data["input_ids"][()], logits=data["logits"][()])`,
    ],
  }),
  gzip: (name, quoted) => ({
    what: 'a gzip file',
    lines: [
      'import gzip, shutil',
      `shutil.copyfileobj(gzip.open(${quoted}), open("${stemOf(name)}", "wb"))`,
      `# then --device capture:${stemOf(name)}`,
    ],
  }),
  gguf: () => ({
    what: 'a GGUF file, which holds weights and no rows',
    lines: ['run the model and save its logits; docs/recordings.md shows how.'],
  }),
};
