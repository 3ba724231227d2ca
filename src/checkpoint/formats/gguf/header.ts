// The header of a GGUF file, versions 2 and 3, read with distrust: everything that could send a reader astray is an error.
// Source: GGUF specification (ggml/docs/gguf.md); as llama.cpp's gguf_init_from_file, tensors lie in the order of the header, each at
// the next multiple of the alignment. Ours, because the one of npm (@huggingface/gguf) is asynchronous; a test holds them together.
import { UnsupportedError } from '../../../errors.ts';
import { elementCount } from '../../../tensor/dtypes.ts';
import { misplaced, recogniseFile, withFile } from '../../files.ts';
import { notRead } from '../format.ts';
import { brokenGguf, type HeaderCursor, openCursor } from './cursor.ts';
import { type Metadata, readMetadata } from './metadata.ts';
import { BLOCK_SIZES, type GgufType, isReadType, typeName } from './types.ts';

export interface GgufTensor {
  readonly type: GgufType;
  /** Slowest first, as safetensors has it: [out, in]. */
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface GgufHeader {
  readonly path: string;
  readonly version: number;
  readonly metadata: Metadata;
  /** In the order of the data. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const MAGIC = 'GGUF';
const VERSIONS: readonly number[] = [2, 3];
const TENSORS_MAX = 100_000;
const RANK_MAX = 4;
const ALIGNMENT_DEFAULT = 32;
/** A page of memory is 4 KB; files have 32. */
const ALIGNMENT_MAX = 65_536;

/** @throws InputError `FILE_*`, `GGUF_HEADER`; UnsupportedError `QUANTISED_UNSUPPORTED` for versions and types that are not read. */
export function readGgufHeader(path: string): GgufHeader {
  return withFile(path, (file, fileBytes) => {
    const cursor = openCursor(path, file, fileBytes);
    const magic = fileBytes < MAGIC.length ? '' : cursor.bytes(MAGIC.length, 'magic number').toString('latin1');
    if (magic !== MAGIC) throw noGguf(path, magic);
    const version = cursor.u32('version');
    if (!VERSIONS.includes(version)) {
      const isBigEndian = version % 65_536 === 0 && version > 0;
      const found = isBigEndian ? 'a big-endian file' : `version ${version}`;
      throw notRead(path, 'this version of GGUF is not read', found, 'version 2 or 3, little-endian');
    }
    const tensorCount = cursor.size('number of tensors');
    const keyCount = cursor.size('number of metadata keys');
    if (tensorCount > TENSORS_MAX) {
      const facts = { found: tensorCount, wanted: `<= ${TENSORS_MAX}` };
      throw brokenGguf(path, 'the file claims to have more tensors than any', facts);
    }
    const metadata = readMetadata(path, cursor, keyCount);
    const infos = new Map<string, TensorInfo>();
    for (let i = 0; i < tensorCount; i++) {
      const [name, info] = readInfo(path, cursor, i);
      if (infos.has(name)) throw brokenGguf(path, 'the header names a tensor twice', { tensor: name });
      infos.set(name, info);
    }
    const alignment = alignmentOf(path, metadata);
    requireReadTypes(path, infos);
    const dataStart = alignedUp(cursor.position(), alignment);
    return { path, version, metadata, tensors: placeTensors(path, infos, { dataStart, alignment, fileBytes }) };
  });
}

function noGguf(path: string, magic: string): Error {
  const kind = recogniseFile(path);
  if (kind !== undefined) return misplaced(path, kind, 'GGUF_HEADER', 'a GGUF file');
  return brokenGguf(path, 'the file does not begin as a GGUF file does', { found: magic, wanted: MAGIC });
}

interface TensorInfo {
  readonly shape: readonly number[];
  readonly type: number;
  /** From the start of the data. */
  readonly offset: number;
}

function readInfo(path: string, cursor: HeaderCursor, index: number): [string, TensorInfo] {
  const name = cursor.text(`name of tensor ${index}`);
  const rank = cursor.u32(name);
  if (rank === 0 || rank > RANK_MAX) {
    throw brokenGguf(path, `a tensor has 1 to ${RANK_MAX} dimensions`, { tensor: name, found: rank });
  }
  // Fastest first in the file.
  const shape = Array.from({ length: rank }, () => cursor.size(name)).reverse();
  if (
    shape.some((side) => side === 0 || !Number.isSafeInteger(side)) ||
    !Number.isSafeInteger(8 * elementCount(shape))
  ) {
    throw brokenGguf(path, 'a shape is empty or larger than any file', {
      tensor: name,
      found: `[${shape.join(', ')}]`,
    });
  }
  return [name, { shape, type: cursor.u32(name), offset: cursor.size(name) }];
}

function alignmentOf(path: string, metadata: Metadata): number {
  const alignment = metadata.get('general.alignment') ?? ALIGNMENT_DEFAULT;
  const isSane = typeof alignment === 'number' && alignment >= 8 && alignment <= ALIGNMENT_MAX;
  if (isSane && Number.isInteger(Math.log2(alignment))) return alignment;
  throw brokenGguf(path, 'general.alignment is no alignment', {
    found: String(alignment),
    wanted: `a power of two from 8 to ${ALIGNMENT_MAX}`,
  });
}

function requireReadTypes(path: string, infos: ReadonlyMap<string, TensorInfo>): void {
  const unread = [...infos].filter(([, { type }]) => !isReadType(typeName(type)));
  if (unread.length === 0) return;
  const names = [...new Set(unread.map(([, { type }]) => typeName(type)))].sort().join(', ');
  const [first] = unread[0]!;
  throw new UnsupportedError(`${path}: tensors are of types that are not read: ${names}.`, {
    code: 'QUANTISED_UNSUPPORTED',
    facts: {
      found: `${unread.length} of ${infos.size} tensors, such as ${first}`,
      wanted: Object.keys(BLOCK_SIZES).join(', '),
    },
    hint: 'take a file of another quantisation, such as Q4_K_M, Q6_K or Q8_0',
  });
}

interface DataPlace {
  readonly dataStart: number;
  readonly alignment: number;
  readonly fileBytes: number;
}

/** Without holes but for padding, and without overlaps: a file is one thing only. */
function placeTensors(
  path: string,
  infos: ReadonlyMap<string, TensorInfo>,
  { dataStart, alignment, fileBytes }: DataPlace,
): Map<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>();
  let offset = 0;
  let end = 0;
  for (const [name, info] of infos) {
    const type = typeName(info.type) as GgufType;
    const { elements, bytes } = BLOCK_SIZES[type];
    const columns = info.shape.at(-1)!;
    if (columns % elements !== 0) {
      const found = `${type} [${info.shape.join(', ')}]`;
      throw brokenGguf(path, 'a row is no whole number of blocks', {
        tensor: name,
        found,
        wanted: `a multiple of ${elements}`,
      });
    }
    if (info.offset !== offset) {
      throw brokenGguf(path, 'a tensor does not begin where the one before it ends', {
        tensor: name,
        found: `offset ${info.offset}`,
        wanted: `offset ${offset}, at a multiple of ${alignment}`,
      });
    }
    const lengthBytes = (elementCount(info.shape) / elements) * bytes;
    end = offset + lengthBytes;
    if (dataStart + end > fileBytes) {
      throw brokenGguf(path, 'a tensor ends after the end of the file; the file is cut off or the header lies', {
        tensor: name,
        'ends at': `${dataStart + end} bytes`,
        file: `${fileBytes} bytes`,
      });
    }
    tensors.set(name, { type, shape: info.shape, offsetBytes: dataStart + offset, lengthBytes });
    offset = alignedUp(end, alignment);
  }
  if (fileBytes > dataStart + offset) {
    throw brokenGguf(path, 'bytes after the last tensor belong to none', {
      'data ends at': `${dataStart + end} bytes`,
      file: `${fileBytes} bytes`,
    });
  }
  return tensors;
}

function alignedUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
