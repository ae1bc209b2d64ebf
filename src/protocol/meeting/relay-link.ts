/**
 * The one session to one of the meeting's relays: tries them in order, comes back after a loss with growing waits, moves
 * on when a relay says GOAWAY or does not let us in, and shows the meeting's pass to relays that ask for it.
 */
import { invariant } from '../errors.ts';
import { earliest } from '../group/coordination/timing.ts';
import type { InvitedRelay } from '../group/invitation.ts';
import { makeRelayPass, RELAY_PASS_TYPE, relayAuthorityOf } from '../group/relay-pass.ts';
import { SessionClient } from '../moqt/client/client.ts';
import type { MoqtClient, TrackOrigin } from '../moqt/client/client-api.ts';
import { SessionCode } from '../moqt/codes.ts';
import { crowdedOf } from '../moqt/crowded.ts';
import type { Crowded } from '../moqt/crowded.ts';
import { negotiatedDraft } from '../moqt/drafts.ts';
import { Session } from '../moqt/session.ts';
import type { SessionEvent } from '../moqt/session-api.ts';
import type { TransportEvent } from '../moqt/transport.ts';
import type { Millis } from '../units.ts';
import { BetterRelay } from './better-relay.ts';
import type { MeetingCore } from './core.ts';
import type { ConnectionId } from './effects.ts';
import type { EstablishedTransport, MeetingInput } from './inputs.ts';
import type { ConnectionView } from './view.ts';

/** Who follows the link. */
export interface RelayLinkOwner {
  /** Answers what the relay asks of us. */
  readonly origin: TrackOrigin;
  connected(client: MoqtClient): void;
  /** The session is gone; the next one is being tried for. */
  lost(): void;
}

/** Which relays are called, and how. */
export interface LinkOptions {
  /** URL of a relay that is not called where there is another. */
  readonly not?: () => string;
  /** Between two tries. */
  readonly longestWaitMs?: number;
}

/** What is said about a connection. */
export type ConnectionInput = Extract<
  MeetingInput,
  { readonly kind: 'connected' | 'connect-failed' | 'transport' | 'queued' }
>;

interface Open {
  readonly connection: ConnectionId;
  readonly relay: InvitedRelay;
  readonly attempt: number;
  readonly session: Session;
  readonly client: SessionClient;
}

type State =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'connecting';
      readonly connection: ConnectionId;
      readonly relay: InvitedRelay;
      readonly attempt: number;
    }
  /** SETUP is under way. */
  | (Open & { readonly kind: 'setting-up' })
  | (Open & { readonly kind: 'connected'; readonly since: Millis; readonly goingAway: boolean })
  | { readonly kind: 'waiting'; readonly until: Millis; readonly attempt: number }
  | { readonly kind: 'stopped' };

const IMPLEMENTATION = 'conclave';
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;
/** A session that ends sooner counts as a try that failed: a relay that accepts and closes is not called in a loop. */
const HOLDS_AFTER_MS = 3_000;
const RANDOM_RANGE = 2 ** 32;

/** Keeps the session. */
export class RelayLink {
  readonly #core: MeetingCore;
  readonly #owner: RelayLinkOwner;
  readonly #options: LinkOptions;
  readonly #better: BetterRelay;
  #state: State = { kind: 'idle' };
  #measured: { readonly connection: ConnectionId; readonly roundTrip: Millis } | undefined;
  /** Which of the relays is tried next. */
  #next = 0;
  /** The generation whose tracks we use. */
  #generation: number | undefined;
  #refused = false;
  #crowded: Crowded | undefined;

  constructor(core: MeetingCore, owner: RelayLinkOwner, options: LinkOptions = {}) {
    this.#core = core;
    this.#owner = owner;
    this.#options = options;
    this.#better = new BetterRelay(core);
  }

  /** What people are told. */
  get view(): ConnectionView {
    const state = this.#state;
    const said = { refused: this.#refused, crowded: this.#crowded };
    switch (state.kind) {
      case 'connected':
        return { kind: 'connected', relay: state.relay.url };
      case 'connecting':
      case 'setting-up':
        return { kind: 'connecting', relay: state.relay.url, attempt: state.attempt, ...said };
      case 'waiting':
        return { kind: 'connecting', relay: this.#relay().url, attempt: state.attempt, ...said };
      case 'idle':
      case 'stopped':
        return { kind: 'connecting', relay: this.#relay().url, attempt: 1, ...said };
    }
  }

  /** The session, while there is one; what is sent goes there. */
  get client(): MoqtClient | undefined {
    return this.#state.kind === 'connected' ? this.#state.client : undefined;
  }

  get connection(): ConnectionId | undefined {
    return this.#state.kind === 'connected' ? this.#state.connection : undefined;
  }

  /** Since when there has been a session. */
  get connectedSince(): Millis | undefined {
    return this.#state.kind === 'connected' ? this.#state.since : undefined;
  }

  /** Whether a connection is the newest of ours. */
  owns(connection: ConnectionId): boolean {
    const state = this.#state;
    return ('connection' in state && state.connection === connection) || this.#better.owns(connection);
  }

  start(): void {
    this.#try(1);
  }

  /** The tracks of a generation are used from now on. */
  enter(generation: number): void {
    this.#generation = generation;
    if (this.#open !== undefined) this.#present(this.#open);
  }

  /** The relay has said whether it lets us in. If not, another is tried, or this one again later. */
  answered(letIn: boolean): void {
    this.#refused = !letIn;
    if (!letIn) this.#open?.session.close(SessionCode.NO_ERROR, 'not let in');
  }

  /** Takes what is said about a connection, of which there may be a newer one. */
  take(input: ConnectionInput): void {
    switch (input.kind) {
      case 'connected':
        this.established(input.connection, input.established);
        return;
      case 'connect-failed':
        this.failed(input.connection);
        return;
      case 'transport':
        this.transport(input.connection, input.event);
        return;
      case 'queued':
        this.#queued(input);
        return;
    }
  }

  /** A transport session stands. */
  established(
    connection: ConnectionId,
    { transport, protocol, path, authority }: EstablishedTransport,
  ): void {
    const better = this.#better.take(connection);
    if (better !== undefined) this.#goTo(better, connection);
    const state = this.#state;
    if (state.kind !== 'connecting' || state.connection !== connection) {
      const command = { kind: 'close', code: SessionCode.NO_ERROR, reason: 'done' } as const;
      this.#core.emit({ kind: 'transport', connection, command });
      return;
    }
    const draft = negotiatedDraft(protocol);
    if (draft === undefined) {
      const code = SessionCode.VERSION_NEGOTIATION_FAILED;
      const command = { kind: 'close', code, reason: 'no common protocol' } as const;
      this.#core.emit({ kind: 'transport', connection, command });
      this.failed(connection);
      return;
    }
    const session = new Session({
      role: 'client',
      draft,
      transport,
      path,
      authority,
      implementation: IMPLEMENTATION,
      now: this.#core.tasks.now,
    });
    const client = new SessionClient(session, this.#owner.origin);
    const { relay, attempt } = state;
    const open = { connection, relay, attempt, session, client };
    this.#state = { kind: 'setting-up', ...open };
    this.#present(open);
  }

  /** No transport session came about. */
  failed(connection: ConnectionId): void {
    this.#better.failed(connection);
    const state = this.#state;
    if (state.kind !== 'connecting' || state.connection !== connection) return;
    this.#next += 1;
    this.#wait(state.attempt + 1);
  }

  /** The transport reports. Events of connections that are over are ignored. */
  transport(connection: ConnectionId, event: TransportEvent): void {
    this.#openOf(connection)?.session.handle(event, this.#core.tasks.now);
  }

  /** How long a packet takes to the relay and back; undefined where there is no session, or it was not measured yet. */
  get roundTrip(): Millis | undefined {
    return this.#measured?.connection === this.connection ? this.#measured?.roundTrip : undefined;
  }

  /** The session may have died without a word while this machine slept: it is let go, and a new one is tried for at once. */
  renew(): void {
    const { kind } = this.#state;
    if (kind === 'idle' || kind === 'stopped') return;
    const next = this.#next;
    this.#open?.session.close(SessionCode.NO_ERROR, 'begins anew');
    // Tells that the session is gone.
    this.drain();
    // It was ended by us, and says nothing against its relay.
    this.#next = next;
    this.#try(1);
  }

  /** When {@link RelayLink.expire} wants to be called. */
  deadline(): Millis | undefined {
    if (this.#state.kind === 'waiting') return this.#state.until;
    return earliest(this.#open?.session.deadline(), this.#better.deadline());
  }

  expire(now: Millis): void {
    const state = this.#state;
    if (state.kind === 'waiting') {
      if (state.until <= now) this.#try(state.attempt);
      return;
    }
    this.#better.expire(now);
    const session = this.#open?.session;
    const deadline = session?.deadline();
    if (deadline !== undefined && deadline <= now) session?.expire(now);
  }

  /**
   * Hands on what the session wants: its events to whoever made the request, its commands to the transport.
   * @returns whether there was anything.
   */
  drain(): boolean {
    const open = this.#open;
    if (open === undefined) return false;
    let any = false;
    for (let effect = open.session.poll(); effect !== undefined; effect = open.session.poll()) {
      any = true;
      if (effect.kind === 'event') this.#event(open, effect.event);
      else this.#core.emit({ kind: 'transport', connection: open.connection, command: effect.command });
    }
    return open.client.drain() || any;
  }

  /** Ends the session and all tries. */
  stop(): void {
    const open = this.#open;
    open?.session.close(SessionCode.NO_ERROR, 'done');
    this.drain();
    this.#better.end(true);
    this.#state = { kind: 'stopped' };
  }

  get #open(): Open | undefined {
    const state = this.#state;
    return state.kind === 'setting-up' || state.kind === 'connected' ? state : undefined;
  }

  /** The transport says how much it has queued on a stream. */
  #queued({ connection, stream, bytes, roundTrip }: ConnectionInput & { readonly kind: 'queued' }): void {
    this.#openOf(connection)?.session.noteQueued(stream, bytes);
    if (roundTrip !== undefined) this.#measured = { connection, roundTrip };
  }

  #openOf(connection: ConnectionId): Open | undefined {
    return this.#open?.connection === connection ? this.#open : undefined;
  }

  #event(open: Open, event: SessionEvent): void {
    open.client.receive(event);
    const state = this.#state;
    switch (event.kind) {
      case 'ready':
        if (state.kind !== 'setting-up') return;
        this.#crowded = undefined;
        this.#state = { ...open, kind: 'connected', since: this.#core.tasks.now, goingAway: false };
        this.#better.begin(this.#relays(), open.relay);
        this.#owner.connected(open.client);
        this.#core.changed();
        return;
      case 'goaway':
        if (state.kind === 'connected') this.#state = { ...state, goingAway: true };
        open.session.close(SessionCode.NO_ERROR, 'going away');
        return;
      case 'closed':
        if (event.by === 'peer') {
          if (event.code === SessionCode.UNAUTHORIZED) this.#refused = true;
          this.#crowded = crowdedOf(event.code, event.reason);
        }
        if (this.#openOf(open.connection) !== undefined) this.#lost();
        return;
      default:
        return;
    }
  }

  #lost(): void {
    const state = this.#state;
    if (state.kind === 'setting-up') {
      this.#next += 1;
      this.#wait(state.attempt + 1);
      return;
    }
    if (state.kind !== 'connected') return;
    const held = !this.#refused && this.#core.tasks.now - state.since >= HOLDS_AFTER_MS;
    this.#better.end(held);
    if (state.goingAway || !held) this.#next += 1;
    this.#wait(held ? 1 : state.attempt + 1);
    this.#owner.lost();
  }

  #try(attempt: number): void {
    const connection = this.#core.nextConnection();
    const relay = this.#relay();
    this.#state = { kind: 'connecting', connection, relay, attempt };
    this.#core.emit({ kind: 'connect', connection, relay: relay.url });
    this.#core.changed();
  }

  #wait(attempt: number): void {
    const longest = Math.min(
      this.#options.longestWaitMs ?? LONGEST_WAIT_MS,
      FIRST_WAIT_MS * 2 ** (attempt - 1),
    );
    // Half to all of the wait, so that members that lost the same relay do not come back as one herd.
    const wait = longest * (0.5 + this.#random() / 2);
    this.#state = { kind: 'waiting', until: this.#core.tasks.after(wait), attempt };
    this.#core.changed();
  }

  /** A better relay can be reached: the session is given up for one with it. */
  #goTo(relay: InvitedRelay, connection: ConnectionId): void {
    this.#open?.session.close(SessionCode.NO_ERROR, 'back to the first relay');
    // Tells that the session is gone.
    this.drain();
    this.#next = this.#relays().indexOf(relay);
    this.#state = { kind: 'connecting', connection, relay, attempt: 1 };
    this.#core.changed();
  }

  /** Best first. */
  #relays(): readonly InvitedRelay[] {
    const not = this.#options.not?.();
    const all = this.#core.options.relays;
    const others = all.filter(({ url }) => url !== not);
    return others.length > 0 ? others : all;
  }

  #relay(): InvitedRelay {
    const relays = this.#relays();
    const relay = relays[this.#next % relays.length];
    invariant(relay !== undefined, 'a meeting has a relay');
    return relay;
  }

  /** Requests show the pass from now on, to a relay that asks for it; nobody else learns the room's key. */
  #present({ relay, session }: Pick<Open, 'relay' | 'session'>): void {
    const { signer, groupCrypto } = this.#core.options;
    const authority = relayAuthorityOf(relay.url);
    if (!relay.pass || authority === undefined || this.#generation === undefined) return;
    const value = makeRelayPass(signer, this.#generation, authority, groupCrypto);
    session.present([{ type: RELAY_PASS_TYPE, value }]);
  }

  /** From 0 up to 1. */
  #random(): number {
    const bytes = this.#core.options.random(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / RANDOM_RANGE;
  }
}
