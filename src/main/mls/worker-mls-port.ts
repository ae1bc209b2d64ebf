/** MLS in a worker thread, so that a Commit in a large group does not stall media. */
import { Worker } from 'node:worker_threads';
import { InvariantError } from '../../protocol/errors.ts';
import type { GroupHandle } from '../../protocol/group/mls.ts';
import type { MlsPort } from './mls-port.ts';
import { MLS_OPERATIONS } from './worker-protocol.ts';
import type { MlsAnswer, MlsCall, MlsOperation, MlsWorkerData } from './worker-protocol.ts';

/** Where the worker's script is, and what its thread needs to run it. */
export interface MlsWorkerScript {
  /** The bundled `mls-worker.mjs`, or the TypeScript source. */
  readonly script: string | URL;
  /** Node options of the thread, for example a TypeScript loader. */
  readonly execArgv?: string[];
}

/** A thread has died, and all groups that it held with it: they have to be restored from where they were saved. */
export class MlsThreadLost extends Error {
  /** Which thread: all that one death lets fail names the same. */
  readonly thread: number;

  constructor(thread: number, reason: string) {
    super(reason);
    this.thread = thread;
  }
}

const ENDED = 'the MLS worker has ended';

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Handles that one thread can give: each has its own, so that none of a dead thread names a group of the next. */
const HANDLES_PER_THREAD = 2 ** 32;

/** A thread with the calls that wait for its answers. */
class MlsThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #died: () => void;
  readonly #number: number;
  #nextId = 1;
  #death: Error | undefined;

  /** @param died - called once when the thread has ended. */
  constructor({ script, execArgv }: MlsWorkerScript, number: number, died: () => void) {
    this.#died = died;
    this.#number = number;
    const data: MlsWorkerData = { firstHandle: number * HANDLES_PER_THREAD + 1 };
    this.#worker = new Worker(script, { execArgv, name: 'conclave-mls', workerData: data });
    this.#worker.on('error', (error) => {
      this.#end(error.message);
    });
    this.#worker.on('exit', () => {
      this.#end(ENDED);
    });
    this.#worker.on('message', (answer: MlsAnswer) => {
      this.#settle(answer);
    });
    this.#worker.unref();
  }

  call(operation: MlsOperation, parameters: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#death !== undefined) {
        reject(this.#death);
        return;
      }
      const message: MlsCall = { id: this.#nextId, operation, parameters };
      this.#nextId += 1;
      this.#waiting.set(message.id, { resolve, reject });
      // The thread keeps the process alive only while a call is in progress.
      this.#worker.ref();
      this.#worker.postMessage(message);
    });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: MlsAnswer): void {
    const call = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (answer.kind === 'done') call?.resolve(answer.result);
    else call?.reject(new InvariantError(answer.message));
  }

  #end(reason: string): void {
    if (this.#death !== undefined) return;
    this.#death = new MlsThreadLost(this.#number, reason);
    for (const call of this.#waiting.values()) call.reject(this.#death);
    this.#waiting.clear();
    this.#worker.unref();
    this.#died();
  }
}

/**
 * Starts the worker. When its thread dies, its groups are gone: the calls in progress, and later ones about its groups, reject
 * with {@link MlsThreadLost}. The next call about anything else starts a new thread.
 */
export function startMlsWorker(script: MlsWorkerScript): MlsPort {
  let threads = 0;
  let isClosed = false;
  const start = (): MlsThread => {
    threads += 1;
    return new MlsThread(script, threads - 1, () => {
      if (!isClosed) current = undefined;
    });
  };
  let current: MlsThread | undefined = start();

  const operations = MLS_OPERATIONS.map((operation) => [
    operation,
    (...parameters: unknown[]) => {
      const lost = threadOf(parameters[0]);
      if (lost !== undefined && lost < threads - (current === undefined ? 0 : 1)) {
        return operation === 'forget' ? Promise.resolve() : Promise.reject(new MlsThreadLost(lost, ENDED));
      }
      current ??= start();
      return current.call(operation, parameters);
    },
  ]);
  const close = async (): Promise<void> => {
    isClosed = true;
    await current?.terminate();
  };
  return { ...(Object.fromEntries(operations) as Omit<MlsPort, 'close'>), close };
}

/** Which thread gave a handle; undefined for what is none. */
function threadOf(parameter: unknown): number | undefined {
  return typeof parameter === 'number'
    ? Math.floor(((parameter as GroupHandle) - 1) / HANDLES_PER_THREAD)
    : undefined;
}
