// Hints about how a recording fits the options, the plan, the checkpoint and the other side.
import { fixtureOf, type HintCase, swapped, without } from './hint-case.fixture.ts';
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

export const RECORDED_PLAN_CASES: readonly HintCase[] = [
  {
    code: 'REPEAT_RECORDING',
    wrong: (room) => {
      recorded(room, GOOD);
      return [...replay(room), '--repeat', '1'];
    },
    hint: /^leave --repeat out; record the device a second time/,
    follow: (_room, _said, args) => without(args, '--repeat'),
  },
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
