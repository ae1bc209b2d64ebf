import { PublishDoneCode } from '../codes.ts';
import type { FullTrackName, RequestId } from '../model.ts';
import type { IncomingRequest, MoqtSession, SubscribeParameters, TrackDescription } from '../session-api.ts';
import type { Owned, PublishOffer, Subscription, SubscriptionOwner } from './client-api.ts';

interface WaitingOffer {
  /** The peer took it back, or the session is gone. */
  hasEnded: boolean;
}

/** Has a subscription between two owners. */
const NOBODY: SubscriptionOwner = { object: () => undefined, done: () => undefined };

/** The subscriptions that a client holds, by SUBSCRIBE and by accepted PUBLISH, with their owners, and what is offered to it. */
export class HeldSubscriptions {
  readonly #session: MoqtSession;
  readonly #owners: Owned<SubscriptionOwner> = new Map();
  /** PUBLISHes of the peer that wait for an answer. */
  readonly #waiting: Owned<WaitingOffer> = new Map();
  /** Subscriptions that had ended when they were accepted: their owners are still to be told. */
  readonly #tooLate = new Set<RequestId>();

  constructor(session: MoqtSession) {
    this.#session = session;
  }

  /** Gives a subscription to its first owner. */
  follow(id: RequestId, owner: SubscriptionOwner): void {
    this.#owners.set(id, owner);
  }

  /** Who follows a subscription. */
  ownerOf(id: RequestId): SubscriptionOwner | undefined {
    return this.#owners.get(id);
  }

  /** The handle of a subscription that stands. */
  subscription(id: RequestId, track: FullTrackName, description: TrackDescription): Subscription {
    return {
      track,
      description,
      update: (parameters: SubscribeParameters) => {
        this.#session.updateSubscription(id, parameters);
      },
      cancel: () => {
        this.#cancel(id);
      },
      handOver: () => this.#handOver(id, track, description),
    };
  }

  /** The peer's PUBLISH, to be answered. */
  offer({ id, track, description }: Extract<IncomingRequest, { kind: 'publish' }>): PublishOffer {
    const waiting = { hasEnded: false };
    this.#waiting.set(id, waiting);
    return {
      track,
      description,
      accept: (parameters, owner) => {
        this.#waiting.delete(id);
        this.#owners.set(id, owner);
        if (waiting.hasEnded) this.#tooLate.add(id);
        else this.#session.acceptPublish(id, parameters);
        return this.subscription(id, track, description);
      },
      reject: (refusal) => {
        this.#waiting.delete(id);
        this.#session.reject(id, refusal);
      },
    };
  }

  /** A subscription is over, or an offer before it was answered. */
  done(id: RequestId, code: number, reason: string): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting !== undefined) waiting.hasEnded = true;
    const owner = this.#owners.get(id);
    this.#owners.delete(id);
    owner?.done(code, reason);
  }

  /** Its owner hears nothing more. */
  forget(id: RequestId): void {
    this.#owners.delete(id);
  }

  /** Tells the owners of what was accepted too late. @returns whether there was any. */
  drain(): boolean {
    const ids = [...this.#tooLate];
    this.#tooLate.clear();
    for (const id of ids)
      this.done(id, PublishDoneCode.SUBSCRIPTION_ENDED, 'it ended before it was accepted');
    return ids.length > 0;
  }

  /** The session is gone. */
  close(reason: string): void {
    for (const id of [...this.#waiting.keys(), ...this.#owners.keys()])
      this.done(id, PublishDoneCode.INTERNAL_ERROR, reason);
  }

  #cancel(id: RequestId): void {
    this.forget(id);
    this.#session.cancel(id);
  }

  #handOver(id: RequestId, track: FullTrackName, description: TrackDescription): PublishOffer {
    if (this.#owners.has(id)) this.#owners.set(id, NOBODY);
    return {
      track,
      description,
      accept: (parameters, owner) => {
        if (this.#owners.has(id)) this.#session.updateSubscription(id, parameters);
        else this.#tooLate.add(id);
        this.#owners.set(id, owner);
        return this.subscription(id, track, description);
      },
      reject: () => {
        this.#cancel(id);
      },
    };
  }
}
