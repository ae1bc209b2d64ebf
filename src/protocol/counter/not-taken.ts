/** Answers of a service that bounds what it stores, or that was put back from a backup. @see docs/limits.md */
import type { Millis } from '../units.ts';
import { problem } from './problems.ts';
import type { HttpAnswer } from './problems.ts';

/** The service does not take another counter now, from whoever asks or at all; those that it has go on. */
export interface NotTaken {
  readonly kind: 'over-quota' | 'full';
  readonly retryLaterMs: Millis;
}

/** The service was put back from a backup: it takes receipts, and moves nothing until members had time to give them. */
export interface AwaitsReceipts {
  readonly kind: 'awaits-receipts';
  readonly retryLaterMs: Millis;
}

/** Answers with what stands in the way, and when to ask again. */
export function encodeNotNow({ kind, retryLaterMs }: NotTaken | AwaitsReceipts): HttpAnswer {
  return { ...problemOf(kind), retryAfterMs: retryLaterMs };
}

function problemOf(kind: (NotTaken | AwaitsReceipts)['kind']): HttpAnswer {
  switch (kind) {
    case 'full':
      return problem('unavailable', 'There is no space for another meeting; those that there are go on.');
    case 'over-quota':
      return problem(
        'rate-limited',
        'Your address has begun many meetings. Ask again after Retry-After seconds.',
      );
    case 'awaits-receipts':
      return problem('unavailable', 'The service was put back from a backup and takes receipts first.');
  }
}
