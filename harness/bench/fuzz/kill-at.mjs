// Loaded before the command: kills this process with SIGKILL at the nth change below a folder, after half of that write; without a number it
// only counts, and says how many there were.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve } from 'node:path';

const { QWEN_PCC_KILL_AT: at, QWEN_PCC_KILL_BELOW: root } = process.env;
const NAMES = [
  ...['openSync', 'writeSync', 'appendFileSync', 'writeFileSync', 'mkdirSync', 'symlinkSync', 'renameSync', 'rmSync'],
  ...['ftruncateSync', 'fsyncSync'],
];
const original = Object.fromEntries(NAMES.map((name) => [name, fs[name]]));
const opened = new Set();
let isInside = false;
let changes = 0;

for (const name of NAMES) {
  fs[name] = (...args) => {
    const place = name === 'symlinkSync' ? args[1] : args[0];
    const isBelow = typeof place === 'number' ? opened.has(place) : resolve(String(place)).startsWith(root);
    const isReading = name === 'openSync' && (args[1] ?? 'r') === 'r';
    if (isInside || !isBelow || isReading) return original[name](...args);
    if (at !== undefined && changes === Number(at)) die(name, args);
    changes++;
    isInside = true;
    try {
      const result = original[name](...args);
      if (name === 'openSync') opened.add(result);
      return result;
    } finally {
      isInside = false;
    }
  };
}
syncBuiltinESMExports();
if (at === undefined) process.on('exit', () => original.writeSync(2, `changes ${changes}\n`));

function die(name, [file, data]) {
  if (name === 'writeSync' || name === 'appendFileSync') {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    original.writeSync(file, bytes.subarray(0, Math.floor(bytes.length / 2)));
  }
  process.kill(process.pid, 'SIGKILL');
  // The signal may take a moment; nothing more is to reach the disk.
  for (;;);
}
