/**
 * One generation of the room, and one join of ours in it: keys, our tracks and the others'. A later generation has another
 * group name, and a later join another SenderId, so that all of this is made anew.
 */
import { equal } from '../bytes/equal.ts';
import type { ControlMessage } from '../group/control.ts';
import type { GroupName, SenderId } from '../group/names.ts';
import type { Member } from '../group/roster.ts';
import type { ParticipantId } from '../media/encoded-media.ts';
import type { MoqtClient, PublishOffer } from '../moqt/client/client-api.ts';
import { PROFILE } from '../secure-objects/aad.ts';
import { isSuiteId } from '../secure-objects/suite.ts';
import type { Epoch, Millis } from '../units.ts';
import type { GroupNotices, MeetingCore } from './core.ts';
import type { EpochBegun, LineBroken } from './group-events.ts';
import { MeetingKeys } from './meeting-keys.ts';
import { Members } from './members.ts';
import { Moves } from './moves.ts';
import type { OwnMedia } from './own-media.ts';
import { OwnTracks } from './own-tracks.ts';
import type { RelayLink } from './relay-link.ts';
import { RemovalDoubt, type DoubtedRemoval } from './removal-doubt.ts';
import type { RemoteMember } from './remote-member.ts';

/** What a generation needs from the meeting. */
export interface GenerationContext {
  readonly core: MeetingCore;
  readonly link: Pick<RelayLink, 'client' | 'connectedSince' | 'roundTrip'>;
  readonly notices: GroupNotices;
  readonly media: OwnMedia;
  /** Who we are and what we send, or that we leave. */
  hello(): ControlMessage;
  /** Send queues are long. */
  congested(): void;
  /** Somebody who has the keys has sent as this member. */
  forged(member: Member): void;
}

const HELLO_EVERY_MS = 4_000;
/** A key frame is asked for at most this often of one member. */
const KEYFRAME_REQUEST_MS = 500;

/** The join. */
export class Generation {
  readonly own: OwnTracks;
  readonly members: Members;
  readonly moves: Moves;
  readonly #names: Pick<EpochBegun, 'group' | 'senderId'>;
  readonly #context: GenerationContext;
  readonly #keys: MeetingKeys;
  readonly #keyframeRequested = new Map<ParticipantId, Millis>();
  readonly #removal: RemovalDoubt;
  #self: Member | undefined;
  #updateRequested: Epoch | undefined;
  #helloAt: Millis;

  private constructor(begun: EpochBegun, keys: MeetingKeys, context: GenerationContext) {
    const { core, link, notices, media } = context;
    this.#names = { group: begun.group, senderId: begun.senderId };
    this.#context = context;
    this.#keys = keys;
    this.#helloAt = core.tasks.now;
    this.own = new OwnTracks(core, begun, keys, media, {
      helloWanted: () => {
        this.hello();
        this.own.sendStatement();
        this.moves.wanted();
      },
      keyframeWanted: () => {
        this.#keyframeWanted();
      },
      congested: () => {
        context.congested();
      },
      rekeyWanted: () => {
        this.#requestUpdate();
      },
    });
    this.moves = new Moves(core, {
      say: (move) => {
        this.own.sendControl({ kind: 'move', move });
      },
      moved: () => {
        this.#removal.moved();
      },
    });
    this.members = new Members(
      begun.group,
      { core, keys, link, notices },
      {
        control: (member, message) => {
          this.#control(member, message);
        },
        keyframeNeeded: (member) => {
          this.requestKeyframe(member.id);
        },
        ahead: () => {
          this.#removal.look();
        },
        forged: ({ member }) => {
          context.forged(member);
        },
      },
    );
    const { members, moves } = this;
    this.#removal = new RemovalDoubt({ core, link, notices, members, moves });
  }

  /** The generation that `begun` is the first epoch of; undefined when its media cipher is not known here. */
  static of(begun: EpochBegun, context: GenerationContext): Generation | undefined {
    const { secureObjectsSuite: suite, profile } = begun.parameters;
    if (!isSuiteId(suite) || profile !== PROFILE) return undefined;
    const mlsHash = begun.suite === 0x0053 ? 'SHA-512' : 'SHA-256';
    const keys = new MeetingKeys({ mlsHash, suite }, context.core.options.mediaCrypto);
    return new Generation(begun, keys, context);
  }

  /** Whether it is that of a group and a join of ours. */
  isOf(group: GroupName, senderId: SenderId): boolean {
    return equal(group, this.#names.group) && equal(senderId, this.#names.senderId);
  }

  /** Goes over to a new epoch. `begun.masterKey` is overwritten. */
  epochBegan(begun: EpochBegun): void {
    const { core, link } = this.#context;
    const removal = begun.change.removed.length > 0 ? { roundTrip: link.roundTrip } : undefined;
    this.#keys.begin(begun.epoch, begun.masterKey, core.tasks.now, removal);
    this.#self = begun.roster.find(({ leaf }) => leaf === begun.ownLeaf);
    this.members.epochBegan(begun);
    this.#introduce();
    this.moves.epochBegan(begun);
  }

  /** MLS was lost, and has the group again: what was asked of it is not answered, and what it said is said again. */
  resumed(begun: Omit<EpochBegun, 'masterKey'>): void {
    this.#removal.end();
    this.moves.resumed(begun);
  }

  /** The counter has logged a Commit that removes us; whether others follow it is to be seen. */
  removalDoubted(doubted: DoubtedRemoval): void {
    if (this.#keys.epoch !== undefined) this.#removal.begin(doubted, this.#keys.epoch);
  }

  /** The counter has logged what we cannot follow. */
  lineBroke({ author, suspect }: LineBroken): void {
    this.#removal.end();
    this.moves.lineBroke(author?.leaf, suspect);
  }

  /** Announces our tracks on a new session. */
  attach(client: MoqtClient): void {
    this.own.attach(client);
    this.#introduce();
  }

  /** The session is gone. */
  detach(): void {
    this.own.detach();
    this.members.detach();
  }

  /** Says who we are and what we send, under the newest key, with a picture that can be decoded from here on. */
  #introduce(): void {
    this.hello();
    this.own.sendCatalog();
    // Who was let in or fell behind could not open what was said under the keys of before.
    this.own.sendStatement(true);
    this.#keyframeWanted();
  }

  /** Says who we are, or that we leave. */
  hello(): void {
    this.#helloAt = this.#context.core.tasks.now;
    this.own.sendControl(this.#context.hello());
  }

  /** Asks a member for a key frame, not too often. */
  requestKeyframe(id: ParticipantId): void {
    const member = this.members.get(id);
    if (member === undefined) return;
    const { now } = this.#context.core.tasks;
    const before = this.#keyframeRequested.get(id);
    if (before !== undefined && now - before < KEYFRAME_REQUEST_MS) return;
    this.#keyframeRequested.set(id, now);
    this.own.sendControl({ kind: 'keyframe-request', fingerprint: member.member.fingerprint });
  }

  /** To be called a few times a second. */
  tick(): void {
    const { core, link } = this.#context;
    const { now } = core.tasks;
    this.#keys.expire(now);
    if (this.#keys.rekeyNeeded) this.#requestUpdate();
    this.members.tick(link.connectedSince);
    this.own.tick();
    this.moves.tick();
    this.#removal.look();
    if (link.connectedSince === undefined || now - this.#helloAt < HELLO_EVERY_MS) return;
    this.hello();
    this.own.sendCatalog();
  }

  /**
   * Overwrites all keys; nothing is sent, opened or played any more.
   * @returns the tracks of others that the relay has offered, for the next join to take or refuse.
   */
  close(reason: string): readonly PublishOffer[] {
    this.#keys.erase();
    this.#removal.end();
    this.moves.end();
    const offers = this.members.close();
    this.own.end(reason);
    return offers;
  }

  #control(member: RemoteMember, message: ControlMessage): void {
    switch (message.kind) {
      case 'hello':
      case 'statement':
        return;
      case 'leave':
        this.members.left(member.id);
        this.#context.notices.memberLeft(member.member.leaf);
        this.#context.core.changed();
        return;
      case 'keyframe-request':
        if (this.#self !== undefined && equal(this.#self.fingerprint, message.fingerprint))
          this.#keyframeWanted();
        return;
      case 'move':
        this.moves.heard(member.member.leaf, message.move);
        return;
    }
  }

  #keyframeWanted(): void {
    this.#context.core.emit({ kind: 'downlink', item: { kind: 'keyframe-wanted' } });
  }

  #requestUpdate(): void {
    const { epoch } = this.#keys;
    if (epoch === undefined || this.#updateRequested === epoch) return;
    this.#updateRequested = epoch;
    this.#context.notices.requestUpdate();
  }
}
