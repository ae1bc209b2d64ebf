/** Answers of a service that bounds what it stores. @see docs/limits.md */
import type { Millis } from '../units.ts';

/** The service does not take another counter now, from whoever asks or at all; those that it has go on. */
export interface NotTaken {
  readonly kind: 'over-quota' | 'full';
  readonly retryLaterMs: Millis;
}
