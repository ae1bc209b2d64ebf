/** MLS in a worker thread, so that a Commit in a large group does not stall media. */
import { Worker } from 'node:worker_threads';
import { InvariantError } from '../../protocol/errors.ts';
import type { MlsPort } from './mls-port.ts';
import { MLS_OPERATIONS } from './worker-protocol.ts';
import type { MlsAnswer, MlsCall, MlsOperation } from './worker-protocol.ts';

/** Where the worker's script is, and what its thread needs to run it. */
export interface MlsWorkerScript {
  /** The bundled `mls-worker.mjs`, or the TypeScript source. */
  readonly script: string | URL;
  /** Node options of the thread, for example a TypeScript loader. */
  readonly execArgv?: string[];
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Starts the worker. When its thread dies, all calls reject: its groups are gone with it. */
export function startMlsWorker({ script, execArgv }: MlsWorkerScript): MlsPort {
  const worker = new Worker(script, { execArgv, name: 'conclave-mls' });
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let ended: Error | undefined;

  const end = (error: Error): void => {
    ended ??= error;
    for (const call of waiting.values()) call.reject(ended);
    waiting.clear();
    worker.unref();
  };
  worker.on('error', end);
  worker.on('exit', () => {
    end(new InvariantError('the MLS worker has ended'));
  });
  worker.on('message', (answer: MlsAnswer) => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0) worker.unref();
    if (answer.kind === 'done') call?.resolve(answer.result);
    else call?.reject(new InvariantError(answer.message));
  });
  worker.unref();

  const call = (operation: MlsOperation, parameters: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) {
        reject(ended);
        return;
      }
      nextId += 1;
      waiting.set(nextId, { resolve, reject });
      // The thread keeps the process alive only while a call is in progress.
      worker.ref();
      const message: MlsCall = { id: nextId, operation, parameters };
      worker.postMessage(message);
    });

  const operations = MLS_OPERATIONS.map((operation) => [
    operation,
    (...parameters: unknown[]) => call(operation, parameters),
  ]);
  const close = async (): Promise<void> => {
    await worker.terminate();
  };
  return { ...(Object.fromEntries(operations) as Omit<MlsPort, 'close'>), close };
}
