// Hints about what a recording's files and arrays hold; each is saved again as the hint says.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { npyBytes, zipBytes } from '../../../src/device/capture/npy.fixture.ts';
import { fixtureOf, type HintCase, type Room, swapped } from './hint-case.fixture.ts';
import { type Arrays, GOOD, integers, recorded, replay, rows, V } from './recording-parts.fixture.ts';

const held =
  (arrays: Arrays, metadata?: Record<string, string>): HintCase['wrong'] =>
  (room) => {
    recorded(room, arrays, metadata);
    return replay(room);
  };
/** Saves it again, as the line of the hint changes it. */
const saved =
  (arrays: Arrays, metadata?: Record<string, string>): HintCase['follow'] =>
  (room) => {
    recorded(room, arrays, metadata);
    return replay(room);
  };

const DESCRIBED = /docs\/recordings\.md describes what a recording holds/;

/** Something that is refused with the description of what a recording holds; the description is followed. */
const described = (code: string, arrays: Arrays, metadata?: Record<string, string>): HintCase => ({
  code: `RECORDING_${code}`,
  wrong: held(arrays, metadata),
  hint: DESCRIBED,
  follow: saved(GOOD),
});

const folder = (room: Room, files: Readonly<Record<string, Buffer>>): string => {
  rmSync(room.path('npy'), { recursive: true, force: true });
  mkdirSync(room.path('npy'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(room.path(`npy/${name}`), bytes);
  return room.path('npy');
};
const npyIds = npyBytes({ descr: '<i4', shape: '(2,)', data: Int32Array.of(5, 6) });
const npyRow = npyBytes({ shape: `(1, ${V})`, data: rows(1).data });
const npyRows = npyBytes({ shape: `(2, ${V})`, data: rows(2).data });
const inFolder =
  (files: Readonly<Record<string, Buffer>>): HintCase['wrong'] =>
  (room) =>
    room.validate('--weights', 'general', '--device', `capture:${folder(room, files)}`);
const inFolderAgain =
  (files: Readonly<Record<string, Buffer>>): HintCase['follow'] =>
  (room, _said, args) => {
    folder(room, files);
    return args;
  };
const WHOLE = { 'input_ids.npy': npyIds, 'logits.npy': npyRows };
const zipped =
  (bytes: Buffer): HintCase['wrong'] =>
  (room) => {
    writeFileSync(room.path('rows.npz'), bytes);
    return room.validate('--weights', 'general', '--device', `capture:${room.path('rows.npz')}`);
  };
const zippedAgain: HintCase['follow'] = (room, _said, args) => {
  writeFileSync(room.path('rows.npz'), zipBytes(WHOLE));
  return args;
};
/** An archive whose entries say another method of packing. */
const otherMethod = (): Buffer => {
  const bytes = zipBytes(WHOLE);
  for (let at = bytes.indexOf('PK\x01\x02'); at >= 0; at = bytes.indexOf('PK\x01\x02', at + 1))
    bytes.writeUInt16LE(99, at + 10);
  return bytes;
};

/** Two entries of one name, as appending leaves them. */
function appendedTwice(): Buffer {
  const archive = zipBytes({ ...WHOLE, 'logitz.npy': npyRows });
  return Buffer.from(archive.toString('latin1').replaceAll('logitz', 'logits'), 'latin1');
}

export const ARRAY_CASES: readonly HintCase[] = [
  {
    code: 'FILE_UNREADABLE',
    wrong: replay,
    hint: /^check the path$/,
    follow: saved(GOOD),
  },
  {
    code: 'RECORDING_MISSING',
    wrong: held({ logits: rows(2) }),
    hint: /\n\s*input_ids = numpy\.array\(\[\.\.\.\], dtype=numpy\.int32\)$/,
    follow: saved(GOOD),
  },
  {
    code: 'RECORDING_LOGITS',
    what: 'fewer rows than tokens',
    wrong: held({ ...GOOD, logits: rows(1) }),
    hint: /\n\s*positions = numpy\.arange\(1, 2\)/,
    follow: saved({ ...GOOD, logits: rows(1), positions: integers([1]) }),
  },
  {
    code: 'RECORDING_LOGITS',
    what: 'of integers',
    wrong: held({ ...GOOD, logits: { ...rows(2), dtype: 'I32' } }),
    hint: /logits = logits\.astype\(numpy\.float32\)/,
    follow: saved(GOOD),
  },
  {
    code: 'RECORDING_IDS',
    wrong: held({ input_ids: integers([5, 6, -1]), logits: rows(3) }),
    hint: /input_ids\[input_ids < 0\] = 0 {2}# with attention_mask 0 there/,
    follow: saved({ input_ids: integers([5, 6, 0]), logits: rows(3), attention_mask: integers([1, 1, 0]) }),
  },
  described('EMPTY', { input_ids: integers([]), logits: { ...rows(0), shape: [0, V] } }),
  described('POSITIONS', { ...GOOD, positions: integers([1, 0]) }),
  described('MASK', { ...GOOD, attention_mask: integers([1, 2]) }),
  described('USERS', { ...GOOD, attention_mask: integers([1, 1, 1, 1, 1, 1], [3, 2]) }),
  described('PROMPT_LENGTH', { ...GOOD, prompt_length: integers([3]) }),
  described('NAME', { 'prompt.\u0007.input_ids': integers([5, 6]), 'prompt.\u0007.logits': rows(2) }),
  described('TAP_NAME', { ...GOOD, 'tap.layers.0.mpl.out': rows(2, 128) }),
  described('TAP', { ...GOOD, 'tap.layers.0.mlp.out': rows(3, 128) }),
  described('PROMPTS', { 'prompt.a.input_ids': integers([5, 6]), 'prompt.a.logits': rows(2) }, { prompts: '["b"]' }),
  {
    ...described('VOCABULARY', {
      'prompt.a.input_ids': integers([5, 6]),
      'prompt.a.logits': rows(2),
      'prompt.b.input_ids': integers([5]),
      'prompt.b.logits': rows(1, 99),
    }),
    what: 'two in one file',
  },
  {
    code: 'RECORDING_VOCABULARY',
    wrong: held({ ...GOOD, logits: rows(2, 1000) }),
    hint: /or record every column\.$/,
    follow: saved(GOOD),
  },
  {
    code: 'RECORDING_METADATA',
    wrong: held(GOOD, { prompts: 'a, b' }),
    hint: /leave out what you do not know/,
    follow: saved(GOOD),
  },
  {
    code: 'LOGITS_FORMAT',
    what: 'that the values do not have',
    wrong: held(
      { ...GOOD, logits: { ...rows(2), data: Float32Array.from({ length: 2 * V }, (_, i) => i / 3) } },
      {
        logits_format: 'BF16',
      },
    ),
    hint: /correct logits_format, or leave it out/,
    follow: saved(GOOD),
  },
  {
    code: 'RECORDING_FOREIGN',
    wrong: (room) =>
      room.validate('--weights', 'general', '--device', `capture:${fixtureOf('recordings/lone-logits.npy')}`),
    hint: /numpy\.savez\("(\S+\.npz)", input_ids=input_ids, logits=logits\)/,
    // What the lines write, with ids of one's own for the dots.
    follow: (room, [name], args) => {
      writeFileSync(room.path(name!), zipBytes(WHOLE));
      return swapped(args, `capture:${fixtureOf('recordings/lone-logits.npy')}`, `capture:${room.path(name!)}`);
    },
  },
  {
    code: 'NPY_BROKEN',
    wrong: inFolder({ ...WHOLE, 'logits.npy': npyRows.subarray(0, 500) }),
    hint: /write the array again with numpy\.save/,
    follow: inFolderAgain(WHOLE),
  },
  {
    code: 'NPY_UNSUPPORTED',
    wrong: inFolder({
      ...WHOLE,
      'input_ids.npy': npyBytes({ descr: '>i4', shape: '(2,)', data: Int32Array.of(5, 6) }),
    }),
    hint: /save it little-endian: .*astype\('<i4'\)/,
    follow: inFolderAgain(WHOLE),
  },
  {
    code: 'RECORDING_STEPS',
    wrong: inFolder({ 'input_ids.npy': npyIds, 'logits_0.npy': npyRow, 'logits_2.npy': npyRow }),
    hint: /^add it, or/,
    follow: inFolderAgain({ 'input_ids.npy': npyIds, 'logits_0.npy': npyRow, 'logits_1.npy': npyRow }),
  },
  {
    code: 'RECORDING_TWICE',
    wrong: inFolder({ ...WHOLE, 'logits_0.npy': npyRow }),
    hint: /keep one of the two/,
    follow: inFolderAgain(WHOLE),
  },
  {
    code: 'RECORDING_UNREADABLE',
    wrong: inFolder({ ...WHOLE, 'recording.json': Buffer.from('{}') }),
    hint: /docs\/recordings\.md shows a folder with its recording\.json/,
    follow: inFolderAgain({
      ...WHOLE,
      'recording.json': Buffer.from('{ "prompts": [{ "name": "a", "input_ids": [5, 6], "logits": "logits.npy" }] }'),
    }),
  },
  {
    code: 'ZIP_BROKEN',
    wrong: (room) => zipped(zipBytes(WHOLE).subarray(0, 400))(room),
    hint: /write the archive again/,
    follow: zippedAgain,
  },
  { code: 'ZIP_TWICE', wrong: zipped(appendedTwice()), hint: /numpy\.savez/, follow: zippedAgain },
  { code: 'ZIP_UNSUPPORTED', wrong: zipped(otherMethod()), hint: /numpy\.savez/, follow: zippedAgain },
];
