/** Erasure of master keys that the coordinator received from MLS and does not hand on with an `epoch` event. */
import type { MasterKey } from '../mls.ts';
import type { Job } from './asks.ts';

/** Runs a job that hands the key on, or erases it, at its end; erases the key if the job is given up before. */
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
