/**
 * One generation of the room, and one join of ours in it: keys, our tracks and the others'. A later generation has another
 * group name, and a later join another SenderId, so that all of this is made anew.
 */
import { randomBytes } from 'node:crypto';
import type { MoqtClient } from '../../io/moqt/client-api.ts';
import type { DownlinkItem } from '../../contract/media.ts';
import type { ParticipantId } from '../../contract/state.ts';
import { equal } from '../../protocol/bytes/equal.ts';
import type { ControlMessage } from '../../protocol/group/control.ts';
import type { LeafIndex, Member } from '../../protocol/group/roster.ts';
import { isProfileId } from '../../protocol/secure-objects/aad.ts';
import { isSuiteId } from '../../protocol/secure-objects/suite.ts';
import type { Epoch, Millis } from '../../protocol/units.ts';
import type { EpochBegun } from '../group/group-events.ts';
import { LocalMedia } from './local-media.ts';
import { MeetingKeys } from './meeting-keys.ts';
import { Members } from './members.ts';
import type { RemoteMember } from './remote-member.ts';
import { INSTANCE_BYTES } from './track-instance.ts';

/** What a generation needs from the meeting, and tells it. */
export interface GenerationContext {
  readonly now: () => Millis;
  /** ms since 1970. */
  readonly wallClock: () => number;
  readonly client: () => MoqtClient | undefined;
  /** Who we are and what we send. */
  readonly hello: () => ControlMessage;
  downlink(item: DownlinkItem): void;
  changed(): void;
  congested(): void;
  memberLeft(leaf: LeafIndex): void;
  memberVanished(leaf: LeafIndex): void;
  memberAlive(leaf: LeafIndex): void;
  requestUpdate(): void;
  /** Something sealed in a later epoch arrived. */
  epochSeen(epoch: Epoch): void;
}

const HELLO_EVERY_MS = 4_000;
/** A key frame is asked for at most this often of one member. */
const KEYFRAME_REQUEST_MS = 500;

/** See the module's description. */
export class Generation {
  readonly local: LocalMedia;
  readonly members: Members;
  readonly #begun: Pick<EpochBegun, 'group' | 'senderId'>;
  readonly #context: GenerationContext;
  readonly #keys: MeetingKeys;
  readonly #keyframeRequested = new Map<ParticipantId, Millis>();
  #own: Member | undefined;
  #updateRequested: Epoch | undefined;
  #helloAt: Millis;

  private constructor(begun: EpochBegun, keys: MeetingKeys, context: GenerationContext) {
    this.#begun = { group: begun.group, senderId: begun.senderId };
    this.#context = context;
    this.#keys = keys;
    this.#helloAt = context.now();
    this.local = new LocalMedia(
      begun.group,
      begun.senderId,
      // Made here, so that nothing seals a location twice, not even a membership that this process takes up again.
      new Uint8Array(randomBytes(INSTANCE_BYTES)),
      keys,
      {
        keyframeWanted: () => {
          context.downlink({ kind: 'keyframe-wanted' });
        },
        congested: () => {
          context.congested();
        },
        rekeyWanted: () => {
          this.#requestUpdate();
        },
      },
      context.wallClock,
    );
    this.members = new Members(begun.group, keys, {
      now: context.now,
      client: context.client,
      control: (member, message) => {
        this.#control(member, message);
      },
      media: (item) => {
        context.downlink(item);
      },
      keyframeNeeded: (id) => {
        this.requestKeyframe(id);
      },
      changed: () => {
        context.changed();
      },
      vanished: (leaf) => {
        context.memberVanished(leaf);
      },
      alive: (leaf) => {
        context.memberAlive(leaf);
      },
      epochSeen: (epoch) => {
        context.epochSeen(epoch);
      },
    });
  }

  /** The generation that `begun` is the first epoch of; undefined when its media cipher is not known here. */
  static of(begun: EpochBegun, context: GenerationContext): Generation | undefined {
    const { secureObjectsSuite: suite, profile } = begun.parameters;
    if (!isSuiteId(suite) || !isProfileId(profile)) return undefined;
    const mlsHash = begun.suite === 0x0053 ? 'SHA-512' : 'SHA-256';
    return new Generation(begun, new MeetingKeys({ mlsHash, suite, profile }), context);
  }

  /** Whether an epoch belongs to this generation and join. */
  includes(begun: EpochBegun): boolean {
    return equal(begun.group, this.#begun.group) && equal(begun.senderId, this.#begun.senderId);
  }

  /** Goes over to a new epoch. `begun.masterKey` is overwritten. */
  epochBegan(begun: EpochBegun): void {
    this.#keys.begin(begun.epoch, begun.masterKey, this.#context.now());
    this.#own = begun.roster.find(({ leaf }) => leaf === begun.ownLeaf);
    this.members.epochBegan(begun);
    this.introduce();
  }

  /** Announces our tracks on a new session. */
  async attach(client: MoqtClient): Promise<void> {
    await this.local.attach(client);
    if (this.#context.client() === client) this.introduce();
  }

  /** The session is gone. */
  detach(): void {
    this.local.detach();
    this.members.detach();
  }

  /** Says who we are and what we send, under the newest key, with a picture that can be decoded from here on. */
  introduce(): void {
    this.hello();
    this.local.sendCatalog();
    this.#context.downlink({ kind: 'keyframe-wanted' });
  }

  /** Says who we are. */
  hello(): void {
    this.#helloAt = this.#context.now();
    this.local.sendControl(this.#context.hello());
  }

  /** Asks a member for a key frame, not too often. */
  requestKeyframe(id: ParticipantId): void {
    const member = this.members.get(id);
    if (member === undefined) return;
    const now = this.#context.now();
    const before = this.#keyframeRequested.get(id);
    if (before !== undefined && now - before < KEYFRAME_REQUEST_MS) return;
    this.#keyframeRequested.set(id, now);
    this.local.sendControl({ kind: 'keyframe-request', fingerprint: member.member.fingerprint });
  }

  /** To be called a few times a second. @param connectedAt - since when there is a session, if there is one. */
  tick(connectedAt: Millis | undefined): void {
    const now = this.#context.now();
    this.#keys.expire(now);
    if (this.#keys.rekeyNeeded) this.#requestUpdate();
    this.members.tick(connectedAt);
    if (connectedAt === undefined || now - this.#helloAt < HELLO_EVERY_MS) return;
    this.hello();
    this.local.sendCatalog();
  }

  /** Overwrites all keys; nothing is sent, opened or played any more. */
  close(reason: string): void {
    this.members.close();
    this.local.end(reason);
    this.#keys.erase();
  }

  #control(member: RemoteMember, message: ControlMessage): void {
    switch (message.kind) {
      case 'hello':
        return;
      case 'leave':
        this.members.left(member.id);
        this.#context.memberLeft(member.member.leaf);
        this.#context.changed();
        return;
      case 'keyframe-request':
        if (this.#own !== undefined && equal(this.#own.fingerprint, message.fingerprint))
          this.#context.downlink({ kind: 'keyframe-wanted' });
        return;
    }
  }

  #requestUpdate(): void {
    const { epoch } = this.#keys;
    if (epoch === undefined || this.#updateRequested === epoch) return;
    this.#updateRequested = epoch;
    this.#context.requestUpdate();
  }
}
