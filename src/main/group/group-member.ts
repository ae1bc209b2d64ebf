/**
 * A member of a meeting's group: the coordinator with its ports and the time, as the meeting engine uses it.
 *
 * The engine hands it sessions to a relay and what it notices of others; it hands out epochs with their keys, and the
 * control and media tracks that are offered under the group's namespace.
 */
import { randomBytes } from 'node:crypto';
import type { MoqtClient, PublishOffer } from '../../io/moqt/client-api.ts';
import type { CounterClient } from '../../protocol/counter/client.ts';
import { InvariantError } from '../../protocol/errors.ts';
import type { CoordinatorEvent, RestoredMembership } from '../../protocol/group/coordination/context.ts';
import { Coordinator } from '../../protocol/group/coordination/coordinator.ts';
import type { CoordinatorInput } from '../../protocol/group/coordination/coordinator.ts';
import { DEFAULT_TIMING } from '../../protocol/group/coordination/timing.ts';
import type { Timing } from '../../protocol/group/coordination/timing.ts';
import type { Invitation } from '../../protocol/group/invitation.ts';
import type { MeetingParameters } from '../../protocol/group/meeting-parameters.ts';
import { fingerprintOf, groupNameOf } from '../../protocol/group/names.ts';
import type { GroupName } from '../../protocol/group/names.ts';
import type { LeafIndex } from '../../protocol/group/roster.ts';
import { securityCodeOf } from '../../protocol/group/security-code.ts';
import type { FullTrackName, MoqtObject } from '../../protocol/moqt/model.ts';
import { millis, unixMillis } from '../../protocol/units.ts';
import type { Epoch, Millis, UnixMillis } from '../../protocol/units.ts';
import type { MlsMembership, MlsPort, SignatureIdentity } from '../mls/mls-port.ts';
import { nodeGroupCrypto } from '../mls/node-group-crypto.ts';
import { AskPerformer } from './group-asks.ts';
import type { MembershipStore } from './group-asks.ts';
import type { GroupEvent } from './group-events.ts';
import { GroupTransport } from './group-transport.ts';
import { decodeMembership } from './membership-codec.ts';

/** Secure Objects suite AES-128-GCM, and the profile of sealing. @see docs/protocol.md#keys-and-sealed-objects */
const DEFAULT_SUITE = 0x0004;
const PROFILE = '2026-03';
/** `setTimeout` takes no more. */
const MAX_TIMER_MS = 0x7fff_ffff;

/** What joining a meeting's group takes. */
export interface JoinGroupOptions {
  readonly invitation: Invitation;
  /** Read for as long as the membership lasts. */
  readonly identity: SignatureIdentity;
  readonly counter: CounterClient;
  readonly mls: MlsPort;
  /** Where this membership rests; undefined for guests, who keep nothing. */
  readonly store: MembershipStore | undefined;
  /** Cipher suite of Secure Objects for a group that we create. */
  readonly secureObjectsSuite?: number;
  readonly timing?: Timing;
  onEvent(event: GroupEvent): void;
  /** A control or media track under the group's namespace, to be accepted or refused once. */
  onTrackOffered(offer: PublishOffer): void;
  /** A fault of our own: the membership is over, nothing more happens. What was saved stays. */
  onFault(error: Error): void;
}

/** Joins the invitation's room: resumes, creates or asks to be let in, whatever it takes. */
export function joinGroup(options: JoinGroupOptions): GroupMember {
  return new GroupMember(options);
}

/** One membership, from joining to leaving. */
export class GroupMember {
  readonly #options: JoinGroupOptions;
  readonly #coordinator: Coordinator;
  readonly #transport: GroupTransport;
  readonly #performer: AskPerformer;
  #timer: NodeJS.Timeout | undefined;
  #started = false;
  #over = false;
  /** Inputs that came before the start. */
  #early: CoordinatorInput[] = [];
  #stopped: (() => void) | undefined;

  constructor(options: JoinGroupOptions) {
    const { invitation, identity } = options;
    this.#options = options;
    this.#coordinator = new Coordinator({
      room: invitation.room,
      parameters: parametersOf(invitation, options.secureObjectsSuite ?? DEFAULT_SUITE),
      fingerprint: fingerprintOf(identity.publicKey, nodeGroupCrypto),
      crypto: nodeGroupCrypto,
      random: (length) => new Uint8Array(randomBytes(length)),
      timing: options.timing ?? DEFAULT_TIMING,
    });
    this.#transport = new GroupTransport({
      input: (input) => {
        this.#input(input);
      },
      offered: (offer) => {
        options.onTrackOffered(offer);
      },
    });
    this.#performer = new AskPerformer({
      counter: options.counter,
      mls: options.mls,
      transport: this.#transport,
      store: options.store,
      mode: invitation.mode,
      membershipOf: (group) => this.#membershipOf(group),
      wallClock,
      storeFailed: (error) => {
        if (!this.#over) options.onEvent({ kind: 'store-failing', error: asError(error) });
      },
    });
    this.#start().catch((error: unknown) => {
      this.#fail(error);
    });
  }

  /** A session to a relay is there (again). */
  transportRestored(client: MoqtClient): void {
    if (this.#over) return;
    this.#transport.connect(client).then(
      () => {
        this.#input({ kind: 'reconnected' });
      },
      (error: unknown) => {
        this.#fail(error);
      },
    );
  }

  /** The session is gone; the next one is awaited. */
  transportLost(): void {
    this.#transport.disconnect();
  }

  /** The member's sealed good-bye arrived: it is removed. */
  memberLeft(leaf: LeafIndex): void {
    this.#input({ kind: 'member-left', leaf });
  }

  /** Nothing is heard of the member: it is removed after a grace, unless it is {@link GroupMember.memberAlive} again. */
  memberVanished(leaf: LeafIndex): void {
    this.#input({ kind: 'member-vanished', leaf });
  }

  memberAlive(leaf: LeafIndex): void {
    this.#input({ kind: 'member-alive', leaf });
  }

  /** Removes a member and does not let its key in again. */
  kick(leaf: LeafIndex): void {
    this.#input({ kind: 'kick', leaf });
  }

  /** A Commit without changes is due: keys near their limits. */
  requestUpdate(): void {
    this.#input({ kind: 'update' });
  }

  /** Something sealed in an epoch arrived; when that is not ours yet, what is missing is looked for. */
  epochSeen(epoch: Epoch): void {
    this.#input({ kind: 'epoch-hint', epoch });
  }

  /** Objects of our own MLS tracks, to answer FETCHes that reach us; undefined: not a track of the group shell's. */
  ownObjects(track: FullTrackName): readonly MoqtObject[] | undefined {
    return this.#transport.ownObjects(track);
  }

  /** Leaves: erases our state of the group. Others remove us when they hear of it. */
  async leave(): Promise<void> {
    if (this.#over) return;
    const stopped = new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
    this.#input({ kind: 'leave' });
    await stopped;
  }

  /** Stops here and now; what was saved stays, to be resumed by {@link joinGroup}. */
  async suspend(): Promise<void> {
    if (this.#over) return;
    await this.#end();
    this.#stopped?.();
  }

  async #start(): Promise<void> {
    const restored = await this.#restore();
    this.#started = true;
    this.#feed({ kind: 'start', restored });
    for (const input of this.#early) this.#feed(input);
    this.#early = [];
  }

  async #restore(): Promise<RestoredMembership | undefined> {
    const { store, mls } = this.#options;
    const bytes = await store?.load();
    const saved = bytes && decodeMembership(bytes);
    bytes?.fill(0);
    if (saved === undefined) return undefined;
    const { room } = this.#options.invitation;
    const group = groupNameOf(room, saved.record.generation, nodeGroupCrypto);
    const restored = await mls.restore(this.#membershipOf(group), saved.state);
    saved.state.fill(0);
    if (restored === undefined) return undefined;
    const { group: handle, ...rest } = restored;
    this.#performer.hold(handle);
    return { record: saved.record, handle, ...rest };
  }

  #membershipOf(group: GroupName): MlsMembership {
    const { identity, invitation } = this.#options;
    return { identity, suite: invitation.suite, groupId: group, secret: invitation.secret };
  }

  #input(input: CoordinatorInput): void {
    if (this.#over) return;
    if (this.#started) this.#feed(input);
    else this.#early.push(input);
  }

  #feed(input: CoordinatorInput): void {
    if (this.#over) return;
    try {
      this.#coordinator.handle(input, monotonic());
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Performs what the coordinator wants, and sets the clock for what it waits for. */
  #drain(): void {
    for (let effect = this.#coordinator.poll(); effect !== undefined; effect = this.#coordinator.poll()) {
      if (effect.kind === 'event') {
        this.#announce(effect.event);
        continue;
      }
      const { id, ask } = effect;
      if (ask.kind === 'sleep') throw new InvariantError('the coordinator sleeps by its deadline');
      this.#performer.perform(ask).then(
        (answer) => {
          this.#feed({ kind: 'answer', id, answer });
        },
        (error: unknown) => {
          this.#fail(error);
        },
      );
    }
    clearTimeout(this.#timer);
    const deadline = this.#over ? undefined : this.#coordinator.deadline();
    if (deadline === undefined) return;
    const wait = Math.min(Math.max(0, Math.ceil(deadline - monotonic())), MAX_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.#expire();
    }, wait);
  }

  #expire(): void {
    if (this.#over) return;
    try {
      this.#coordinator.expire(monotonic());
      this.#drain();
    } catch (error) {
      this.#fail(error);
    }
  }

  #announce(event: CoordinatorEvent): void {
    if (event.kind === 'stopped') {
      this.#end().then(
        () => {
          this.#options.onEvent(event);
          this.#stopped?.();
        },
        (error: unknown) => {
          this.#options.onFault(asError(error));
          this.#stopped?.();
        },
      );
      return;
    }
    if (event.kind !== 'epoch') {
      this.#options.onEvent(event);
      return;
    }
    const { view, masterKey, change, group, senderId, by } = event;
    this.#options.onEvent({
      kind: 'epoch',
      group,
      senderId,
      epoch: view.epoch,
      masterKey,
      roster: view.roster,
      ownLeaf: view.ownLeaf,
      epochAuthenticator: view.epochAuthenticator,
      securityCode: securityCodeOf(group, view.epochAuthenticator, nodeGroupCrypto),
      suite: view.suite,
      parameters: view.parameters,
      change: { ...change, by, time: event.time ?? wallClock() },
    });
  }

  async #end(): Promise<void> {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#coordinator.suspend();
    this.#transport.close();
    await this.#performer.forgetAll();
  }

  /** A fault of our own: nothing more is done with keys that may be wrong. */
  #fail(error: unknown): void {
    if (this.#over) return;
    const over = (): void => {
      this.#options.onFault(asError(error));
      this.#stopped?.();
    };
    // Where MLS itself has failed there is nothing left to forget.
    this.#end().then(over, over);
  }
}

function parametersOf(invitation: Invitation, secureObjectsSuite: number): MeetingParameters {
  const { mode, receiptKey } = invitation;
  return { secureObjectsSuite, profile: PROFILE, mode, receiptKey, kickedKeys: [] };
}

function wallClock(): UnixMillis {
  return unixMillis(Date.now());
}

function monotonic(): Millis {
  return millis(performance.now());
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new InvariantError(String(error));
}
