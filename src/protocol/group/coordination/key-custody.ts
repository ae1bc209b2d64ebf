/** Whose a master key is between MLS, which hands it out, and the `epoch` event, which hands it on. */
import type { MasterKey } from '../mls.ts';
import type { Job } from './asks.ts';

/** Runs a job at whose end the key is handed on or erased; a job that is given up on the way erases it. */
export function* holding<Result>(key: MasterKey, job: Job<Result>): Job<Result> {
  let isGivenUp = true;
  try {
    const result = yield* job;
    isGivenUp = false;
    return result;
  } finally {
    if (isGivenUp) key.fill(0);
  }
}

/** Erases the master key in an answer that came too late to be used. */
export function eraseUnused(answer: unknown): void {
  if (typeof answer !== 'object' || answer === null || !('masterKey' in answer)) return;
  if (answer.masterKey instanceof Uint8Array) answer.masterKey.fill(0);
}
