import type { RequestId } from '../../protocol/moqt/model.ts';
import type { SessionEvent } from '../../protocol/moqt/session-api.ts';
import type { Gone, Refused } from './client-api.ts';

/** Events that accept a request. */
export type Accepted = Extract<
  SessionEvent,
  { kind: 'subscribe-ok' | 'publish-ok' | 'request-ok' | 'track-status-ok' }
>;

/** What became of a request. */
export type Answer = { readonly kind: 'accepted'; readonly event: Accepted } | Refused | Gone;

/** Who waits for the answer to a request. */
export class PendingAnswers {
  readonly #waiting = new Map<RequestId, (answer: Answer) => void>();

  /**
   * Waits for an answer.
   * @param id - the request.
   * @param accepted - runs when it is accepted, before any later event is looked at.
   */
  wait(id: RequestId, accepted?: (event: Accepted) => void): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.set(id, (answer) => {
        if (answer.kind === 'accepted') accepted?.(answer.event);
        resolve(answer);
      });
    });
  }

  /** Gives the answer. @returns false when nobody waited. */
  settle(id: RequestId, answer: Answer): boolean {
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    settle?.(answer);
    return settle !== undefined;
  }

  /** Requests without an answer. */
  ids(): RequestId[] {
    return [...this.#waiting.keys()];
  }
}
