// Hints about recordings: what their arrays hold, and how they fit the plan, the checkpoint and the other side.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type TensorToWrite, writeSafetensors } from '../../../src/checkpoint/safetensors.ts';
import { npyBytes, zipBytes } from '../../../src/device/capture/npy.fixture.ts';
import { fixtureOf, type HintCase, type Room, swapped, without } from './hint-case.fixture.ts';

const V = 2048;

export const integers = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Omit<TensorToWrite, 'name'> => ({
  dtype: 'I32',
  shape,
  data: Int32Array.from(values),
});

/** Rows that no model made: a run judges them and fails, which is a verdict. */
export const rows = (count: number, columns: number = V): Omit<TensorToWrite, 'name'> => ({
  dtype: 'F32',
  shape: [count, columns],
  data: Float32Array.from({ length: count * columns }, (_, i) => ((7 * i) % 13) - 6),
});

export type Arrays = Readonly<Record<string, Omit<TensorToWrite, 'name'>>>;
export const GOOD: Arrays = { input_ids: integers([5, 6]), logits: rows(2) };

/** Writes a recording into the room. @returns its path. */
export function recorded(room: Room, arrays: Arrays, metadata: Record<string, string> = {}, name = 'rows'): string {
  const file = room.path(`${name}.safetensors`);
  const tensors = Object.entries(arrays).map(([array, stored]) => ({ name: array, ...stored }));
  writeSafetensors(file, tensors, metadata);
  return file;
}

/** Judges the room's recording by its own plan. */
export const replay = (room: Room): string[] =>
  room.validate('--weights', 'general', '--device', `capture:${room.path('rows.safetensors')}`);

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

export const RECORDING_CASES: readonly HintCase[] = [
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
  { code: 'ZIP_UNSUPPORTED', wrong: zipped(otherMethod()), hint: /numpy\.savez/, follow: zippedAgain },
  {
    code: 'OPTION_VALUE',
    what: 'a recording without capture:',
    wrong: (room) => {
      const file = recorded(room, GOOD);
      return room.validate('--weights', 'general', '--device', file);
    },
    hint: /^did you mean (capture:.+)\?$/,
    follow: (room, [said], args) => swapped(args, room.path('rows.safetensors'), said!),
  },
  {
    code: 'OPTION_VALUE',
    what: 'a reference without golden:',
    wrong: (room) => {
      const file = recorded(room, GOOD);
      return [...room.validateIds(), '--reference', file];
    },
    hint: /^did you mean (golden:.+)\?$/,
    follow: (room, [said], args) => swapped(args, room.path('rows.safetensors'), said!),
  },
  {
    code: 'OPTION_VALUE',
    what: 'capture without a file',
    wrong: (room) => {
      recorded(room, GOOD);
      return room.validate('--weights', 'general', '--device', 'capture');
    },
    hint: /or --device (capture):FILE\.$/,
    follow: (room, [said], args) => swapped(args, 'capture', `${said}:${room.path('rows.safetensors')}`),
  },
  {
    code: 'RECORDING_WEIGHTS',
    wrong: (room) => room.validate('--device', `capture:${recorded(room, GOOD)}`),
    hint: /give the folder of .* with (--weights)\.$/,
    follow: (_room, [option], args) => [...args, option!, fixtureOf('tiny-qwen2')],
  },
  {
    code: 'RECORDING_WEIGHTS',
    what: 'two checkpoints',
    wrong: (room) => [
      ...room.validate('--weights', 'general', 'instruct', '--device', `capture:${recorded(room, GOOD)}`),
    ],
    hint: /give the one checkpoint that was recorded with --weights/,
    follow: (_room, _said, args) => args.filter((word) => word !== 'instruct'),
  },
  {
    code: 'TOKENIZER_MISMATCH',
    wrong: (room) => {
      recorded(room, { ...GOOD, input_ids: integers([5, 600]) });
      return swapped(replay(room), 'general', fixtureOf('golden-hf/quirk-config-v5'));
    },
    hint: /give the checkpoint that these ids were made for with --weights/,
    follow: (room) => replay(room),
  },
  {
    code: 'COMPARED_WITH_ITSELF',
    wrong: (room) => [...replay(room), '--reference', `golden:${recorded(room, GOOD)}`],
    hint: /that of the reference with (--reference)/,
    follow: (room, [option], args) => {
      const golden = recorded(
        room,
        { ...GOOD, logits: { ...rows(2), data: rows(2).data } },
        { label: 'golden' },
        'golden',
      );
      return [...without(args, option!), option!, `golden:${golden}`];
    },
  },
  {
    code: 'GOLDEN_OF_OTHER_WEIGHTS',
    wrong: (room) => {
      const golden = recorded(room, GOOD, { source: JSON.stringify({ weightsSha256: 'f'.repeat(64) }) });
      return room.validate('--weights', 'general', '--reference', `golden:${golden}`);
    },
    hint: /record it anew with `qwen-pcc (record --source reference)`/,
    follow: (room, [words]) => [
      ...words!.split(' '),
      ...['--weights', 'general', '--prompts', room.ids(), '--max-new-tokens', '0'],
      ...['--out', room.path('golden.safetensors')],
    ],
  },
  {
    code: 'RECORDING_NOT_PLANNED',
    wrong: (room) => {
      recorded(room, { 'prompt.a.input_ids': integers([5, 6, 7]), 'prompt.a.logits': rows(3) });
      return [...replay(room), '--prompts', room.ids()];
    },
    hint: /^leave (--prompts) out/,
    follow: (_room, [option], args) => without(args, option!),
  },
  ...(
    [
      ['RECORDING_TOKENS', { 'prompt.a.input_ids': integers([5, 7]), 'prompt.a.logits': rows(2) }],
      ['RECORDING_TOO_SHORT', { 'prompt.a.input_ids': integers([5]), 'prompt.a.logits': rows(1) }],
      ['RECORDING_PROMPT', { 'prompt.b.input_ids': integers([5, 6]), 'prompt.b.logits': rows(2) }],
    ] as const
  ).map(
    ([code, arrays]): HintCase => ({
      code,
      wrong: (room) => {
        recorded(room, arrays);
        return [...replay(room), '--prompts', room.ids()];
      },
      hint: /run without (--prompts) to take the plan from/,
      follow: (_room, [option], args) => without(args, option!),
    }),
  ),
  {
    code: 'ROWS_MISSING',
    wrong: (room) => {
      recorded(room, { ...GOOD, logits: rows(1), positions: integers([1]) });
      return [...replay(room), '--prompts', room.ids()];
    },
    hint: /or leave (--prompts) out/,
    follow: (_room, [option], args) => without(args, option!),
  },
  {
    code: 'GOLDEN_NOT_FINITE',
    wrong: (room) => {
      const none = { ...rows(2), data: new Float32Array(2 * V).fill(Number.NaN) };
      const golden = recorded(room, { ...GOOD, logits: none });
      const more = ['--max-new-tokens', '1', '--prompts', room.ids(), '--reference', `golden:${golden}`];
      return room.validate('--weights', 'general', ...more);
    },
    hint: /^make the reference again: .* its recording/,
    // With rows only of what was recorded, so that the plan is the recording's.
    follow: (room, _said, args) => {
      recorded(room, GOOD);
      return swapped(args, '1', '0');
    },
  },
  {
    code: 'RECORDING_ROW',
    wrong: held({ input_ids: integers([5, 6, 7, 8]), logits: rows(1), positions: integers([0]) }),
    hint: /tokens that were not fed do not belong into input_ids/,
    follow: saved({ input_ids: integers([5]), logits: rows(1), positions: integers([0]) }),
  },
  {
    code: 'RECORD_RECORDING',
    wrong: (room) => [
      ...['record', '--source', 'n150', '--weights', 'general', '--prompts', room.ids(), '--max-new-tokens', '0'],
      ...['--out', room.path('out.safetensors'), '--device', 'capture:rows.safetensors'],
    ],
    hint: /^leave (--device) out/,
    follow: (_room, [option], args) => without(args, option!),
  },
  {
    code: 'DEMO_RECORDING',
    wrong: (room) => [
      ...['demo', '--weights', 'general', '--max-new-tokens', '1', '--out', room.path('demo.json')],
      ...['--device', 'capture:rows.safetensors'],
    ],
    hint: /^write --device (\S+),/,
    follow: (_room, [device], args) => swapped(args, 'capture:rows.safetensors', device!),
  },
];
