// A thread of the reference's products: opens its graph, then multiplies what it is given until it is told to close.
// Plain JavaScript, since Node starts it as it lies here, in the source tree and in the build alike.
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/**
 * @typedef {object} ProductWorkerData
 * @property {Uint8Array} model
 * @property {import('onnxruntime-node').InferenceSession.SessionOptions} options
 */

/**
 * @typedef {object} ProductJob
 * @property {number} group
 * @property {readonly number[]} dims - of x: [B, 16, K]
 * @property {SharedArrayBuffer} x - float32
 * @property {SharedArrayBuffer} products - [B, 16, R] float32, to be filled
 */

/** @type {ProductWorkerData} */
const { model, options } = workerData;

async function open() {
  const session = await InferenceSession.create(model, options);
  parentPort.on('message', async (job) => {
    if (job === 'close') {
      await session.release();
      parentPort.close();
      return;
    }
    try {
      await multiply(session, job);
      parentPort.postMessage({ failure: null });
    } catch (error) {
      parentPort.postMessage({ failure: String(error?.message ?? error) });
    }
  });
}

/** @param {ProductJob} job */
async function multiply(session, { group, dims, x, products }) {
  // The runtime takes no shared memory.
  const own = new Float32Array(dims.reduce((product, length) => product * length));
  own.set(new Float32Array(x, 0, own.length));
  const outputs = await session.run({
    group: new Tensor('int64', BigInt64Array.of(BigInt(group)), []),
    x: new Tensor('float32', own, dims),
  });
  new Float32Array(products).set(outputs.products.data);
}

try {
  await open();
  parentPort.postMessage({ failure: null });
} catch (error) {
  parentPort.postMessage({ failure: String(error?.message ?? error) });
}
