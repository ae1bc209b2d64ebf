/**
 * A session with another relay of the invitation's than the one that carries the meeting, for heads alone: a relay that keeps
 * them from passing, since it helps to split the meeting, does not see them there.
 * @see docs/protocol.md #heads
 */
import { equal } from '../bytes/equal.ts';
import { headNamespace, type GroupName } from '../group/names.ts';
import type { MoqtClient, PublishOffer, TrackOrigin } from '../moqt/client/client-api.ts';
import { AUTHORIZATION_ERRORS } from '../moqt/codes.ts';
import { pause, settled, type Task } from '../tasks.ts';
import type { Millis } from '../units.ts';
import type { MeetingCore } from './core.ts';
import type { MeetingInput } from './inputs.ts';
import { SUBSCRIBE_RETRY_MS } from './mls-tracks.ts';
import { RelayLink } from './relay-link.ts';

/** Nobody waits for it, and it may be down for good. */
const LONGEST_WAIT_MS = 60_000;
/** Nothing but short tracks is published there. */
const NOTHING: TrackOrigin = {
  fetch: () => undefined,
  largest: () => undefined,
  subscribed: () => ({ ended: () => undefined }),
};

/** Who follows it. */
export interface SecondRelayOwner {
  /** The session, with the group's heads subscribed; undefined when it is gone. */
  attached(client: MoqtClient | undefined): void;
  /** A track of heads. */
  offered(offer: PublishOffer): void;
}

/** The session, where the invitation names more than one relay. */
export class SecondRelay {
  readonly #core: MeetingCore;
  readonly #owner: SecondRelayOwner;
  readonly #link: RelayLink | undefined;
  readonly #carrying: () => string;
  #group: GroupName | undefined;

  /** @param carrying - URL of the relay that carries the meeting. */
  constructor(core: MeetingCore, carrying: () => string, owner: SecondRelayOwner) {
    this.#core = core;
    this.#owner = owner;
    this.#carrying = carrying;
    if (core.options.relays.length < 2) return;
    this.#link = new RelayLink(
      core,
      {
        origin: NOTHING,
        connected: (client) => {
          core.tasks.start(this.#subscribe(client));
        },
        lost: () => {
          owner.attached(undefined);
        },
      },
      { not: carrying, longestWaitMs: LONGEST_WAIT_MS },
    );
  }

  /** Heads of this group are followed. May be said again. */
  enter(generation: number, group: GroupName): void {
    const before = this.#group;
    if (before !== undefined && equal(before, group)) return;
    this.#group = group;
    this.#link?.enter(generation);
    if (before === undefined) this.#link?.start();
    else this.#link?.renew();
  }

  /** Which relay carries the meeting may have changed. */
  reconsider(): void {
    if (this.#group !== undefined && this.#link?.view.relay === this.#carrying()) this.#link.renew();
  }

  /** What is held for a session may be one no more. */
  renew(): void {
    if (this.#group !== undefined) this.#link?.renew();
  }

  /** @returns whether it was about this session. */
  take(input: MeetingInput): boolean {
    const link = this.#link;
    if (link === undefined || !('connection' in input) || !link.owns(input.connection)) return false;
    if (input.kind !== 'flushed') link.take(input);
    return true;
  }

  deadline(): Millis | undefined {
    return this.#link?.deadline();
  }

  expire(now: Millis): void {
    this.#link?.expire(now);
  }

  /** @returns whether there was anything. */
  drain(): boolean {
    return this.#link?.drain() === true;
  }

  stop(): void {
    this.#link?.stop();
  }

  /** Asks for the heads until the relay gives them: what it cannot do now it may do later. */
  *#subscribe(client: MoqtClient): Task {
    while (this.#group !== undefined && this.#link?.client === client) {
      const request = client.subscribeTracks(headNamespace(this.#group), { forward: false }, (offer) => {
        this.#owner.offered(offer);
      });
      const outcome = yield* settled(request);
      if (outcome.kind === 'gone') return;
      if (outcome.kind === 'subscribed') {
        this.#link.answered(true);
        this.#owner.attached(client);
        return;
      }
      if (AUTHORIZATION_ERRORS.has(outcome.refusal.code)) this.#link.answered(false);
      yield* pause(this.#core.tasks.after(SUBSCRIBE_RETRY_MS));
    }
  }
}
