/** Entry of the MLS worker thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../protocol/errors.ts';
import { TsMlsAdapter } from './mls/ts-mls-adapter.ts';
import { MLS_OPERATIONS } from './mls/worker-protocol.ts';
import type { MlsAnswer, MlsCall, MlsWorkerData } from './mls/worker-protocol.ts';

const port = parentPort;
invariant(port !== null, 'this is the entry of a worker thread');
const adapter = new TsMlsAdapter((workerData as MlsWorkerData).firstHandle);

async function answer({ id, operation, parameters }: MlsCall): Promise<MlsAnswer> {
  try {
    invariant(MLS_OPERATIONS.includes(operation), 'an operation of the port');
    const run = adapter[operation].bind(adapter) as (...parameters: readonly unknown[]) => Promise<unknown>;
    return { id, kind: 'done', result: await run(...parameters) };
  } catch (error) {
    return { id, kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

/** Memory of secrets that an answer hands over: moved, not copied, so that none of it stays in this thread. */
function secretsIn({ operation }: MlsCall, reply: MlsAnswer): ArrayBuffer[] {
  if (reply.kind !== 'done' || typeof reply.result !== 'object' || reply.result === null) return [];
  const secret =
    operation === 'serialise'
      ? reply.result
      : 'masterKey' in reply.result
        ? reply.result.masterKey
        : undefined;
  const isOwn = secret instanceof Uint8Array && secret.byteLength === secret.buffer.byteLength;
  return isOwn && secret.buffer instanceof ArrayBuffer ? [secret.buffer] : [];
}

// A peer's bytes can make ts-mls reject a promise that nobody waits for. The call that it belongs to is answered all
// the same, and the groups of all meetings live in this thread: it goes on.
process.on('unhandledRejection', (reason) => {
  process.emitWarning(reason instanceof Error ? reason.message : String(reason), 'UnhandledMlsRejection');
});

port.on('message', (call: MlsCall) => {
  void answer(call).then((reply) => {
    port.postMessage(reply, secretsIn(call, reply));
  });
});
