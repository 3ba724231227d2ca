// Writes .npy and .npz as NumPy does, for tests that need arrays which nobody saved.
import { deflateRawSync } from 'node:zlib';

export interface NpyParts {
  /** The header's dict in the place of one made of the parts. */
  readonly dict?: string;
  readonly descr?: string;
  readonly shape?: string;
  readonly order?: string;
  readonly version?: number;
  readonly data: ArrayBufferView;
}

/** A file as numpy.save writes it: header padded with spaces and closed by a line break, to a multiple of 64. */
export function npyBytes({
  descr = '<f4',
  shape = '(2, 3)',
  order = 'False',
  version = 1,
  data,
  dict,
}: NpyParts): Buffer {
  const fixed = version === 1 ? 10 : 12;
  const text = dict ?? `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const padded = `${text.padEnd(Math.ceil((fixed + text.length + 1) / 64) * 64 - fixed - 1)}\n`;
  const prefix = Buffer.alloc(fixed);
  prefix.write('\x93NUMPY', 'latin1');
  prefix[6] = version;
  if (version === 1) prefix.writeUInt16LE(padded.length, 8);
  else prefix.writeUInt32LE(padded.length, 8);
  return Buffer.concat([prefix, Buffer.from(padded), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

/** A ZIP archive; no checksums. */
export function zipBytes(files: Readonly<Record<string, Buffer>>, method: 'stored' | 'deflated' = 'stored'): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const packed = method === 'stored' ? bytes : deflateRawSync(bytes);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x0403_4b50, 0);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x0201_4b50, 0);
    central.writeUInt16LE(method === 'stored' ? 0 : 8, 10);
    central.writeUInt32LE(packed.length, 20);
    central.writeUInt32LE(bytes.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(at, 42);
    locals.push(local, Buffer.from(name), packed);
    directory.push(central, Buffer.from(name));
    at += local.length + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50, 0);
  end.writeUInt16LE(directory.length / 2, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, ...directory, end]);
}
