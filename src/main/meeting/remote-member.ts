/**
 * Another member as we see and hear it: its control messages, its catalog and its media, opened and handed to the
 * renderer, and a state in words for what is missing.
 */
import type { PublishOffer } from '../../io/moqt/client-api.ts';
import type { DownlinkItem, MediaKind, TrackConfig } from '../../contract/media.ts';
import type { MediaState, ParticipantId } from '../../contract/state.ts';
import { decodeControlMessage, type ControlMessage } from '../../protocol/group/control.ts';
import type { Member } from '../../protocol/group/roster.ts';
import { decodeUtf8 } from '../../protocol/bytes/utf8.ts';
import { PeerViolation } from '../../protocol/errors.ts';
import { applyCatalogObject, type Catalog, type CatalogTrack } from '../../protocol/media/catalog.ts';
import { decodeLocProperties, type LocProperties } from '../../protocol/media/loc.ts';
import type { Epoch, Millis } from '../../protocol/units.ts';
import type { OpenedObject } from './incoming-track.ts';
import { RemoteTrack, within, type RemoteTrackContext } from './remote-track.ts';
import type { MediaTrackKind } from './track-instance.ts';

/** Who follows a member. */
export interface RemoteMemberListener {
  control(message: ControlMessage): void;
  media(item: DownlinkItem): void;
  /** Name or announced media changed. */
  changed(): void;
}

/** Media that came within this time is live. */
const LIVE_MS = 3_000;
const SUBSCRIBER_PRIORITY = { control: 8, catalog: 16, audio: 32, video: 128 } as const;
const MICROSECONDS = 1_000_000n;

/** See the module's description. */
export class RemoteMember {
  readonly id: ParticipantId;
  readonly #context: RemoteTrackContext;
  readonly #listener: RemoteMemberListener;
  readonly #tracks = new Map<'control' | MediaTrackKind, RemoteTrack>();
  readonly #configs = new Map<MediaKind, TrackConfig>();
  #member: Member;
  #displayName: string | undefined;
  #catalog: Catalog | undefined;
  #catalogGroup: bigint | undefined;
  #watched = false;
  #lastHeard: Millis;
  #unreadableBefore = 0;

  constructor(
    id: ParticipantId,
    member: Member,
    context: RemoteTrackContext,
    listener: RemoteMemberListener,
  ) {
    this.id = id;
    this.#member = member;
    this.#context = context;
    this.#listener = listener;
    this.#lastHeard = context.now();
  }

  /** The member's leaf as the newest tree has it. */
  get member(): Member {
    return this.#member;
  }

  set member(member: Member) {
    this.#member = member;
  }

  /** The name that the member gave itself, once it has come. */
  get displayName(): string | undefined {
    return this.#displayName;
  }

  /** When anything of this member was last opened; when it was first seen, if nothing was. */
  get lastHeard(): Millis {
    return this.#lastHeard;
  }

  /** Objects of this member that could not be opened. */
  get unreadable(): number {
    let count = this.#unreadableBefore;
    for (const track of this.#tracks.values()) count += track.unreadable;
    return count;
  }

  /** Takes a track of this member that the relay offers; one of a newer process start replaces the one before. */
  offered(kind: 'control' | MediaTrackKind, instance: Uint8Array, offer: PublishOffer): void {
    this.#drop(kind);
    const forward = kind !== 'video' || this.#watched;
    const track: RemoteTrack = new RemoteTrack(
      decodeUtf8(instance) ?? '',
      offer,
      forward,
      SUBSCRIBER_PRIORITY[kind],
      this.#context,
      (object) => {
        if (this.#tracks.get(kind) === track) this.#opened(kind, object);
      },
      () => {
        if (this.#tracks.get(kind) !== track) return;
        this.#drop(kind);
        this.#listener.changed();
      },
    );
    this.#tracks.set(kind, track);
    if (kind === 'catalog') this.#catalogGroup = undefined;
    if (kind !== 'audio' && forward) void track.catchUp();
  }

  /** Whether its picture is on the screen. */
  setWatched(watched: boolean): void {
    if (this.#watched === watched) return;
    this.#watched = watched;
    const video = this.#tracks.get('video');
    if (video === undefined) return;
    video.setForward(watched);
    if (watched) void video.catchUp();
  }

  /** A new epoch's keys are in all openers. */
  epochBegan(epoch: Epoch): void {
    for (const track of [...this.#tracks.values()]) track.epochBegan(epoch);
  }

  /** To be called a few times a second. */
  tick(): void {
    for (const track of this.#tracks.values()) track.expire();
  }

  /** The session is gone: tracks come anew with the next one. */
  detach(): void {
    for (const kind of [...this.#tracks.keys()]) this.#drop(kind);
  }

  /** The member is gone: nothing of it is opened or played any more. */
  close(): void {
    this.detach();
    for (const media of [...this.#configs.keys()]) this.#off(media);
  }

  /** Says again what is on, for a renderer that has just begun. */
  announce(): void {
    for (const config of this.#configs.values())
      this.#listener.media({ kind: 'track-on', participant: this.id, config });
  }

  /** Why there is sound or picture, or none. */
  mediaState(kind: MediaKind): MediaState {
    const now = this.#context.now();
    const track = this.#tracks.get(kind);
    const config = this.#configs.get(kind);
    if (within(track?.times.opened, LIVE_MS, now) && config !== undefined) return 'live';
    const waiting = (candidate: RemoteTrack | undefined): boolean =>
      within(candidate?.times.waitingForKey, LIVE_MS, now);
    if (waiting(track) || (this.#catalog === undefined && waiting(this.#tracks.get('catalog'))))
      return 'waiting-for-keys';
    if (within(track?.times.unreadable, LIVE_MS, now)) return 'unreadable';
    if (config === undefined)
      return this.#catalog === undefined && !within(this.#lastHeard, LIVE_MS, now) ? 'reconnecting' : 'off';
    if (track === undefined) return 'reconnecting';
    if (kind === 'video' && !this.#watched) return 'starting';
    return track.times.opened === undefined ? 'starting' : 'reconnecting';
  }

  #opened(kind: 'control' | MediaTrackKind, object: OpenedObject): void {
    this.#lastHeard = this.#context.now();
    switch (kind) {
      case 'control':
        this.#control(object.payload);
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

  #control(payload: Uint8Array): void {
    const message = decodeControlMessage(payload);
    if (message === undefined) return;
    if (message.kind === 'hello' && message.displayName !== this.#displayName) {
      this.#displayName = message.displayName;
      this.#listener.changed();
    }
    this.#listener.control(message);
  }

  #takeCatalog(object: OpenedObject): void {
    // A group begins with a complete catalog; one that comes late must not undo a newer one.
    if (this.#catalogGroup !== undefined && object.group < this.#catalogGroup) return;
    const current = object.group === this.#catalogGroup ? this.#catalog : undefined;
    try {
      this.#catalog = applyCatalogObject(current, object.payload);
    } catch (error) {
      if (error instanceof PeerViolation) return;
      throw error;
    }
    this.#catalogGroup = object.group;
    for (const kind of ['audio', 'video'] as const) {
      const track = this.#catalog.tracks.find((candidate) => candidate.kind === kind && candidate.isLive);
      const config = track && configOf(track);
      if (config === undefined) this.#off(kind);
      else this.#on(config);
    }
    this.#listener.changed();
  }

  #on(config: TrackConfig): void {
    const before = this.#configs.get(config.kind);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(config)) return;
    this.#configs.set(config.kind, config);
    this.#listener.media({ kind: 'track-on', participant: this.id, config });
  }

  #off(media: MediaKind): void {
    if (!this.#configs.delete(media)) return;
    this.#listener.media({ kind: 'track-off', participant: this.id, media });
  }

  #chunk(media: MediaKind, object: OpenedObject): void {
    let loc: LocProperties;
    try {
      loc = decodeLocProperties(object.encryptedProperties);
    } catch (error) {
      if (error instanceof PeerViolation) return;
      throw error;
    }
    const { timestamp = 0n, timescale = MICROSECONDS } = loc;
    this.#listener.media({
      kind: 'chunk',
      participant: this.id,
      media,
      group: Number(object.group),
      object: Number(object.object),
      timestamp: Number((timestamp * MICROSECONDS) / timescale),
      keyframe: media === 'audio' || loc.videoFrameMarking?.independent === true,
      bytes: object.payload,
      ...(loc.audioLevel === undefined ? {} : { level: loc.audioLevel.level }),
    });
  }

  #drop(kind: 'control' | MediaTrackKind): void {
    const track = this.#tracks.get(kind);
    if (track === undefined) return;
    this.#unreadableBefore += track.unreadable;
    this.#tracks.delete(kind);
    track.close();
  }
}

/** What the decoder is told; undefined for sound that is not Opus, which nobody here plays. */
function configOf(track: CatalogTrack): TrackConfig | undefined {
  if (track.kind === 'audio') {
    if (track.codec !== 'opus') return undefined;
    return { kind: 'audio', codec: 'opus', sampleRate: track.sampleRate, channels: track.channels };
  }
  const { codec, width, height, framerate } = track;
  return { kind: 'video', codec, width, height, framerate };
}
