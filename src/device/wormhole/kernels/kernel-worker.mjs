// A worker thread of the kernels: instantiates the module on the shared memory, then runs its share of every job.
// Plain JavaScript, since Node starts it as it lies here, in the source tree and in the build alike.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

/**
 * @typedef {object} KernelWorkerData
 * @property {WebAssembly.Module} module
 * @property {WebAssembly.Memory} memory - shared; the first bank, further ones come through the port
 * @property {number} control - byte offset of the control block
 * @property {{ generation: number, bell: number, failed: number, bank: number }} words - indices in the control block
 * @property {number} scratch - byte offset of this share's scratch region
 * @property {number} heartbeat - byte offset of this share's counter
 * @property {number} finished - byte offset of the generation that this share has finished
 * @property {MessagePort} traps - where the stack of a kernel's trap goes, read by a main thread that waits
 */

/** @type {KernelWorkerData} */
const { module, memory, control, words, scratch, heartbeat, finished, traps } = workerData;
const controlWords = new Int32Array(memory.buffer, control, 16);
const finishedWord = new Int32Array(memory.buffer, finished, 1);
const kernelsOn = (bank) => new WebAssembly.Instance(module, { env: { memory: bank } }).exports;
const banks = [kernelsOn(memory)];

// Jobs begin only after every worker has said that it is ready, so no generation is missed.
let generation = Atomics.load(controlWords, words.generation);
parentPort.postMessage('ready');
for (;;) {
  // Being woken is no job: a notify may come late, when the generation was seen and its job done without it.
  const last = generation;
  while (generation === last) {
    Atomics.wait(controlWords, words.generation, last);
    generation = Atomics.load(controlWords, words.generation);
  }
  try {
    const bank = Atomics.load(controlWords, words.bank);
    while (banks.length <= bank) banks.push(kernelsOn(receiveMessageOnPort(parentPort).message));
    banks[bank].runJob(scratch, heartbeat);
  } catch (error) {
    traps.postMessage(String(error?.stack ?? error));
    Atomics.store(controlWords, words.failed, 1);
  }
  Atomics.store(finishedWord, 0, generation);
  Atomics.add(controlWords, words.bell, 1);
  Atomics.notify(controlWords, words.bell);
}
