/** A member that seals as another: it has the keys of all, and not the leaf key of anybody else. */
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import {
  classifyTrack,
  controlTrack,
  groupNamespace,
  mediaTrack,
  type GroupName,
  type SenderId,
} from '../../../src/protocol/group/names.ts';
import { encodeLocProperties } from '../../../src/protocol/media/loc.ts';
import {
  controlInstance,
  mediaInstance,
  mediaKindOf,
  type MemberTrackKind,
} from '../../../src/protocol/meeting/track-instance.ts';
import { groupId, objectId, type FullTrackName, type RequestId } from '../../../src/protocol/moqt/model.ts';
import { forge } from '../meeting/forge.ts';
import { Intruder, passOf } from './intruder.ts';
import type { SimulatedMeeting, SimulatedMember } from './simulated-meeting.ts';

const PRIORITY: Readonly<Record<MemberTrackKind, number>> = {
  control: 8,
  catalog: 16,
  audio: 32,
  video: 128,
};
const SOUND = encodeLocProperties({ timestamp: 1n, timescale: 1_000_000n });

function groupOf(member: SimulatedMember): GroupName {
  if (member.group === undefined) throw new Error('nobody is in a group');
  return member.group.group;
}

/** A member with a session of its own, on which it sends as somebody else. */
export class Forger extends Intruder {
  readonly #member: SimulatedMember;
  readonly #published = new Map<FullTrackName, RequestId>();

  constructor(world: SimulatedMeeting, member: SimulatedMember) {
    super(world, passOf(world));
    this.#member = member;
  }

  /** A track of somebody's, as the relay has it. */
  trackOf(victim: SimulatedMember, kind: MemberTrackKind): FullTrackName {
    const group = groupOf(this.#member);
    if (this.requests('publish').length === 0) {
      this.session.subscribeTracks(groupNamespace(group), { forward: false });
      this.run();
    }
    const found = this.requests('publish').findLast(({ track }) => {
      const named = classifyTrack(group, track);
      if (named.kind !== 'control' && named.kind !== 'media') return false;
      const isVictims = Buffer.from(named.sender).equals(this.#senderOf(victim));
      return isVictims && (named.kind === 'control' ? 'control' : mediaKindOf(named.instance)) === kind;
    });
    if (found === undefined) throw new Error(`no ${kind} of ${victim.name}`);
    return found.track;
  }

  /** A track under somebody's name that nobody has published before. */
  newTrack(victim: SimulatedMember, kind: MemberTrackKind, instance = 7): FullTrackName {
    const [group, sender] = [groupOf(this.#member), this.#senderOf(victim)];
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(0, instance);
    return kind === 'control'
      ? controlTrack(group, sender, controlInstance(bytes))
      : mediaTrack(group, sender, mediaInstance(kind, bytes));
  }

  /** Offers a track, and does not wait for the answer. */
  announce(track: FullTrackName): void {
    this.#published.set(track, this.session.publish(track, { forward: true, description: {} }));
    this.drain();
  }

  /** Sends as the owner of a track. */
  forge(track: FullTrackName, kind: MemberTrackKind, group: number, payload: Uint8Array, object = 0): void {
    const { epoch } = this.#member;
    const masterKey = this.#member.memory.findLast(({ view }) => view.epoch === epoch)?.masterKey;
    if (epoch === undefined || masterKey === undefined) throw new Error('has no keys');
    if (!this.#published.has(track)) {
      this.announce(track);
      this.run();
    }
    const id = this.#published.get(track);
    if (id === undefined || this.refusal(id) !== undefined) throw new Error('the relay refuses it');
    const location = { group: groupId(BigInt(group)), object: objectId(BigInt(object)) };
    const encrypted = kind === 'audio' || kind === 'video' ? { encrypted: SOUND } : {};
    const forged = forge(
      { epoch, masterKey },
      { track, location, priority: PRIORITY[kind], payload, ...encrypted },
    );
    this.session.sendSingleObject(id, forged, false);
    this.drain();
  }

  /** The name of a track of somebody's with something before its instance: nobody has it, and the relay lets anybody use it. */
  besideTrackOf(victim: SimulatedMember, kind: MemberTrackKind): FullTrackName {
    const { namespace, name } = this.trackOf(victim, kind);
    const field = Buffer.from(namespace.at(-1) ?? []).toString();
    const beside = kind === 'control' ? `x.${field}` : field.replace('.', '.x.');
    return { namespace: [...namespace.slice(0, -1), encodeUtf8(beside)], name };
  }

  #senderOf({ name, group }: SimulatedMember): SenderId {
    const own = group?.participants.find(({ self }) => self);
    if (own === undefined) throw new Error(`${name} is no member`);
    return own.member.senderId;
  }
}
