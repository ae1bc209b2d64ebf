/**
 * Says to the others which line of the meeting we are in, again and again, and hears what they say: each time on a short track
 * of its own, sealed under a key of the invitation so that it can be read in any line.
 * @see docs/protocol.md #heads
 */
import { equal } from '../bytes/equal.ts';
import { encodeHex } from '../bytes/hex.ts';
import { ForkWatch, type Fork } from '../group/fork-watch.ts';
import {
  HEAD_NONCE_BYTES,
  openHead,
  sealHead,
  signedPartOfHead,
  signHead,
  type Head,
  type HeadCipher,
} from '../group/heads.ts';
import { classifyTrack, headTrack, type GroupName, type SenderId } from '../group/names.ts';
import type { MoqtClient, PublishOffer, Subscription } from '../moqt/client/client-api.ts';
import { RequestErrorCode } from '../moqt/codes.ts';
import type { MoqtObject } from '../moqt/model.ts';
import { pause, settled, type Task } from '../tasks.ts';
import type { Millis } from '../units.ts';
import type { MeetingCore } from './core.ts';
import type { EpochBegun } from './group-events.ts';
import type { MeetingInput } from './inputs.ts';
import { HeadVerifications } from './head-verifications.ts';
import { mlsObject, openTrack } from './short-publication.ts';
import { SecondRelay } from './second-relay.ts';
import { controlInstance, INSTANCE_BYTES } from './track-instance.ts';

/** Members that speak, the first in leaf order: on each side of a split there are some, and a large meeting has few heads. */
const SPEAKERS = 8;
/** After an epoch or a session began, or a split was found. */
const FIRST_MS = { least: 200, most: 1_200 } as const;
/** Then again and again. */
const AGAIN_MS = { least: 60_000, most: 90_000 } as const;
/** Between two of ours, however fast epochs follow each other, and before relays that took none are asked again. */
const BETWEEN_MS = 5_000;
/** Each time they take none again it is twice as long, so often. */
const MOST_DOUBLINGS = 4;
/** Once a split is found all speak: in a large meeting not all at once. */
const SPREAD_MS = 50;
/** How long a track stays for whoever is still accepting it. */
const LINGER_MS = 3_000;
/** Tracks that are followed at a time: each is short, and the oldest makes room. */
const MAX_FOLLOWED = 64;
/** Suite 0x0004 of Secure Objects: AES-128-GCM. */
const CIPHER = 0x0004;
const NOT_HEARD = { code: RequestErrorCode.UNINTERESTED, reason: 'not for us' } as const;

/** What we are in. */
interface Entered {
  readonly group: GroupName;
  readonly senderId: SenderId;
  readonly watch: ForkWatch;
  readonly members: number;
  /** Our head, if we are one of those who speak. */
  readonly speaks: Head | undefined;
}

/** Sessions with the relay that carries the meeting, and with another one. */
interface Clients {
  readonly carrying: MoqtClient | undefined;
  readonly second: MoqtClient | undefined;
}

/** Our heads and those of the others, in one group at a time. */
export class HeadTracks {
  readonly #core: MeetingCore;
  readonly #cipher: HeadCipher;
  readonly #forked: (fork: Fork) => void;
  #clients: Clients = { carrying: undefined, second: undefined };
  readonly #second: SecondRelay;
  /** Of the group whose tracks we use. */
  #generation = 0;
  #entered: Entered | undefined;
  /** Of the group that we are in. */
  #fork: Fork | undefined;
  #sayAt: Millis | undefined;
  #saidAt: Millis | undefined;
  /** How often in a row no relay took any. */
  #refusals = 0;
  /** What was to be said at another time is not. */
  #turn = 0;
  readonly #verifications: HeadVerifications;
  /** Oldest first. */
  readonly #followed = new Set<Subscription>();

  /**
   * @param carrying - URL of the relay that carries the meeting.
   * @param forked - called once in a group.
   */
  constructor(core: MeetingCore, carrying: () => string, forked: (fork: Fork) => void) {
    this.#core = core;
    this.#verifications = new HeadVerifications(() => core.tasks.now);
    this.#second = new SecondRelay(core, carrying, {
      attached: (client) => {
        this.#attach({ ...this.#clients, second: client });
      },
      offered: (offer) => {
        this.offered(offer);
      },
    });
    this.#cipher = core.options.mediaCrypto.aead(CIPHER);
    this.#forked = forked;
  }

  /** A session with the relay that carries the meeting is there, or none is any more. */
  attach(client: MoqtClient | undefined): void {
    this.#attach({ ...this.#clients, carrying: client });
    // This machine may have slept, and the other session be one no more.
    if (client === undefined) this.#second.renew();
    else this.#second.reconsider();
  }

  /** The tracks of a generation are used from now on. */
  entering(generation: number): void {
    this.#generation = generation;
  }

  /** @returns whether it was about the session with the second relay. */
  take(input: MeetingInput): boolean {
    return this.#second.take(input);
  }

  deadline(): Millis | undefined {
    return this.#second.deadline();
  }

  expire(now: Millis): void {
    this.#second.expire(now);
  }

  /** Hands on what the session with the second relay wants. @returns whether there was anything. */
  drain(): boolean {
    return this.#second.drain();
  }

  /** An epoch has begun, or goes on with another MLS. In plain mode there is nothing that could be compared. */
  epochBegan({ group, senderId, receipt, past, roster, ownLeaf }: Omit<EpochBegun, 'masterKey'>): void {
    const { receiptKey } = this.#core.options.parameters;
    if (receipt === undefined || receiptKey === undefined) return;
    const watch = this.#watchOf(group, receiptKey);
    const head = signHead(receipt, this.#core.options.memberSigner);
    const speaks = roster.slice(0, SPEAKERS).some(({ leaf }) => leaf === ownLeaf) ? head : undefined;
    this.#entered = { group, senderId, watch, members: roster.length, speaks };
    this.#verifications.present(roster.map(({ fingerprint }) => encodeHex(fingerprint)));
    for (const one of past) watch.entered(one, []);
    // Whoever joins again may itself come into another line than it was in.
    this.#note(watch.heard(head));
    this.#note(watch.entered(receipt, roster));
    this.#speakSoon();
    this.#second.enter(this.#generation, group);
  }

  /** Takes the offer of a track of heads. Whoever was never in our tree has nothing to say to us. */
  offered(offer: PublishOffer): void {
    const entered = this.#entered;
    const track = entered && classifyTrack(entered.group, offer.track);
    if (track?.kind !== 'heads' || !entered?.watch.knows(track.sender) || this.#fork !== undefined) {
      offer.reject(NOT_HEARD);
      return;
    }
    const held: { subscription?: Subscription; hasCome?: true } = {};
    const object = ({ content }: MoqtObject): void => {
      // One head, and the track ends by itself; whoever publishes on has nothing more to say. Not ended by us, since relays are
      // about that end a session when a request is reset.
      if (held.hasCome) {
        this.#drop(held.subscription);
        return;
      }
      held.hasCome = true;
      if (content.kind === 'payload') this.#heard(content.payload);
    };
    const done = (): void => {
      if (held.subscription !== undefined) this.#followed.delete(held.subscription);
    };
    const subscription = offer.accept({ forward: true }, { object, done });
    held.subscription = subscription;
    this.#followed.add(subscription);
    const [oldest] = this.#followed;
    if (this.#followed.size > MAX_FOLLOWED) this.#drop(oldest);
    this.#core.tasks.start(this.#giveUp(subscription));
  }

  /** Nothing is said or heard any more. */
  close(): void {
    this.#hush();
    this.#entered = undefined;
    for (const subscription of this.#followed) this.#drop(subscription);
    this.#second.stop();
  }

  #attach(clients: Clients): void {
    this.#clients = clients;
    this.#hush();
    this.#speakSoon();
  }

  get #sessions(): readonly MoqtClient[] {
    const { carrying, second } = this.#clients;
    return [carrying, second].filter((client) => client !== undefined);
  }

  #watchOf(group: GroupName, receiptKey: Uint8Array): ForkWatch {
    const entered = this.#entered;
    if (entered !== undefined && equal(entered.group, group)) return entered.watch;
    this.#fork = undefined;
    return new ForkWatch(group, receiptKey, this.#core.options.groupCrypto);
  }

  #drop(subscription: Subscription | undefined): void {
    if (subscription !== undefined && this.#followed.delete(subscription)) subscription.cancel();
  }

  *#giveUp(subscription: Subscription): Task {
    yield* pause(this.#core.tasks.after(2 * LINGER_MS));
    this.#drop(subscription);
  }

  #heard(payload: Uint8Array): void {
    if (this.#entered === undefined) return;
    const { group, watch } = this.#entered;
    const head = openHead(payload, { key: this.#core.options.headKey, group }, this.#cipher);
    if (head !== undefined) this.#note(watch.heard(head, this.#verifications));
  }

  #note(fork: Fork | undefined): void {
    if (fork === undefined || this.#fork !== undefined) return;
    this.#fork = fork;
    this.#hush();
    this.#sayIn(this.#first());
    this.#forked(fork);
  }

  /**
   * What is to be said now. Of a split the two receipts that contradict each other: ours, so that the other side hears of it, which
   * may be far ahead of us, and theirs, as it came, so that all on our side do.
   */
  get #heads(): readonly Pick<Head, 'signed' | 'signature'>[] {
    if (this.#fork === undefined) return this.#entered?.speaks === undefined ? [] : [this.#entered.speaks];
    const { ours, theirs, member, signature } = this.#fork;
    const own = signHead(ours, this.#core.options.memberSigner);
    return [own, { signed: signedPartOfHead(member, theirs), signature }];
  }

  /** Nothing is to be said. */
  #hush(): void {
    this.#turn += 1;
    this.#sayAt = undefined;
  }

  #speakSoon(): void {
    const least = this.#saidAt === undefined ? 0 : this.#saidAt + BETWEEN_MS - this.#core.tasks.now;
    this.#sayIn(Math.max(least, this.#first()));
  }

  /** Says what is to be said, at the latest in so many ms. */
  #sayIn(wait: number): void {
    const at = this.#core.tasks.after(wait);
    if (this.#sessions.length === 0 || (this.#fork ?? this.#entered?.speaks) === undefined) return;
    if (this.#sayAt !== undefined && this.#sayAt <= at) return;
    this.#sayAt = at;
    this.#turn += 1;
    this.#core.tasks.start(this.#say(this.#turn, at));
  }

  *#say(turn: number, at: Millis): Task {
    yield* pause(at);
    const entered = this.#entered;
    if (turn !== this.#turn || entered === undefined) return;
    this.#sayAt = undefined;
    this.#saidAt = at;
    const { tasks } = this.#core;
    const heads = this.#heads;
    const said = this.#sessions.flatMap((client) =>
      heads.map((head) => tasks.start(this.#publish(client, entered, head))),
    );
    let isTaken = false;
    for (const one of said) isTaken = (yield* settled(one)) || isTaken;
    if (turn !== this.#turn) return;
    this.#refusals = isTaken ? 0 : this.#refusals + 1;
    this.#sayIn(
      isTaken ? this.#between(AGAIN_MS) : BETWEEN_MS * 2 ** Math.min(MOST_DOUBLINGS, this.#refusals - 1),
    );
  }

  /** @returns whether the relay has taken it. */
  *#publish(
    client: MoqtClient,
    { group, senderId }: Entered,
    head: Pick<Head, 'signed' | 'signature'>,
  ): Task<boolean> {
    const { options, tasks } = this.#core;
    const nonce = options.random(HEAD_NONCE_BYTES);
    const sealed = sealHead(head, { key: options.headKey, group, nonce }, this.#cipher);
    // A name that nobody could have taken before.
    const track = headTrack(group, senderId, controlInstance(options.random(INSTANCE_BYTES)));
    const opened = yield* openTrack(client, tasks, track, undefined);
    opened?.send(mlsObject(0n, 0, sealed));
    opened?.finish(LINGER_MS);
    return opened !== undefined;
  }

  #first(): number {
    const speaking = this.#fork === undefined ? 0 : (this.#entered?.members ?? 0);
    return this.#between({ ...FIRST_MS, most: FIRST_MS.most + speaking * SPREAD_MS });
  }

  #between({ least, most }: { readonly least: number; readonly most: number }): number {
    const [high = 0, low = 0] = this.#core.options.random(2);
    return least + ((most - least) * (high * 256 + low)) / 0xffff;
  }
}
