// Rules files: what is refused of them, and the next step.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { LOG_FILE } from '../../record/read-log.ts';
import { callCommand } from '../in-process.fixture.ts';
import { type HintCase, type Room, without } from './hint-case.fixture.ts';

/** A small run with this rules file. */
const ruled = (room: Room, content: unknown): string[] =>
  room.validateIds('--config', room.write('rules.json', content));

const loosenedUntil = (expires: string): unknown => ({
  rules: [{ id: 'golden-rank', threshold: 50, loosened: { reason: 'bug 7', owner: 'Ada', expires } }],
});

export const RULES_FILE_CASES: readonly HintCase[] = [
  {
    code: 'CONFIG_FILE',
    wrong: (room) => ruled(room, '{"rules": [{"id": "top1", "threshold": 0.9}], "rules": []}'),
    hint: /take one of the two out/,
    follow: (room) => ruled(room, '{"rules": [{"id": "top1", "threshold": 0.9}]}'),
  },
  {
    code: 'CONFIG_KEYS',
    wrong: (room) => ruled(room, { rules: [{ id: 'top1', treshold: 0.9 }] }),
    hint: /did you mean (\w+) at rules\[0\]\.treshold\?/,
    follow: (room, [key]) => ruled(room, { rules: [{ id: 'top1', [key!]: 0.9 }] }),
  },
  {
    code: 'CONFIG_RULE',
    wrong: (room) => ruled(room, { rules: [{ id: 'tpo1', threshold: 0.9 }] }),
    hint: /did you mean (\w+)\?/,
    follow: (room, [id]) => ruled(room, { rules: [{ id, threshold: 0.9 }] }),
  },
  {
    code: 'CONFIG_HARD',
    wrong: (room) => ruled(room, { rules: [{ id: 'finite', off: true }] }),
    hint: /^take the entry out\.$/,
    follow: (room) => ruled(room, { rules: [] }),
  },
  {
    code: 'CONFIG_LOOSENED',
    wrong: (room) => ruled(room, { rules: [{ id: 'golden-rank', threshold: 50 }] }),
    hint: /^add "loosened": \{ "reason"/,
    follow: (room) => ruled(room, loosenedUntil(new Date().toISOString().slice(0, 10))),
  },
  {
    code: 'CONFIG_EXPIRES',
    wrong: (room) => ruled(room, loosenedUntil('2199-12-31')),
    hint: /write (\d{4}-\d\d-\d\d) or an earlier day/,
    follow: (room, [day]) => ruled(room, loosenedUntil(day!)),
  },
  {
    code: 'CONFIG_PLAN',
    wrong: (room) => ruled(room, { plan: { device: 'n150' }, variants: [{ device: 'n150:kvFormat=BF16' }] }),
    hint: /make the devices of plan\.device variants/,
    follow: (room) => ruled(room, { variants: [{ device: 'n150' }, { device: 'n150:kvFormat=BF16' }] }),
  },
  {
    code: 'DEVICE_WEIGHTS',
    wrong: (room) => ruled(room, { variants: [{ device: 'capture:rows.safetensors', weights: 'general' }] }),
    hint: /take "weights" out of that variant/,
    follow: (room) => ruled(room, { variants: [{ device: 'capture:rows.safetensors' }] }),
    leadsTo: 'FILE_UNREADABLE',
  },
  {
    code: 'CONFIG_TWICE',
    wrong: (room) => {
      room.write('qwen-pcc.config.mjs', 'export default {};');
      room.write('qwen-pcc.config.json', {});
      return { args: room.validateIds(), cwd: room.folder };
    },
    hint: /name the one that counts: (--config) (\S+), or none/,
    follow: (room, named, args) => ({ args: [...args, ...named], cwd: room.folder }),
  },
  {
    code: 'CONFIG_NOT_FOUND',
    wrong: () => ['selftest', '--with-damage'],
    hint: /name it with --config/,
    follow: (room, _said, args) => [...args, '--config', room.path('nowhere.json')],
    leadsTo: 'CONFIG_FILE',
  },
  {
    code: 'SUGGEST_INVALID',
    wrong: async (room) => {
      const ran = await callCommand([...room.validateIds(), '--json']);
      const { runId } = JSON.parse(ran.stdout) as { runId: string };
      expect(ran.code).toBe(0);
      const [whole, killed] = [path.join('reports', runId), 'killed'].map((name) => room.path(name));
      cpSync(whole!, killed!, { recursive: true });
      const log = path.join(killed!, LOG_FILE);
      writeFileSync(log, readFileSync(log, 'utf8').split('\n').slice(0, 3).join('\n'));
      room.kept['whole'] = whole!;
      return ['validate', '--suggest', killed!];
    },
    hint: /name runs of an honest device that came to their end/,
    follow: (room, _said, args) => [...without(args, '--suggest'), '--suggest', room.kept['whole']!],
  },
];
