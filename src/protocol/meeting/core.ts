/** What all parts of the meeting machine share: its time, its effects, and what is fixed for its whole life. */
import type { Ed25519Signer, GroupCrypto } from '../group/crypto-port.ts';
import type { Timing } from '../group/coordination/timing.ts';
import type { InvitedRelay } from '../group/invitation.ts';
import type { MeetingParameters } from '../group/meeting-parameters.ts';
import type { Fingerprint } from '../group/names.ts';
import type { RoomKey } from '../group/room-keys.ts';
import type { LeafIndex } from '../group/roster.ts';
import type { SecureObjectsCrypto } from '../secure-objects/crypto.ts';
import { Pending, type Tasks } from '../tasks.ts';
import { unixMillis, type Epoch, type UnixMillis } from '../units.ts';
import type { AskId, ConnectionId, MeetingEffect } from './effects.ts';
import { InstanceChain } from './instance-chain.ts';
import { KnownMembers } from './known-instances.ts';

/** What a meeting is told when it begins. */
export interface MeetingOptions {
  /** Best first; at least one. */
  readonly relays: readonly InvitedRelay[];
  readonly room: RoomKey;
  /** Signs as the room. */
  readonly signer: Ed25519Signer;
  /** Seals heads, 16 bytes: secret. */
  readonly headKey: Uint8Array;
  /** Signs as our signature key. */
  readonly memberSigner: Ed25519Signer;
  /** What a group of this meeting is created with, and has to have. */
  readonly parameters: MeetingParameters;
  /** Of our signature key. */
  readonly fingerprint: Fingerprint;
  readonly displayName: string;
  readonly timing: Timing;
  /** When time 0 of `now` was; for what people and catalogs are told only. */
  readonly timeOrigin: UnixMillis;
  readonly groupCrypto: GroupCrypto;
  readonly mediaCrypto: SecureObjectsCrypto;
  /** Fresh random bytes. */
  random(length: number): Uint8Array;
}

/** An effect that asks, without its id. */
type AskEffect = Extract<MeetingEffect, { kind: 'counter' | 'mls' | 'store' }>;
type WithoutId<Effect> = Effect extends AskEffect ? Omit<Effect, 'id'> : never;

/** The shared part. */
export class MeetingCore {
  readonly options: MeetingOptions;
  readonly tasks: Tasks;
  /** Of our tracks, whatever join we are in. */
  readonly instances: InstanceChain;
  /** Whose names are known, whatever join they and we are in. */
  readonly known: KnownMembers;
  readonly #effects: MeetingEffect[] = [];
  readonly #asks = new Map<AskId, (answer: unknown) => void>();
  #nextAsk = 1;
  #nextConnection = 1;
  #changed = false;

  constructor(options: MeetingOptions, tasks: Tasks) {
    this.options = options;
    this.tasks = tasks;
    this.instances = new InstanceChain(options);
    this.known = new KnownMembers(options.groupCrypto);
  }

  /** ms since 1970, by the machine's time. */
  get wallClock(): UnixMillis {
    return unixMillis(Math.round(this.options.timeOrigin + this.tasks.now));
  }

  /** Wants something done, after what was wanted before. */
  emit(effect: MeetingEffect): void {
    this.#effects.push(effect);
  }

  /** Asks the world something. @returns the answer, whose type is the ask's. */
  ask<Answer>(effect: WithoutId<AskEffect>): Pending<Answer> {
    const id = this.#nextAsk as AskId;
    this.#nextAsk += 1;
    const pending = new Pending<Answer>();
    this.#asks.set(id, (answer) => {
      // The world answers each ask with what its type says.
      pending.settle(answer as Answer);
    });
    this.#effects.push({ ...effect, id });
    return pending;
  }

  /** The world answers; an answer that nobody waits for any more is ignored. */
  answer(id: AskId, answer: unknown): void {
    const settle = this.#asks.get(id);
    this.#asks.delete(id);
    settle?.(answer);
  }

  /** A number that no connection had. */
  nextConnection(): ConnectionId {
    const connection = this.#nextConnection as ConnectionId;
    this.#nextConnection += 1;
    return connection;
  }

  /** What the window shows may have changed. */
  changed(): void {
    this.#changed = true;
  }

  /** Whether there is a mark that {@link MeetingCore.changed} left. */
  get hasChanged(): boolean {
    return this.#changed;
  }

  /** Takes that mark. @returns whether there was one. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** The next effect. */
  poll(): MeetingEffect | undefined {
    return this.#effects.shift();
  }
}

/** What the parts notice that the MLS group must know. */
export interface GroupNotices {
  /** The member said good-bye. */
  memberLeft(leaf: LeafIndex): void;
  /** Nothing is heard of the member, or something is again. */
  memberVanished(leaf: LeafIndex): void;
  memberAlive(leaf: LeafIndex): void;
  /** A Commit without changes is due: keys near their limits. */
  requestUpdate(): void;
  /** Something sealed in a later epoch arrived: what is missing is to be looked for. */
  epochSeen(epoch: Epoch): void;
  /** What became of a removal of ours that was in doubt: it counts, or the others move away from the line that it is in. */
  removalJudged(counts: boolean): void;
}
