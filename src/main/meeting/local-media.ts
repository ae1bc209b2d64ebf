/**
 * What this member sends: its control track, its catalog, its audio and its video, sealed.
 */
import type { MoqtClient, Publication, PublicationCallbacks } from '../../io/moqt/client-api.ts';
import type { TrackConfig, UplinkItem } from '../../contract/media.ts';
import { encodeControlMessage, type ControlMessage } from '../../protocol/group/control.ts';
import {
  controlTrack,
  groupNamespace,
  mediaTrack,
  type GroupName,
  type SenderId,
} from '../../protocol/group/names.ts';
import { encodeCatalog, type CatalogTrack } from '../../protocol/media/catalog.ts';
import { encodeLocProperties, MICROSECOND_TIMESCALE } from '../../protocol/media/loc.ts';
import { equal } from '../../protocol/bytes/equal.ts';
import { encodeUtf8 } from '../../protocol/bytes/utf8.ts';
import { groupId, objectId, type FullTrackName, type TrackNamespace } from '../../protocol/moqt/model.ts';
import { namespaceText } from '../../protocol/moqt/name-text.ts';
import { controlInstance, mediaInstance } from './track-instance.ts';
import type { MeetingKeys } from './meeting-keys.ts';
import { OutgoingTrack, type SealObject } from './outgoing-track.ts';

/** What the encoder or the group is to do. */
export interface LocalMediaListener {
  /** The next picture is to be a key frame. */
  keyframeWanted(): void;
  /** Send queues are long. */
  congested(): void;
  /** A key has done all it may: an update commit is due. */
  rekeyWanted(): void;
}

/** Priorities of our tracks, 0 the most urgent: who is here, then sound, then pictures. */
const PRIORITY = { control: 8, catalog: 16, audio: 32, video: 128 } as const;
/** Bytes that may wait on one stream: two seconds of the default video bit rate. */
const VIDEO_QUEUE_LIMIT = 192 * 1024;
const SMALL_QUEUE_LIMIT = 1024 * 1024;
const NO_PROPERTIES = new Uint8Array(0);
/** LOC's level of an audio frame that was not measured. */
const SILENCE_LEVEL = 127;
/** A frame this loud, in -dBov, is taken for speech. */
const VOICE_LEVEL = 50;
/** PUBLISH_DONE code. @see moqt-18 #message-publish-done */
const TRACK_ENDED = 0x2;

/** See the module's description. */
export class LocalMedia {
  readonly #namespaces: readonly TrackNamespace[];
  readonly #control: OutgoingTrack;
  readonly #catalog: OutgoingTrack;
  readonly #media: Readonly<Record<'audio' | 'video', OutgoingTrack>>;
  readonly #configs = new Map<'audio' | 'video', { config: TrackConfig; live: boolean }>();
  readonly #listener: LocalMediaListener;
  readonly #wallClock: () => number;
  /** Video is sent from the next key frame on. */
  #videoFlows = false;
  /** End what the session was told of our namespaces. */
  #withdraw: (() => void)[] = [];
  #over = false;

  /**
   * @param instance - random bytes that no other object of this class was ever given.
   * @param wallClock - ms since 1970, for the catalog.
   */
  constructor(
    group: GroupName,
    sender: SenderId,
    instance: Uint8Array,
    keys: MeetingKeys,
    listener: LocalMediaListener,
    wallClock: () => number,
  ) {
    this.#listener = listener;
    this.#wallClock = wallClock;
    const root = groupNamespace(group);
    this.#namespaces = [
      [...root, encodeUtf8('control'), sender],
      [...root, encodeUtf8('media'), sender],
    ];
    const track = (
      name: FullTrackName,
      priority: number,
      queueLimit: number,
      video: boolean,
    ): OutgoingTrack => {
      const wanted = (): void => {
        if (video) listener.keyframeWanted();
      };
      return new OutgoingTrack({
        track: name,
        priority,
        queueLimit,
        seal: this.#sealWith(keys, name),
        onWanted: wanted,
        onCongestion: () => {
          listener.congested();
          wanted();
        },
      });
    };
    const media = (kind: 'catalog' | 'audio' | 'video'): FullTrackName =>
      mediaTrack(group, sender, mediaInstance(kind, instance));
    this.#control = track(
      controlTrack(group, sender, controlInstance(instance)),
      PRIORITY.control,
      SMALL_QUEUE_LIMIT,
      false,
    );
    this.#catalog = track(media('catalog'), PRIORITY.catalog, SMALL_QUEUE_LIMIT, false);
    this.#media = {
      audio: track(media('audio'), PRIORITY.audio, SMALL_QUEUE_LIMIT, false),
      video: track(media('video'), PRIORITY.video, VIDEO_QUEUE_LIMIT, true),
    };
  }

  /** Announces and offers the tracks on a new session. */
  async attach(client: MoqtClient): Promise<void> {
    this.detach();
    await Promise.all([
      // Where a relay keeps nothing, FETCH finds its way to us through the namespace.
      ...this.#namespaces.map((namespace) => this.#announce(client, namespace)),
      ...this.#tracks().map((track) => track.offer(client)),
    ]);
  }

  /** The session is gone. */
  detach(): void {
    this.#withdraw = [];
    for (const track of this.#tracks()) track.detach();
  }

  /** Our track of that name, to answer the peer's SUBSCRIBE or FETCH. */
  find(name: FullTrackName): OutgoingTrack | undefined {
    return this.#tracks().find(
      ({ track }) =>
        equal(track.name, name.name) &&
        track.namespace.length === name.namespace.length &&
        track.namespace.every((field, at) => equal(field, name.namespace[at] ?? NO_PROPERTIES)),
    );
  }

  /** A peer subscribed by SUBSCRIBE to a track that {@link LocalMedia.find} found. */
  subscribed(publication: Publication): PublicationCallbacks {
    return this.find(publication.track)?.subscribed(publication) ?? { ended: () => undefined };
  }

  /** Sends a control message. @returns false when there is no key yet. */
  sendControl(message: ControlMessage): boolean {
    return this.#control.sendGroup(encodeControlMessage(message), NO_PROPERTIES);
  }

  /** Sends the catalog anew; needed at each epoch, since joiners cannot open what came before. */
  sendCatalog(): boolean {
    const tracks: CatalogTrack[] = [];
    for (const [kind, { config, live }] of this.#configs) {
      const common = {
        namespace: namespaceText(this.#media[kind].track.namespace),
        name: 'o',
        isLive: live,
        codec: config.codec,
        renderGroup: 1,
      };
      tracks.push(
        config.kind === 'audio'
          ? {
              kind: 'audio',
              ...common,
              bitrate: 64_000,
              sampleRate: config.sampleRate,
              channels: config.channels,
            }
          : {
              kind: 'video',
              ...common,
              bitrate: 1_500_000,
              width: config.width,
              height: config.height,
              framerate: config.framerate,
            },
      );
    }
    return this.#catalog.sendGroup(encodeCatalog({ generatedAt: this.#wallClock(), tracks }), NO_PROPERTIES);
  }

  /** Takes encoded media from the renderer. */
  uplink(item: UplinkItem): void {
    switch (item.kind) {
      case 'uplink-config':
        this.#configs.set(item.config.kind, { config: item.config, live: true });
        this.sendCatalog();
        return;
      case 'uplink-off': {
        const known = this.#configs.get(item.media);
        if (known === undefined) return;
        this.#configs.set(item.media, { ...known, live: false });
        this.#media[item.media].pause();
        this.#videoFlows = item.media === 'video' ? false : this.#videoFlows;
        this.sendCatalog();
        return;
      }
      case 'uplink-chunk':
        if (this.#configs.get(item.media)?.live !== true) return;
        if (item.media === 'audio') this.#sendAudio(item);
        else this.#sendVideo(item);
        return;
    }
  }

  /** Whether a kind of media is announced as live. */
  isLive(kind: 'audio' | 'video'): boolean {
    return this.#configs.get(kind)?.live === true;
  }

  /** The tracks are over. */
  end(reason: string): void {
    this.#over = true;
    for (const withdraw of this.#withdraw) withdraw();
    this.#withdraw = [];
    for (const track of this.#tracks()) track.end(TRACK_ENDED, reason);
  }

  async #announce(client: MoqtClient, namespace: TrackNamespace): Promise<void> {
    const outcome = await client.publishNamespace(namespace, () => undefined);
    if (outcome.kind !== 'published') return;
    if (this.#over) outcome.cancel();
    else
      this.#withdraw.push(() => {
        outcome.cancel();
      });
  }

  #sendAudio(item: UplinkItem & { kind: 'uplink-chunk' }): void {
    const level = Math.max(0, Math.min(127, Math.round(item.level ?? SILENCE_LEVEL)));
    this.#media.audio.sendGroup(
      item.bytes,
      encodeLocProperties({
        timestamp: BigInt(Math.max(0, Math.round(item.timestamp))),
        timescale: MICROSECOND_TIMESCALE,
        audioLevel: { voice: level < VOICE_LEVEL, level },
      }),
    );
  }

  #sendVideo(item: UplinkItem & { kind: 'uplink-chunk' }): void {
    if (!this.#videoFlows && !item.keyframe) {
      this.#listener.keyframeWanted();
      return;
    }
    this.#videoFlows = this.#media.video.append(
      item.bytes,
      encodeLocProperties({
        timestamp: BigInt(Math.max(0, Math.round(item.timestamp))),
        timescale: MICROSECOND_TIMESCALE,
        videoFrameMarking: { independent: item.keyframe, discardable: false },
      }),
      item.keyframe,
    );
  }

  #sealWith(keys: MeetingKeys, track: FullTrackName): SealObject {
    const sealer = keys.sealer(track);
    return (group, object, payload, encrypted) => {
      if (sealer.epoch === undefined) return undefined;
      const outcome = sealer.seal(groupId(group), objectId(object), payload, { encrypted });
      if (outcome.kind === 'sealed') return outcome;
      this.#listener.rekeyWanted();
      return undefined;
    };
  }

  #tracks(): readonly OutgoingTrack[] {
    return [this.#control, this.#catalog, this.#media.audio, this.#media.video];
  }
}
