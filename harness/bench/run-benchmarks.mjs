// Runs the built benchmarks one after the other and prints medians, spreads and targets: `npm run bench [name…] [-- --python PATH …]`.
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';

/** What some benchmarks need from outside, and the variables that they read it from. */
const OUTSIDE = { weights: 'QWEN_DIR', python: 'PYTHON', gguf: 'GGUF', 'node-llama-cpp': 'NODE_LLAMA_CPP' };

const folder = new URL('../../dist/harness/bench/', import.meta.url);
if (!existsSync(folder)) {
  console.error('The benchmarks are not built.\n  found   no dist/harness/bench\n  hint: npm run bench');
  process.exit(2);
}
const { keepsTarget, spreadOf } = await import(new URL('benchmark.js', folder).href);
const files = readdirSync(folder).filter((file) => file.endsWith('.bench.js'));
const names = files.map((file) => file.replace('.bench.js', ''));
const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(Object.keys(OUTSIDE).map((option) => [option, { type: 'string' }])),
});
for (const [option, value] of Object.entries(values)) process.env[OUTSIDE[option]] = value;
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`No benchmark is called ${unknown.join(', ')}.\n  wanted  ${names.join(', ')}`);
  process.exit(2);
}

const digits = (value) => value.toLocaleString('en', { maximumSignificantDigits: 4, useGrouping: false });

console.log(`${cpus()[0]?.model.trim()} · ${availableParallelism()} cores · Node ${process.version}`);
console.log(`load average ${digits(loadavg()[0])}: medians mean little unless it is near zero before a run`);
for (const name of asked.length > 0 ? asked : names) {
  const { benchmark } = await import(new URL(`${name}.bench.js`, folder).href);
  if (benchmark.isLong && !asked.includes(name)) {
    console.log(`\n${benchmark.name}: takes long; npm run bench ${benchmark.name}`);
    continue;
  }
  console.log(`\n${benchmark.name}: ${benchmark.description}`);
  const results = await benchmark.run();
  const width = Math.max(...results.map((result) => result.name.length));
  for (const { name: quantity, unit, samples, target } of results) {
    const { median, minimum, maximum } = spreadOf(samples);
    const spread = samples.length > 1 ? ` (${digits(minimum)} … ${digits(maximum)}, ${samples.length} samples)` : '';
    const verdict = target
      ? ` · target ${target.relation} ${digits(target.value)}: ${keepsTarget(median, target) ? 'kept' : 'MISSED'}`
      : '';
    console.log(`  ${quantity.padEnd(width)}  ${digits(median)} ${unit}${spread}${verdict}`);
  }
}
