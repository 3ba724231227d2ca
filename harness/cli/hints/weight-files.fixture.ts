// Hints about single files of a checkpoint that are broken, cut off or something else.
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { damaged, judge, stored, takenAgain } from './checkpoint.fixture.ts';
import { fixtureOf, type HintCase, swapped } from './hint-case.fixture.ts';

const GGUF = fixtureOf('quantised/gguf/tiny-qwen2.gguf');

export const WEIGHT_FILE_CASES: readonly HintCase[] = [
  {
    code: 'SAFETENSORS_KIND',
    wrong: damaged('model.safetensors', '<!DOCTYPE html><html></html>'),
    hint: /download/,
    follow: takenAgain(),
  },
  {
    code: 'SAFETENSORS_KIND',
    what: 'a GGUF file',
    wrong: (room) => {
      copyFileSync(GGUF, path.join(room.checkpoint(), 'model.safetensors'));
      return judge(room);
    },
    hint: /give it a name that ends in (\.gguf), and name the file with (--weights)/,
    follow: (room, [ending], args) => {
      const file = room.path(`model${ending}`);
      renameSync(room.path('checkpoint/model.safetensors'), file);
      return swapped(args, room.path('checkpoint'), file);
    },
  },
  {
    code: 'GGUF_HEADER',
    wrong: (room) => {
      const file = room.path('model.gguf');
      writeFileSync(file, readFileSync(GGUF).subarray(0, 1000));
      return room.validate('--weights', file, '--prompts', room.ids());
    },
    hint: /^download or convert the file again/,
    follow: (room, _said, args) => swapped(args, room.path('model.gguf'), GGUF),
  },
  {
    code: 'SAFETENSORS_TRUNCATED',
    wrong: (room) => {
      const file = path.join(room.checkpoint(), 'model.safetensors');
      writeFileSync(file, readFileSync(file).subarray(0, 100_000));
      return judge(room);
    },
    hint: /download or write the file again/,
    follow: takenAgain(),
  },
  ...(
    [
      ['JSON', '[]'],
      ['ENTRY', '{"a":1}'],
      ['DTYPE', '{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,4]}}'],
      ['SHAPE', '{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}'],
      ['OFFSETS', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}'],
      ['LENGTH', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}'],
      ['HOLE', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}'],
      [
        'OVERLAP',
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      ],
      ['DUPLICATE', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}}'],
      ['METADATA', '{"__metadata__":{"a":1}}'],
    ] as const
  ).map(
    ([code, header]): HintCase => ({
      code: `SAFETENSORS_${code}`,
      wrong: (room) => {
        const length = Buffer.alloc(8);
        length.writeUInt32LE(header.length);
        const bytes = Buffer.concat([length, Buffer.from(header), Buffer.alloc(8)]);
        writeFileSync(path.join(room.checkpoint(), 'model.safetensors'), bytes);
        return judge(room);
      },
      hint: /download or write the file again/,
      follow: takenAgain(),
    }),
  ),
  {
    code: 'SAFETENSORS_HEADER_LENGTH',
    wrong: damaged('model.safetensors', 'x'.repeat(100)),
    hint: /download or write the file again/,
    follow: takenAgain(),
  },
  {
    code: 'WEIGHTS_NOT_FINITE',
    wrong: stored((tensors) =>
      tensors.map((tensor) =>
        tensor.name === 'model.norm.weight'
          ? { ...tensor, data: new Uint8Array(tensor.shape[0]! * 2).fill(0xff) }
          : tensor,
      ),
    ),
    hint: /download/,
    follow: takenAgain(),
  },
  {
    code: 'FILE_KIND',
    wrong: (room) => {
      const file = path.join(room.checkpoint(), 'config.json');
      rmSync(file);
      mkdirSync(file);
      return judge(room);
    },
    hint: /move the folder away and put the file of that name in its place/,
    follow: takenAgain(),
  },
];
