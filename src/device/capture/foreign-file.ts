// Files that are no recording but could be made into one: what each is, and the lines of Python that convert it.
import { basename } from 'node:path';
import { misplaced } from '../../checkpoint/files.ts';
import type { FileKind } from '../../checkpoint/what-is-this-file.ts';
import { UnsupportedError } from '../../errors.ts';
import type { ZipEntry } from './zip-archive.ts';

/** Whether a ZIP archive is what torch.save writes. */
export function isTorchArchive(entries: readonly ZipEntry[]): boolean {
  return entries.some(({ name }) => /(^|\/)data\.pkl$/.test(name));
}

const WANTED = 'a .safetensors or .npz file, or a folder of .npy files, with input_ids [T] and logits [T, V]';

/** @throws InputError RECORDING_FOREIGN always; of what can be made into a recording with the lines that do it. */
export function refuseForeign(path: string, kind: FileKind): never {
  const name = basename(path);
  const conversion = CONVERSIONS[kind.kind];
  if (conversion === undefined) throw misplaced(path, kind, 'RECORDING_FOREIGN', WANTED);
  const { what, lines } = conversion(name, JSON.stringify(name));
  throw new UnsupportedError(`${name} is ${what}, not a recording.`, {
    code: 'RECORDING_FOREIGN',
    facts: { wanted: WANTED },
    hint: ['lines of Python that make one, "..." being yours to fill in (docs/recordings.md has more):', ...lines].join(
      '\n',
    ),
  });
}

const IDS = 'numpy.array([...])';

type Conversion = (name: string, quoted: string) => { readonly what: string; readonly lines: readonly string[] };

const torchLines = (quoted: string, stem: string): string[] => [
  'import torch; from safetensors.torch import save_file',
  `data = torch.load(${quoted}, map_location="cpu", weights_only=True); data = data if isinstance(data, dict) else {"input_ids": torch.tensor([...]), "logits": data}`,
  `save_file({name: data[name].contiguous() for name in ("input_ids", "logits")}, "${stem}.safetensors")`,
];

const stemOf = (name: string): string => name.replace(/\.[A-Za-z0-9]+$/, '');

/** By the kind of file. */
const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  pytorch: (name, quoted) => ({ what: 'a PyTorch file (torch.save)', lines: torchLines(quoted, stemOf(name)) }),
  pickle: (name, quoted) => ({
    what: 'a Python pickle',
    lines: [
      'import pickle, numpy',
      `data = pickle.load(open(${quoted}, "rb"))  # runs what the file says: only one that you trust`,
      `numpy.savez("${stemOf(name)}.npz", input_ids=data["input_ids"], logits=data["logits"])`,
    ],
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
