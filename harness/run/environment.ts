// What a run record says about the machine: enough to explain speed and versions, nothing that names it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, totalmem, type } from 'node:os';
import { defaultThreads } from '../../src/machine.ts';
import type { MachineInfo } from '../record/events.ts';

const PACKAGES = ['onnxruntime-node', '@stdlib/stats', 'ndarray', '@huggingface/tokenizers', '@huggingface/jinja'];

export function describeEnvironment(): MachineInfo {
  return {
    os: `${type()} ${release()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    threads: defaultThreads(),
    memoryBytes: totalmem(),
    node: process.version,
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
  };
}

/** Some packages do not export their package.json, so it is looked up along node's own search path. */
function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')) as { version: string }).version;
    } catch {}
  }
  return 'not found';
}
