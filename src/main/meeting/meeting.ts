/**
 * One meeting, from joining to leaving, without any window: the group's keys, the relay's session, our media and the
 * others'. The app gives it ports and draws its state; a test runs twenty-five of them in a process.
 */
import type { MoqtClient, PublishOffer, TrackOrigin } from '../../io/moqt/client-api.ts';
import type { DownlinkFeedback, DownlinkItem, UplinkItem } from '../../contract/media.ts';
import type { JoinStep, ParticipantId } from '../../contract/state.ts';
import { encodeBase64Url } from '../../protocol/bytes/base64url.ts';
import { equal } from '../../protocol/bytes/equal.ts';
import type { ControlMessage } from '../../protocol/group/control.ts';
import type { EpochView } from '../../protocol/group/mls.ts';
import {
  classifyTrack,
  fingerprintOfSender,
  type GroupName,
  type SenderId,
} from '../../protocol/group/names.ts';
import type { Member } from '../../protocol/group/roster.ts';
import { isSuiteId } from '../../protocol/secure-objects/suite.ts';
import { isProfileId } from '../../protocol/secure-objects/aad.ts';
import type { Epoch, Millis } from '../../protocol/units.ts';
import { LocalMedia } from './local-media.ts';
import { MeetingKeys } from './meeting-keys.ts';
import type { EpochChange, MeetingGroup, MeetingGroupListener, StopReason } from './meeting-group.ts';
import { RelayConnection, type ConnectRelay } from './relay-connection.ts';
import { RemoteMember, SILENT_AFTER } from './remote-member.ts';
import { mediaKindOf, type MediaTrackKind } from './track-instance.ts';

/** What a meeting is made of. */
export interface MeetingPorts {
  /** Relay URLs, best first. */
  readonly relays: readonly string[];
  /** Opens a session; the origin answers what the relay asks of us. */
  readonly connect: (url: string, origin: TrackOrigin) => ReturnType<ConnectRelay>;
  /** Joins the group; called once, before the first session. */
  readonly group: (listener: MeetingGroupListener) => MeetingGroup;
  readonly displayName: () => string;
  /** 16 random bytes of this process start. */
  readonly start: Uint8Array;
  /** Monotonic. */
  readonly now: () => Millis;
  /** ms since 1970. */
  readonly wallClock: () => number;
  /** Opened media and wishes to the encoder, in order. */
  readonly downlink: (item: DownlinkItem) => void;
  /** The meeting's state changed. */
  readonly changed: () => void;
}

/** One change of keys, as it was when it happened. */
export interface EpochRecord {
  readonly epoch: Epoch;
  readonly change: EpochChange;
}

/** The relay's session. */
export type Connection =
  | { readonly kind: 'connecting'; readonly relay: string; readonly attempt: number }
  | { readonly kind: 'connected'; readonly relay: string };

/** What is true of the group now. */
export interface GroupSituation {
  readonly view: Omit<EpochView, 'masterKey'>;
  readonly history: readonly EpochRecord[];
  readonly changing: boolean;
  readonly attention: string | undefined;
}

const TICK_MS = 250;
const HELLO_EVERY_MS = 4_000;
/** A key frame is asked for at most this often of one member. */
const KEYFRAME_REQUEST_MS = 500;
/** Video is encoded with fewer bits for this long after a queue grew too long. */
const CONGESTION_MS = 5_000;
const CONGESTED_BITRATE = 250_000;
const MAX_HISTORY = 500;
const MAX_WAITING_OFFERS = 256;
/** REQUEST_ERROR code for a track that is not wanted. @see moqt-18 #message-request-error */
const UNINTERESTED = 0x20;

interface Offered {
  readonly kind: 'control' | MediaTrackKind;
  readonly fingerprint: Uint8Array;
  readonly instance: Uint8Array;
  readonly offer: PublishOffer;
}

/** See the module's description. */
export class Meeting {
  readonly #ports: MeetingPorts;
  readonly #connection: RelayConnection;
  readonly #group: MeetingGroup;
  readonly #members = new Map<ParticipantId, RemoteMember>();
  readonly #leaving = new Set<ParticipantId>();
  readonly #vanished = new Set<ParticipantId>();
  readonly #watched = new Set<ParticipantId>();
  readonly #keyframeRequested = new Map<ParticipantId, Millis>();
  readonly #joinedEpochs = new Map<ParticipantId, Epoch>();
  readonly #tick: NodeJS.Timeout;
  #waitingOffers: Offered[] = [];
  #client: MoqtClient | undefined;
  #relay: Connection;
  #step: { step: JoinStep; sentence: string | undefined } = { step: 'connecting', sentence: undefined };
  #situation: GroupSituation | undefined;
  #groupName: GroupName | undefined;
  #keys: MeetingKeys | undefined;
  #local: LocalMedia | undefined;
  #sending = { microphone: false, camera: false };
  #helloAt = 0;
  #connectedAt = 0;
  #congestedUntil: number | undefined;
  #updateRequested: Epoch | undefined;
  #stopped: StopReason | undefined;

  constructor(ports: MeetingPorts) {
    this.#ports = ports;
    this.#relay = { kind: 'connecting', relay: ports.relays[0] ?? '', attempt: 1 };
    this.#group = ports.group({
      step: (step, sentence) => {
        this.#step = { step, sentence };
        ports.changed();
      },
      epoch: (view, change, sender) => {
        this.#epochBegan(view, change, sender);
      },
      changing: (changing) => {
        if (this.#situation !== undefined) this.#situation = { ...this.#situation, changing };
        ports.changed();
      },
      offered: (offer) => {
        this.#offered(offer);
      },
      attention: (sentence) => {
        if (this.#situation !== undefined) this.#situation = { ...this.#situation, attention: sentence };
        ports.changed();
      },
      stopped: (reason) => {
        this.#stop(reason);
      },
    });
    this.#connection = new RelayConnection(ports.relays, (url) => ports.connect(url, this.#origin()), {
      connected: (client, relay) => {
        this.#connected(client, relay);
      },
      lost: (relay) => {
        this.#lost(relay);
      },
      trying: (relay, attempt) => {
        this.#relay = { kind: 'connecting', relay, attempt };
        ports.changed();
      },
    });
    this.#tick = setInterval(() => {
      this.#onTick();
    }, TICK_MS);
    this.#connection.start();
  }

  /** The step of joining that was reached last. */
  get step(): { readonly step: JoinStep; readonly sentence: string | undefined } {
    return this.#step;
  }

  get connection(): Connection {
    return this.#relay;
  }

  /** Undefined until the first epoch. */
  get situation(): GroupSituation | undefined {
    return this.#situation;
  }

  get sending(): { readonly microphone: boolean; readonly camera: boolean } {
    return this.#sending;
  }

  /** Set once the meeting is over for us. */
  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  /** The other member that a participant is; undefined for ourselves and for those who are gone. */
  remote(id: ParticipantId): RemoteMember | undefined {
    return this.#members.get(id);
  }

  /** Who said good-bye or fell silent, and still has the keys. */
  isLeaving(id: ParticipantId): boolean {
    return this.#leaving.has(id) || this.#vanished.has(id);
  }

  /** The epoch that a participant joined in, or the first that we saw it in. */
  joinedEpoch(id: ParticipantId): Epoch | undefined {
    return this.#joinedEpochs.get(id);
  }

  /** Objects that could not be opened since the meeting began. */
  get unreadable(): number {
    let count = 0;
    for (const member of this.#members.values()) count += member.unreadable;
    return count;
  }

  /** Takes encoded media from the renderer; nothing is taken that is switched off. */
  uplink(item: UplinkItem): void {
    this.#local?.uplink(item);
  }

  /** What the decoders say. */
  feedback(feedback: DownlinkFeedback): void {
    this.#requestKeyframe(feedback.participant);
  }

  /** What we send from now on, said to everybody. */
  setSending(sending: { microphone: boolean; camera: boolean }): void {
    this.#sending = sending;
    for (const [on, media] of [
      [sending.microphone, 'audio'],
      [sending.camera, 'video'],
    ] as const)
      if (!on) this.#local?.uplink({ kind: 'uplink-off', media });
    this.#hello();
    this.#ports.changed();
  }

  /** Whose pictures are wanted. */
  watch(participants: readonly ParticipantId[]): void {
    this.#watched.clear();
    for (const id of participants) this.#watched.add(id);
    for (const [id, member] of this.#members) member.setWatched(this.#watched.has(id));
  }

  /** Our name changed. */
  renamed(): void {
    this.#hello();
  }

  /** Removes a member for good. */
  kick(id: ParticipantId): void {
    const member = this.#members.get(id);
    if (member !== undefined) this.#group.kick(member.member.leaf);
  }

  /** Says to a renderer that has just begun what there is. */
  announce(): void {
    for (const member of this.#members.values()) member.announce();
    this.#ports.downlink({ kind: 'keyframe-wanted' });
  }

  /** Says good-bye and leaves; our state of the group is erased. */
  async leave(): Promise<void> {
    if (this.#stopped !== undefined) return;
    this.#local?.sendControl({ kind: 'leave' });
    this.#local?.end('left');
    await this.#group.leave();
    this.#stop({ kind: 'left' });
  }

  /** Ends here without leaving: a later start resumes the membership. */
  async suspend(): Promise<void> {
    if (this.#stopped !== undefined) return;
    await this.#group.suspend();
    this.#stop({ kind: 'left' });
  }

  #origin(): TrackOrigin {
    return {
      fetch: (track, start, end) => this.#local?.find(track)?.fetch(start, end),
      largest: (track) => {
        const own = this.#local?.find(track);
        return own === undefined ? undefined : (own.largest ?? null);
      },
      subscribed: (publication) => this.#local?.subscribed(publication) ?? { ended: () => undefined },
    };
  }

  #connected(client: MoqtClient, relay: string): void {
    this.#client = client;
    this.#connectedAt = this.#ports.now();
    this.#relay = { kind: 'connected', relay };
    this.#group.transportRestored(client);
    if (this.#local !== undefined) void this.#attach(this.#local, client);
    this.#ports.changed();
  }

  #lost(relay: string): void {
    this.#client = undefined;
    this.#relay = { kind: 'connecting', relay, attempt: 1 };
    this.#waitingOffers = [];
    this.#local?.detach();
    for (const member of this.#members.values()) member.detach();
    this.#group.transportLost();
    this.#ports.changed();
  }

  async #attach(local: LocalMedia, client: MoqtClient): Promise<void> {
    await local.attach(client);
    if (this.#local !== local || this.#client !== client) return;
    this.#introduce();
  }

  /** Says who we are and what we send, under the newest key. */
  #introduce(): void {
    this.#hello();
    this.#local?.sendCatalog();
    this.#ports.downlink({ kind: 'keyframe-wanted' });
  }

  #hello(): void {
    this.#helloAt = this.#ports.now();
    this.#local?.sendControl({ kind: 'hello', displayName: this.#ports.displayName(), ...this.#sending });
  }

  #epochBegan(view: EpochView, change: EpochChange, sender: SenderId): void {
    const now = this.#ports.now();
    const groupName = view.groupId as GroupName;
    const { masterKey, ...rest } = view;
    const keys = this.#keysFor(view, groupName, sender);
    if (keys === undefined) {
      masterKey.fill(0);
      this.#stop({
        kind: 'failed',
        sentence: 'This meeting uses a media cipher that this app does not know.',
      });
      return;
    }
    keys.begin(view.epoch, masterKey, now);
    this.#updateRoster(view, change);
    for (const member of this.#members.values()) member.epochBegan(view.epoch);
    const before = this.#situation?.history ?? [];
    this.#situation = {
      view: rest,
      history: [...before, { epoch: view.epoch, change }].slice(-MAX_HISTORY),
      changing: false,
      attention: this.#situation?.attention,
    };
    this.#step = { step: 'sealed', sentence: undefined };
    this.#introduce();
    this.#ports.changed();
  }

  /** The keys of this generation of the room; a new generation has tracks of its own. */
  #keysFor(view: EpochView, groupName: GroupName, sender: SenderId): MeetingKeys | undefined {
    if (this.#keys !== undefined && this.#groupName !== undefined && equal(groupName, this.#groupName))
      return this.#keys;
    const { secureObjectsSuite: suite, profile } = view.parameters;
    if (!isSuiteId(suite) || !isProfileId(profile)) return undefined;
    this.#keys?.erase();
    for (const member of this.#members.values()) member.close();
    this.#members.clear();
    const keys = new MeetingKeys({ mlsHash: view.suite === 0x0053 ? 'SHA-512' : 'SHA-256', suite, profile });
    this.#keys = keys;
    this.#groupName = groupName;
    this.#local = new LocalMedia(
      groupName,
      sender,
      this.#ports.start,
      keys,
      {
        keyframeWanted: () => {
          this.#ports.downlink({ kind: 'keyframe-wanted' });
        },
        congested: () => {
          this.#congestedUntil = this.#ports.now() + CONGESTION_MS;
          this.#ports.downlink({ kind: 'video-bitrate', bitsPerSecond: CONGESTED_BITRATE });
        },
        rekeyWanted: () => {
          this.#requestUpdate();
        },
      },
      this.#ports.wallClock,
    );
    if (this.#client !== undefined) void this.#attach(this.#local, this.#client);
    return keys;
  }

  #updateRoster(view: EpochView, change: EpochChange): void {
    const present = new Set<ParticipantId>();
    for (const member of view.roster) {
      const id = participantIdOf(member);
      present.add(id);
      if (!this.#joinedEpochs.has(id)) this.#joinedEpochs.set(id, view.epoch);
      if (member.leaf === view.ownLeaf) continue;
      const known = this.#members.get(id);
      const rejoined = change.removed.some((removed) => equal(removed.fingerprint, member.fingerprint));
      if (known !== undefined && !rejoined) {
        known.member = member;
        continue;
      }
      known?.close();
      this.#forget(id);
      this.#joinedEpochs.set(id, view.epoch);
      this.#members.set(id, this.#remoteMember(id, member));
    }
    for (const [id, member] of this.#members) {
      if (present.has(id)) continue;
      member.close();
      this.#members.delete(id);
      this.#joinedEpochs.delete(id);
      this.#forget(id);
    }
    const waiting = this.#waitingOffers;
    this.#waitingOffers = [];
    for (const offered of waiting) this.#take(offered);
  }

  #forget(id: ParticipantId): void {
    this.#leaving.delete(id);
    this.#vanished.delete(id);
    this.#keyframeRequested.delete(id);
  }

  #remoteMember(id: ParticipantId, member: Member): RemoteMember {
    const keys = this.#keys;
    if (keys === undefined) throw new Error('members come with keys');
    const remote = new RemoteMember(
      id,
      member,
      { keys, now: this.#ports.now, client: () => this.#client },
      {
        control: (message) => {
          this.#control(id, message);
        },
        media: this.#ports.downlink,
        changed: this.#ports.changed,
      },
    );
    remote.setWatched(this.#watched.has(id));
    return remote;
  }

  #control(id: ParticipantId, message: ControlMessage): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    switch (message.kind) {
      case 'hello':
        return;
      case 'leave':
        this.#leaving.add(id);
        this.#group.memberLeft(member.member.leaf);
        this.#ports.changed();
        return;
      case 'keyframe-request': {
        const view = this.#situation?.view;
        const own = view?.roster.find(({ leaf }) => leaf === view.ownLeaf);
        if (own !== undefined && equal(own.fingerprint, message.fingerprint))
          this.#ports.downlink({ kind: 'keyframe-wanted' });
        return;
      }
    }
  }

  #offered(offer: PublishOffer): void {
    const group = this.#groupName;
    const track = group === undefined ? undefined : classifyTrack(group, offer.track);
    if (track?.kind !== 'control' && track?.kind !== 'media') {
      offer.reject({ code: UNINTERESTED, reason: 'not a track of this meeting' });
      return;
    }
    const kind = track.kind === 'control' ? 'control' : mediaKindOf(track.instance);
    const fingerprint = fingerprintOfSender(track.sender);
    if (kind === undefined || fingerprint === undefined) {
      offer.reject({ code: UNINTERESTED, reason: 'not a track that is known here' });
      return;
    }
    this.#take({ kind, fingerprint, instance: track.instance, offer });
  }

  /** Accepts a member's track; one of somebody who is not in the tree waits until the tree says so. */
  #take(offered: Offered): void {
    const member = this.#members.get(encodeBase64Url(offered.fingerprint));
    if (member !== undefined) {
      member.offered(offered.kind, offered.instance, offered.offer);
      this.#ports.changed();
      return;
    }
    this.#waitingOffers.push(offered);
    if (this.#waitingOffers.length > MAX_WAITING_OFFERS)
      this.#waitingOffers.shift()?.offer.reject({ code: UNINTERESTED, reason: 'not a member' });
  }

  #requestKeyframe(id: ParticipantId): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const now = this.#ports.now();
    const before = this.#keyframeRequested.get(id);
    if (before !== undefined && now - before < KEYFRAME_REQUEST_MS) return;
    this.#keyframeRequested.set(id, now);
    this.#local?.sendControl({ kind: 'keyframe-request', fingerprint: member.member.fingerprint });
  }

  #requestUpdate(): void {
    const epoch = this.#keys?.epoch;
    if (epoch === undefined || this.#updateRequested === epoch) return;
    this.#updateRequested = epoch;
    this.#group.requestUpdate();
  }

  #onTick(): void {
    const now = this.#ports.now();
    this.#keys?.expire(now);
    if (this.#keys?.rekeyNeeded === true) this.#requestUpdate();
    if (this.#client !== undefined && now - this.#helloAt >= HELLO_EVERY_MS) {
      this.#hello();
      this.#local?.sendCatalog();
    }
    if (this.#congestedUntil !== undefined && now >= this.#congestedUntil) {
      this.#congestedUntil = undefined;
      this.#ports.downlink({ kind: 'video-bitrate', bitsPerSecond: undefined });
    }
    for (const [id, member] of this.#members) {
      member.tick();
      // While we have no session ourselves, silence says nothing about others.
      if (this.#client === undefined) continue;
      const silent = now - Math.max(member.lastHeard, this.#connectedAt) > SILENT_AFTER;
      if (silent === this.#vanished.has(id)) continue;
      if (silent) {
        this.#vanished.add(id);
        this.#group.memberVanished(member.member.leaf);
      } else {
        this.#vanished.delete(id);
        this.#group.memberAlive(member.member.leaf);
      }
    }
    this.#ports.changed();
  }

  #stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    clearInterval(this.#tick);
    for (const member of this.#members.values()) member.close();
    this.#members.clear();
    this.#keys?.erase();
    this.#connection.stop();
    this.#ports.changed();
  }
}

/** A member's id for the interface: the fingerprint, which is unique in a tree. */
export function participantIdOf(member: Member): ParticipantId {
  return encodeBase64Url(member.fingerprint);
}
