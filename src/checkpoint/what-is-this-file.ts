// What a file is that is not what its name says: told by its first bytes, so that an error can say what to do about it.
// Source: the formats' own magic numbers; git-lfs specification ("version https://git-lfs.github.com/spec/v1" comes first).

export interface FileKind {
  /** Stable word for code and tests. */
  readonly kind: string;
  /** Continues "the file is …". */
  readonly what: string;
  /** What to do to have the file that was meant; nothing where the kind says nothing about it. */
  readonly hint?: string;
}

/** Enough for every kind there is here: tar has its magic number at byte 257. */
export const KIND_BYTES = 512;

const MANUAL_DOWNLOAD =
  'a server sent a page in place of the file: download it again, signed in where the repository asks for it';
const DOWNLOAD_AGAIN = 'download it again, or copy it again from where it came from';
const UNPACK = 'unpack it and name what is inside';

/** `FILE` in a hint stands for the path of the file in question. */
interface Signature extends FileKind {
  readonly magic: string | readonly number[];
  readonly offset?: number;
}

const SIGNATURES: readonly Signature[] = [
  {
    kind: 'git-lfs',
    magic: 'version https://git-lfs',
    what: 'a git-lfs pointer, a few lines that stand for the file itself',
    hint: 'run "git lfs install" once and then "git lfs pull" in the folder of the repository, which puts the files in place',
  },
  {
    kind: 'npy',
    magic: [0x93, ...ascii('NUMPY')],
    what: 'a NumPy array (.npy)',
    hint: 'write it as safetensors, in Python:\nimport numpy, safetensors.numpy\nsafetensors.numpy.save_file({"tensor": numpy.load(FILE)}, "out.safetensors")',
  },
  {
    kind: 'gguf',
    magic: 'GGUF',
    what: 'a GGUF file, as llama.cpp reads it',
    hint: 'it is a checkpoint by itself: give it a name that ends in .gguf, and name the file with --weights',
  },
  // torch.save before version 1.6 begins with the pickled number 0x1950a86a20f9469cfc6c.
  { kind: 'pytorch', magic: [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9], ...pytorch('an old PyTorch file') },
  { kind: 'gzip', magic: [0x1f, 0x8b], what: 'compressed by gzip', hint: UNPACK },
  { kind: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], what: 'compressed by zstd', hint: UNPACK },
  { kind: 'xz', magic: [0xfd, ...ascii('7zXZ')], what: 'compressed by xz', hint: UNPACK },
  { kind: 'bzip2', magic: 'BZh', what: 'compressed by bzip2', hint: UNPACK },
  { kind: '7z', magic: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], what: 'a 7z archive', hint: UNPACK },
  { kind: 'tar', magic: 'ustar', offset: 257, what: 'a tar archive', hint: UNPACK },
  {
    kind: 'hdf5',
    magic: [0x89, ...ascii('HDF\r\n')],
    what: 'an HDF5 file (Keras, TensorFlow)',
    hint: 'save the checkpoint as safetensors',
  },
  ...[
    [0xff, 0xfe],
    [0xfe, 0xff],
  ].map((magic) => ({
    kind: 'utf-16',
    magic,
    what: 'text in UTF-16, as some editors and shells of Windows write it',
    hint: 'save it as UTF-8 without a byte order mark',
  })),
  { kind: 'parquet', magic: 'PAR1', what: 'a Parquet table' },
  { kind: 'pdf', magic: '%PDF', what: 'a PDF document' },
  { kind: 'elf', magic: [0x7f, ...ascii('ELF')], what: 'a program (ELF)' },
];

/**
 * Tells a file's kind from its beginning.
 *
 * @param bytes - the first `KIND_BYTES` bytes, or all there are.
 * @param path - for the hint, which may be a command.
 * @returns undefined for what is not known here, JSON and safetensors included.
 */
export function whatIsThisFile(bytes: Uint8Array, path: string): FileKind | undefined {
  // A length field can look like any magic number of two to five bytes.
  const isSafetensors = bytes[8] === '{'.charCodeAt(0) && bytes.subarray(5, 8).every((byte) => byte === 0);
  const found = isSafetensors ? undefined : recognise(bytes);
  if (found?.hint === undefined) return found;
  return { ...found, hint: found.hint.replaceAll('FILE', JSON.stringify(path)) };
}

function recognise(bytes: Uint8Array): FileKind | undefined {
  if (bytes.length === 0) return { kind: 'empty', what: 'empty', hint: DOWNLOAD_AGAIN };
  const found = SIGNATURES.find(({ magic, offset = 0 }) => startsWith(bytes, magic, offset));
  if (found !== undefined) {
    const { kind, what, hint } = found;
    return { kind, what, ...(hint === undefined ? {} : { hint }) };
  }
  if (startsWith(bytes, [0x50, 0x4b, 0x03, 0x04], 0)) return zipKind(bytes);
  // A pickle of protocol 2 to 5 ends in ".", but its beginning is all there is: PROTO, then an opcode or a frame.
  if (bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5) {
    return { kind: 'pickle', what: 'a Python pickle', hint: 'load it in Python and save the tensors as safetensors' };
  }
  // A length field of 0 is possible; a header that is nothing but zeros is not.
  if (bytes.length >= 16 && bytes.every((byte) => byte === 0)) {
    return { kind: 'zeros', what: 'nothing but zeros, as an interrupted download leaves it', hint: DOWNLOAD_AGAIN };
  }
  return textKind(new TextDecoder('latin1').decode(bytes));
}

/** The first entry's name tells what wrote a zip archive: torch.save and numpy.savez both write one. */
function zipKind(bytes: Uint8Array): FileKind {
  const nameLength = (bytes[26] ?? 0) | ((bytes[27] ?? 0) << 8);
  const name = new TextDecoder('latin1').decode(bytes.subarray(30, 30 + nameLength));
  if (name.endsWith('.npy')) {
    return {
      kind: 'npz',
      what: 'a NumPy archive (.npz)',
      hint: 'write its arrays as safetensors, in Python:\nimport numpy, safetensors.numpy\nsafetensors.numpy.save_file(dict(numpy.load(FILE)), "out.safetensors")',
    };
  }
  if (/(^|\/)(data\.pkl|constants\.pkl|data\/\d+|\.format_version|\.data\/.*|byteorder|version)$/.test(name)) {
    return { kind: 'pytorch', ...pytorch('a PyTorch file (.pt, .pth, .bin)') };
  }
  return { kind: 'zip', what: 'a zip archive', hint: UNPACK };
}

function pytorch(what: string): Omit<FileKind, 'kind'> {
  return {
    what,
    hint: [
      'write its tensors as safetensors, in Python:',
      'import torch; from safetensors.torch import save_file',
      'loaded = torch.load(FILE, map_location="cpu", weights_only=True)',
      'tensors = {"tensor": loaded} if torch.is_tensor(loaded) else loaded',
      'save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, "out.safetensors")',
    ].join('\n'),
  };
}

/** What servers and tools write where a file should be. */
function textKind(text: string): FileKind | undefined {
  const start = text.replace(/^\u00ef\u00bb\u00bf/, '').trimStart();
  if (/^(<!doctype html|<html|<head|<body)/i.test(start)) {
    return { kind: 'html', what: 'a web page (HTML)', hint: MANUAL_DOWNLOAD };
  }
  if (/^<\?xml|^<error>/i.test(start)) {
    return { kind: 'xml', what: 'XML, as stores answer a refused download', hint: MANUAL_DOWNLOAD };
  }
  if (/^\{\s*"(error|errors|message|detail)"\s*:/.test(start)) {
    return { kind: 'refusal', what: "a server's refusal", hint: MANUAL_DOWNLOAD };
  }
  if (
    /^(entry not found|access to model|invalid (username|credentials)|unauthorized|forbidden|not found\b|repository not found|too many requests|error:)/i.test(
      start,
    )
  ) {
    return { kind: 'refusal', what: "a server's refusal", hint: MANUAL_DOWNLOAD };
  }
  return undefined;
}

function startsWith(bytes: Uint8Array, magic: string | readonly number[], offset: number): boolean {
  const wanted = typeof magic === 'string' ? ascii(magic) : magic;
  return wanted.every((byte, i) => bytes[offset + i] === byte);
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
