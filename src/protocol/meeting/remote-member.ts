/**
 * Another member as we see and hear it: its control messages, its catalog and its media, opened and handed to the
 * renderer, and a state in words for what is missing.
 */
import { PeerViolation } from '../errors.ts';
import { equal } from '../bytes/equal.ts';
import { decodeControlMessage, isStatement, type ControlMessage } from '../group/control.ts';
import type { SenderId } from '../group/names.ts';
import type { Member } from '../group/roster.ts';
import { applyCatalogObject, type Catalog, type CatalogTrack } from '../media/catalog.ts';
import type {
  DownlinkItem,
  Doubt,
  MediaKind,
  MediaState,
  ParticipantId,
  TrackConfig,
} from '../media/encoded-media.ts';
import { decodeLocProperties, type LocProperties } from '../media/loc.ts';
import type { PublishOffer } from '../moqt/client/client-api.ts';
import type { Epoch, Millis } from '../units.ts';
import { Confirmation, type Judgement } from './confirmation.ts';
import type { MemberTrack, MemberTrackContext, OpenedObject } from './member-track.ts';
import { MEMBER_TRACK_KINDS, timeOfTrack, type MemberTrackKind } from './track-instance.ts';
import { isWithin, TrackInstances } from './track-instances.ts';

/** Who follows the members. */
export interface RemoteMemberOwner {
  control(member: RemoteMember, message: ControlMessage): void;
  /** Its picture is wanted and can begin at a key frame only. */
  keyframeNeeded(member: RemoteMember): void;
  /** It is heard in an epoch that we have no key of: {@link RemoteMember.aheadIn}. */
  ahead(): void;
  /** Somebody else who has the keys has sent as this member: nothing of it is played until that ends. */
  forged(member: RemoteMember): void;
}

/** Media that came within this time is live. */
const LIVE_MS = 3_000;
const mediaKinds = ['audio', 'video'] as const;
const MICROSECONDS = 1_000_000n;
/** Larger ones are not whole numbers for the renderer any more. */
const LARGEST_NUMBER = BigInt(Number.MAX_SAFE_INTEGER);

/** Times of a member that its tracks are known from. */
const MOST_TIMES = 8;

/** The member. */
export class RemoteMember {
  readonly id: ParticipantId;
  readonly #context: MemberTrackContext;
  readonly #owner: RemoteMemberOwner;
  readonly #tracks: Readonly<Record<MemberTrackKind, TrackInstances>>;
  readonly #configs = new Map<MediaKind, TrackConfig>();
  #member: Member;
  #displayName: string | undefined;
  #catalog: Catalog | undefined;
  #catalogGroup: bigint | undefined;
  #watched = false;
  #lastHeard: Millis;
  #aheadIn: Epoch | undefined;
  /** The last times of being a member whose control track or catalog has brought something, oldest first. */
  #times: (string | undefined)[] = [];
  #confirmation: Confirmation;
  /** Why nothing of the member is played. */
  #doubt: Doubt = 'none';

  constructor(id: ParticipantId, member: Member, context: MemberTrackContext, owner: RemoteMemberOwner) {
    this.id = id;
    this.#member = member;
    this.#context = context;
    this.#owner = owner;
    this.#lastHeard = context.core.tasks.now;
    this.#confirmation = this.#newConfirmation();
    const track = (kind: MemberTrackKind): TrackInstances =>
      new TrackInstances(kind, context, {
        opened: (object, begins) => {
          this.#opened(kind, object, begins);
        },
        ahead: ({ time }, epoch) => {
          if (kind === 'control') this.#seenAhead(time, epoch);
        },
        ended: ({ time }, isSaid) => {
          this.#confirmation.ended(time, isSaid);
          context.core.changed();
        },
        judge: (instance, object, live) => this.#judge(kind, instance, object, live),
        supersedes: ({ time }, other) => this.#confirmation.supersedes(time, other.time),
        knows: ({ time }) => this.#confirmation.knows(time),
        vouchesFor: ({ time }) => this.#times.includes(time),
      });
    this.#tracks = {
      control: track('control'),
      catalog: track('catalog'),
      audio: track('audio'),
      video: track('video'),
    };
  }

  /** The member's leaf as the newest tree has it. */
  get member(): Member {
    return this.#member;
  }

  /** The newest tree has it like this. With a leaf of a new join, what we heard came from the old one. */
  update(member: Member): void {
    const { senderId: before } = this.#member;
    this.#member = member;
    if (equal(before, member.senderId)) return;
    this.detach();
    this.#times = [];
    for (const media of [...this.#configs.keys()]) this.#off(media);
    this.#confirmation = this.#newConfirmation();
    this.#doubt = 'none';
    this.#displayName = undefined;
    this.#catalog = undefined;
    this.#catalogGroup = undefined;
    this.#lastHeard = this.#context.core.tasks.now;
    this.#aheadIn = undefined;
  }

  /** The name that the member gave itself, once it has come. */
  get displayName(): string | undefined {
    return this.#displayName;
  }

  /** When anything of this member was last opened; when it was first seen, if nothing was. */
  get lastHeard(): Millis {
    return this.#lastHeard;
  }

  /** The newest epoch that we had no key of in which it has sealed anything, by a control track that nothing says is not its own. */
  get aheadIn(): Epoch | undefined {
    return this.#aheadIn;
  }

  /** Objects of this member that could not be opened. */
  get unreadable(): number {
    return MEMBER_TRACK_KINDS.reduce((count, kind) => count + this.#tracks[kind].unreadable, 0);
  }

  /**
   * Whether tracks of a SenderId are this member's as the tree has it now. Another one is of a join that the tree does
   * not have yet, or of one that is over.
   */
  mayUse(sender: SenderId): boolean {
    return equal(this.#member.senderId, sender);
  }

  /** Takes a track of this member that the relay offers. */
  offered(kind: MemberTrackKind, offer: PublishOffer): void {
    const forward = kind !== 'video' || this.#watched;
    this.#confirmation.offered(timeOfTrack(offer.track));
    const track = this.#tracks[kind].offered(offer, forward);
    if (kind !== 'audio' && forward) track.catchUp();
    this.#context.core.changed();
  }

  /** Whether its picture is on the screen. */
  setWatched(watched: boolean): void {
    if (this.#watched === watched) return;
    this.#watched = watched;
    this.#tracks.video.setForward(watched);
    // The group that is under way began without us.
    if (watched && this.#tracks.video.current !== undefined) this.#owner.keyframeNeeded(this);
  }

  /** Why nothing of the member is played, if so. */
  get doubt(): Doubt {
    return this.#doubt;
  }

  /** A new epoch's keys are in all openers. @param removal - somebody was removed by it. */
  epochBegan(epoch: Epoch, removal = false): void {
    if (removal) this.#confirmation.removedSomebody();
    for (const kind of MEMBER_TRACK_KINDS) this.#tracks[kind].epochBegan(epoch);
    this.#lookAgain();
  }

  /** To be called a few times a second. */
  tick(): void {
    for (const kind of MEMBER_TRACK_KINDS) this.#tracks[kind].expire();
    this.#lookAgain();
  }

  /** The session is gone: tracks come anew with the next one. */
  detach(): void {
    for (const kind of MEMBER_TRACK_KINDS) this.#tracks[kind].close();
    this.#confirmation.missed();
  }

  /** The member is gone: nothing of it is opened or played any more. */
  close(): void {
    this.detach();
    this.#times = [];
    for (const media of [...this.#configs.keys()]) this.#off(media);
  }

  /** Our join is over: the member's tracks are let go, for the next one to take. */
  handOver(): PublishOffer[] {
    const offers = MEMBER_TRACK_KINDS.flatMap((kind) => this.#tracks[kind].handOver());
    this.close();
    return offers;
  }

  /** Says again what is on, for a renderer that has just begun. */
  announce(): void {
    if (this.#doubt !== 'none') return;
    for (const config of this.#configs.values())
      this.#present({ kind: 'track-on', participant: this.id, config });
  }

  /** Why there is sound or picture, or none. */
  mediaState(kind: MediaKind): MediaState {
    const now = this.#context.core.tasks.now;
    const track = this.#tracks[kind].current;
    const config = this.#configs.get(kind);
    if (isWithin(track?.openedAt, LIVE_MS, now) && config !== undefined) return 'live';
    const waiting = (candidate: MemberTrack | undefined): boolean =>
      isWithin(candidate?.waitedAt, LIVE_MS, now);
    if (waiting(track) || (this.#catalog === undefined && waiting(this.#tracks.catalog.current)))
      return 'waiting-for-keys';
    if (isWithin(track?.unreadableAt, LIVE_MS, now)) return 'unreadable';
    if (config === undefined)
      return this.#catalog === undefined && !isWithin(this.#lastHeard, LIVE_MS, now) ? 'reconnecting' : 'off';
    if (track === undefined) return 'reconnecting';
    if (kind === 'video' && !this.#watched) return 'starting';
    return track.openedAt === undefined ? 'starting' : 'reconnecting';
  }

  #opened(kind: MemberTrackKind, object: OpenedObject, begins: boolean): void {
    this.#lastHeard = this.#context.core.tasks.now;
    const from = this.#tracks[kind].current;
    if (begins && from !== undefined) this.#times = [...this.#times.slice(1 - MOST_TIMES), from.time];
    // Groups of another instance are counted anew.
    if (kind === 'catalog' && begins) this.#catalogGroup = undefined;
    switch (kind) {
      case 'control':
        this.#control(object);
        return;
      case 'catalog':
        this.#takeCatalog(object);
        return;
      case 'audio':
      case 'video':
        this.#chunk(kind, object);
        return;
    }
  }

  #seenAhead(time: string | undefined, epoch: Epoch): void {
    if (this.#confirmation.excludes(time)) return;
    if (this.#aheadIn === undefined || this.#aheadIn < epoch) this.#aheadIn = epoch;
    this.#owner.ahead();
  }

  #newConfirmation(): Confirmation {
    return new Confirmation(this.#context.core, this.#member, () => {
      // What was forged of it must not outlast the alarm.
      this.#catalogGroup = undefined;
      this.#play('forged');
      this.#owner.forged(this);
    });
  }

  #judge(kind: MemberTrackKind, track: MemberTrack, object: OpenedObject, live: boolean): Judgement {
    const judgement = this.#confirmation.opened(track.time, kind, object, live);
    if (kind !== 'control' || judgement === 'dropped' || !isStatement(object.payload)) return judgement;
    this.#stated(track, object);
    return 'dropped';
  }

  /** A statement came, or what may be one. */
  #stated({ name, time }: MemberTrack, { payload, epoch }: OpenedObject): void {
    const message = decodeControlMessage(payload);
    if (message?.kind !== 'statement' || time === undefined) return;
    const { statement, signature } = message;
    if (!this.#confirmation.stated(time, { control: name, epoch, statement, signature })) return;
    this.#lastHeard = this.#context.core.tasks.now;
    for (const kind of MEMBER_TRACK_KINDS) this.#tracks[kind].release(time);
    this.#lookAgain();
  }

  /** Looks at what is played or held back. Whoever sends nothing any more is in no doubt, nor by what is somebody else's. */
  #lookAgain(): void {
    const { now } = this.#context.core.tasks;
    const isUnconfirmed = mediaKinds.some((kind) => {
      const { counting, current } = this.#tracks[kind];
      if (!isWithin(current?.openedAt, LIVE_MS, now)) return false;
      const isPlayed = current === counting;
      if (!isPlayed && this.#confirmation.excludes(current?.time)) return false;
      return this.#confirmation.doubt(current?.time) === 'unconfirmed';
    });
    this.#play(this.#confirmation.isForged ? 'forged' : isUnconfirmed ? 'unconfirmed' : 'none');
  }

  /** Stops all that is played of the member, or lets it go on. */
  #play(doubt: Doubt): void {
    const before = this.#doubt;
    if (doubt === before) return;
    this.#context.core.changed();
    this.#doubt = doubt;
    if (before === 'none')
      for (const media of this.#configs.keys())
        this.#present({ kind: 'track-off', participant: this.id, media });
    if (doubt !== 'none') return;
    this.announce();
    if (this.#watched && this.#configs.has('video')) this.#owner.keyframeNeeded(this);
  }

  #control({ payload, epoch }: OpenedObject): void {
    const message = decodeControlMessage(payload);
    if (message === undefined) return;
    // Who has left since has the key of an ended epoch.
    if (message.kind === 'leave' && epoch !== this.#context.keys.epoch) return;
    if (message.kind === 'hello' && message.displayName !== this.#displayName) {
      this.#displayName = message.displayName;
      this.#context.core.changed();
    }
    this.#owner.control(this, message);
  }

  #takeCatalog(object: OpenedObject): void {
    // A group begins with a complete catalog; one that comes late must not undo a newer one.
    const { group } = object.location;
    if (this.#catalogGroup !== undefined && group < this.#catalogGroup) return;
    const current = group === this.#catalogGroup ? this.#catalog : undefined;
    try {
      this.#catalog = applyCatalogObject(current, object.payload);
    } catch (error) {
      if (error instanceof PeerViolation) return;
      throw error;
    }
    this.#catalogGroup = group;
    for (const kind of mediaKinds) {
      const track = this.#catalog.tracks.find((candidate) => candidate.kind === kind && candidate.isLive);
      const config = track && configOf(track);
      if (config === undefined) this.#off(kind);
      else this.#on(config);
    }
    this.#context.core.changed();
  }

  #present(item: DownlinkItem): void {
    this.#context.core.emit({ kind: 'downlink', item });
  }

  #on(config: TrackConfig): void {
    const before = this.#configs.get(config.kind);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(config)) return;
    this.#configs.set(config.kind, config);
    if (this.#doubt === 'none') this.#present({ kind: 'track-on', participant: this.id, config });
  }

  #off(media: MediaKind): void {
    if (!this.#configs.delete(media) || this.#doubt !== 'none') return;
    this.#present({ kind: 'track-off', participant: this.id, media });
  }

  #chunk(media: MediaKind, object: OpenedObject): void {
    const doubt = this.#confirmation.doubt(this.#tracks[media].current?.time);
    if (doubt !== 'none') this.#play(doubt);
    if (this.#doubt !== 'none') return;
    let loc: LocProperties;
    try {
      loc = decodeLocProperties(object.encryptedProperties);
    } catch (error) {
      if (error instanceof PeerViolation) return;
      throw error;
    }
    const { timestamp = 0n, timescale = MICROSECONDS } = loc;
    const micros = (timestamp * MICROSECONDS) / timescale;
    // A decoder throws at a time that is no whole number for it, and what else is on its way to it would be lost with it.
    const { group, object: id } = object.location;
    if (micros > LARGEST_NUMBER || group > LARGEST_NUMBER) return;
    this.#present({
      kind: 'chunk',
      participant: this.id,
      media,
      group: Number(group),
      object: Number(id),
      timestamp: Number(micros),
      keyframe: media === 'audio' || loc.videoFrameMarking?.independent === true,
      bytes: object.payload,
      ...(loc.audioLevel === undefined ? {} : { level: loc.audioLevel.level }),
    });
  }
}

/** What the decoder is told; undefined for sound that is not Opus, which nobody here plays. */
function configOf(track: CatalogTrack): TrackConfig | undefined {
  if (track.kind === 'audio') {
    if (track.codec !== 'opus') return undefined;
    const { sampleRate, channels } = track;
    return { kind: 'audio', codec: 'opus', sampleRate, channels };
  }
  const { codec, width, height, framerate } = track;
  return { kind: 'video', codec, width, height, framerate };
}
