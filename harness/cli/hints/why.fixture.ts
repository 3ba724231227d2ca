// Hints about `inspect --why`: sides that cannot be run with one thing changed.
import { callCommand } from '../in-process.fixture.ts';
import { fixtureOf, type HintCase, type Room } from './hint-case.fixture.ts';
import { inspect, run } from './runs.fixture.ts';

const why = (room: Room, ...more: string[]): string[] => inspect(room, '--token', '1', '--why', ...more);

/** Rows of a side in a file. */
async function recorded(room: Room, source: 'n150' | 'reference'): Promise<string> {
  const file = room.path('rows.safetensors');
  const what = ['--weights', 'general', '--prompts', room.ids(), '--max-new-tokens', '0'];
  await callCommand(['record', '--source', source, ...what, '--out', file]);
  return file;
}

export const WHY_CASES: readonly HintCase[] = [
  {
    code: 'WHY_RECORDING',
    wrong: async (room) => {
      await run(room, room.validateIds('--device', `capture:${await recorded(room, 'n150')}`));
      return why(room);
    },
    hint: /(--device) (n150),/,
    follow: (_room, [option, device], args) => [...args, option!, device!],
  },
  {
    code: 'WHY_GOLDEN',
    wrong: async (room) => {
      await run(room, room.validateIds('--reference', `golden:${await recorded(room, 'reference')}`));
      return why(room);
    },
    hint: /make the run without --reference\.$/,
    follow: (room) => room.validateIds(),
  },
  {
    code: 'WHY_SHAPES',
    wrong: async (room) => {
      await run(room, room.validateIds('--device-weights', fixtureOf('golden-hf/quirk-tied-f16')));
      return why(room);
    },
    hint: /(--device-weights)\.$/,
    follow: (_room, [option], args) => [...args, option!, fixtureOf('tiny-qwen2')],
  },
];
