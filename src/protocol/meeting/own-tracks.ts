/** What this member publishes in one join: its control track, its catalog, its sound and its pictures, sealed. */
import { encodeUtf8 } from '../bytes/utf8.ts';
import { encodeControlMessage, type ControlMessage } from '../group/control.ts';
import { controlTrack, groupNamespace, mediaTrack, type GroupName, type SenderId } from '../group/names.ts';
import { encodeCatalog, type CatalogTrack } from '../media/catalog.ts';
import type { MediaKind, UplinkItem } from '../media/encoded-media.ts';
import { encodeLocProperties, MICROSECOND_TIMESCALE } from '../media/loc.ts';
import type { MoqtClient } from '../moqt/client/client-api.ts';
import { PublishDoneCode } from '../moqt/codes.ts';
import type { FullTrackName, TrackNamespace } from '../moqt/model.ts';
import { trackNameKey } from '../moqt/names.ts';
import { namespaceText } from '../moqt/name-text.ts';
import type { ObjectHeader } from '../secure-objects/aad.ts';
import { objectTag } from '../secure-objects/object-tag.ts';
import { controlSize, soundSize, type PaddedSize } from '../secure-objects/padding.ts';
import type { SealOutcome, TrackSealer } from '../secure-objects/track-sealer.ts';
import type { Millis } from '../units.ts';
import type { MeetingCore } from './core.ts';
import type { MeetingKeys } from './meeting-keys.ts';
import { OutgoingTrack, type SealObject } from './outgoing-track.ts';
import type { Encoding, OwnMedia } from './own-media.ts';
import { OwnStatements } from './own-statements.ts';
import { signedStatement } from './statement.ts';
import {
  controlInstance,
  mediaInstance,
  type MediaTrackKind,
  type MemberTrackKind,
} from './track-instance.ts';

type OwnTrackSet = Readonly<Record<MemberTrackKind, OutgoingTrack>>;
type Sealed = Extract<SealOutcome, { kind: 'sealed' }>;
type Chunk = Extract<UplinkItem, { kind: 'uplink-chunk' }>;

/** Who is told what the tracks need. */
export interface OwnTracksOwner {
  /** Somebody is there to hear who we are. */
  helloWanted(): void;
  /** The next picture is to be a key frame. */
  keyframeWanted(): void;
  /** Send queues are long. */
  congested(): void;
  /** A key has done all it may: an update Commit is due. */
  rekeyWanted(): void;
}

/** Priorities of our tracks, 0 the most urgent: who is here, then sound, then pictures. */
const PRIORITY: Readonly<Record<MemberTrackKind, number>> = {
  control: 8,
  catalog: 16,
  audio: 32,
  video: 128,
};
/** Sizes that tell how long somebody spoke, what is typed or called whom, are hidden; those of pictures and formats are not. */
const PADDED_SIZE: Readonly<Partial<Record<MemberTrackKind, PaddedSize>>> = {
  control: controlSize,
  audio: soundSize,
};
/** Bytes that may wait on one stream: two seconds of the default video bit rate. */
const VIDEO_QUEUE_LIMIT = 192 * 1024;
const SMALL_QUEUE_LIMIT = 1024 * 1024;
const NO_PROPERTIES = new Uint8Array(0);
/** LOC's level of an audio frame that was not measured. */
const SILENCE_LEVEL = 127;
/** A statement is made each half second, as far as something was sealed; a tick that comes a little early is none to wait for. */
const STATEMENT_EVERY_MS = 400;
/** A frame this loud, in -dBov, is taken for speech. */
const VOICE_LEVEL = 50;

/** The tracks. */
export class OwnTracks {
  readonly #core: MeetingCore;
  readonly #names: { readonly group: GroupName; readonly senderId: SenderId };
  readonly #keys: MeetingKeys;
  readonly #media: OwnMedia;
  readonly #owner: OwnTracksOwner;
  readonly #namespaces: readonly TrackNamespace[];
  #tracks: OwnTrackSet;
  /** Sealers of the tracks there are. */
  #sealers: TrackSealer[] = [];
  #statements = new OwnStatements();
  #statedAt: Millis | undefined;
  /** The tracks have been offered on a session. */
  #offered = false;
  /** Video is sent from the next key frame on. */
  #videoFlows = false;
  /** End what the session was told of our namespaces. */
  #withdraw: (() => void)[] = [];
  #over = false;

  constructor(
    core: MeetingCore,
    names: { readonly group: GroupName; readonly senderId: SenderId },
    keys: MeetingKeys,
    media: OwnMedia,
    owner: OwnTracksOwner,
  ) {
    this.#core = core;
    this.#names = names;
    this.#keys = keys;
    this.#media = media;
    this.#owner = owner;
    const { group, senderId } = names;
    const root = groupNamespace(group);
    this.#namespaces = [
      [...root, encodeUtf8('control'), senderId],
      [...root, encodeUtf8('media'), senderId],
    ];
    this.#tracks = this.#newTracks();
  }

  /**
   * Announces and offers the tracks on a new session, each session's under names of their own: those of the session before
   * may be held by it for a while, or by somebody who has learned them meanwhile.
   */
  attach(client: MoqtClient): void {
    this.detach();
    if (this.#offered) this.#renew();
    this.#offered = true;
    // Where a relay keeps nothing, FETCH finds its way to us through the namespace.
    for (const namespace of this.#namespaces)
      client.publishNamespace(namespace).whenSettled((outcome) => {
        if (outcome.kind !== 'published') return;
        if (this.#over) outcome.cancel();
        else
          this.#withdraw.push(() => {
            outcome.cancel();
          });
      });
    for (const track of Object.values(this.#tracks)) track.offer(client);
  }

  /** The session is gone. */
  detach(): void {
    this.#withdraw = [];
    for (const track of Object.values(this.#tracks)) track.detach();
  }

  /** Our track of that name, to answer the peer's SUBSCRIBE or FETCH. */
  find(name: FullTrackName): OutgoingTrack | undefined {
    const key = trackNameKey(name);
    return Object.values(this.#tracks).find(({ track }) => trackNameKey(track) === key);
  }

  /**
   * Sends a control message. Who we are begins a group, in which all else follows: so whoever fetches the newest group has it.
   * @returns false when there is no key yet.
   */
  sendControl(message: ControlMessage): boolean {
    const { control } = this.#tracks;
    const payload = encodeControlMessage(message);
    if (message.kind !== 'hello' && message.kind !== 'leave')
      return control.sendWithin(payload, NO_PROPERTIES);
    const isSent = control.sendGroup(payload, NO_PROPERTIES, true);
    this.#stateWhenFull();
    return isSent;
  }

  /**
   * Says which objects of our tracks are ours.
   * @param again - also of what was said so in the last two seconds, for those who could not open it.
   * @see docs/protocol.md #who-speaks
   */
  sendStatement(again = false): void {
    const { epoch } = this.#keys;
    // Without a key nothing is sealed, so that there is nothing to say.
    if (epoch === undefined) return;
    this.#statedAt = this.#core.tasks.now;
    const statement = this.#statements.take(again);
    const signed = signedStatement(this.#tracks.control.track, epoch, statement);
    this.sendControl({
      kind: 'statement',
      statement,
      signature: this.#core.options.memberSigner.sign(signed),
    });
  }

  /** To be called a few times a second: says what is due to be said. */
  tick(): void {
    const since = this.#core.tasks.now - (this.#statedAt ?? -Infinity);
    if (this.#statements.isDue && since >= STATEMENT_EVERY_MS) this.sendStatement();
  }

  /** Sends the catalog anew; needed at each epoch, since joiners cannot open what came before. */
  sendCatalog(): boolean {
    const tracks = this.#media.encodings.map((encoding) =>
      catalogTrack(encoding, namespaceText(this.#tracks[encoding.config.kind].track.namespace)),
    );
    const catalog = encodeCatalog({ generatedAt: this.#core.wallClock, tracks });
    const isSent = this.#tracks.catalog.sendGroup(catalog, NO_PROPERTIES);
    this.#stateWhenFull();
    return isSent;
  }

  /** A kind of media is not sent for now: its open group ends. */
  pause(media: MediaKind): void {
    this.#tracks[media].pause();
    if (media === 'video') this.#videoFlows = false;
  }

  /** Seals and sends one encoded chunk. @see docs/protocol.md #media */
  send(chunk: Chunk): void {
    if (chunk.media === 'audio') this.#sendAudio(chunk);
    else this.#sendVideo(chunk);
    this.#stateWhenFull();
  }

  /** Whoever takes a track anew, again and again, has us seal more than media does. */
  #stateWhenFull(): void {
    if (this.#statements.isFull) this.sendStatement();
  }

  /** The tracks are over. */
  end(reason: string): void {
    this.#over = true;
    for (const withdraw of this.#withdraw) withdraw();
    this.#withdraw = [];
    if (this.#statements.isDue) this.sendStatement();
    for (const track of Object.values(this.#tracks)) track.end(PublishDoneCode.TRACK_ENDED, reason);
  }

  /** What was sent before somebody wanted it is not on its way to them: what they need to begin with is sent now. */
  #wanted(kind: MemberTrackKind): void {
    switch (kind) {
      case 'control':
        this.#owner.helloWanted();
        return;
      case 'catalog':
        this.sendCatalog();
        return;
      case 'video':
        this.#owner.keyframeWanted();
        return;
      case 'audio':
        return;
    }
  }

  #sendAudio(chunk: Chunk): void {
    const level = Math.max(0, Math.min(127, Math.round(chunk.level ?? SILENCE_LEVEL)));
    this.#tracks.audio.sendGroup(
      chunk.bytes,
      encodeLocProperties({
        timestamp: timestampOf(chunk),
        timescale: MICROSECOND_TIMESCALE,
        audioLevel: { voice: level < VOICE_LEVEL, level },
      }),
    );
  }

  #sendVideo(chunk: Chunk): void {
    if (!this.#videoFlows && !chunk.keyframe) {
      this.#owner.keyframeWanted();
      return;
    }
    this.#videoFlows = this.#tracks.video.append(
      chunk.bytes,
      encodeLocProperties({
        timestamp: timestampOf(chunk),
        timescale: MICROSECOND_TIMESCALE,
        videoFrameMarking: { independent: chunk.keyframe, discardable: false },
      }),
      chunk.keyframe,
    );
  }

  #renew(): void {
    for (const sealer of this.#sealers) this.#keys.retire(sealer);
    this.#sealers = [];
    this.#statements = new OwnStatements();
    this.#tracks = this.#newTracks();
    this.#videoFlows = false;
  }

  #newTracks(): OwnTrackSet {
    const { group, senderId } = this.#names;
    // Made here, so that nothing seals a location twice, not even a membership that this process takes up again.
    const instance = this.#core.instances.next();
    const inMedia = (kind: MediaTrackKind): FullTrackName =>
      mediaTrack(group, senderId, mediaInstance(kind, instance));
    const control = controlTrack(group, senderId, controlInstance(instance));
    return {
      control: this.#newTrack('control', control, SMALL_QUEUE_LIMIT),
      catalog: this.#newTrack('catalog', inMedia('catalog'), SMALL_QUEUE_LIMIT),
      audio: this.#newTrack('audio', inMedia('audio'), SMALL_QUEUE_LIMIT),
      video: this.#newTrack('video', inMedia('video'), VIDEO_QUEUE_LIMIT),
    };
  }

  #newTrack(kind: MemberTrackKind, track: FullTrackName, queueLimit: number): OutgoingTrack {
    return new OutgoingTrack({
      track,
      priority: PRIORITY[kind],
      queueLimit,
      seal: this.#sealWith(kind, track),
      onWanted: () => {
        this.#wanted(kind);
      },
      onCongestion: () => {
        this.#owner.congested();
        if (kind === 'video') this.#owner.keyframeWanted();
      },
    });
  }

  #sealWith(kind: MemberTrackKind, track: FullTrackName): SealObject {
    const sealer = this.#keys.sealer(track);
    this.#sealers.push(sealer);
    return (header, payload, encrypted) => {
      if (sealer.epoch === undefined) return undefined;
      const outcome = sealer.seal(header, payload, { encrypted }, PADDED_SIZE[kind]);
      if (outcome.kind === 'sealed') {
        this.#note(kind, header, outcome);
        return outcome;
      }
      this.#owner.rekeyWanted();
      return undefined;
    };
  }

  #note(kind: MemberTrackKind, header: ObjectHeader, { immutable, payload }: Sealed): void {
    const tag = objectTag(this.#core.options.groupCrypto, header, immutable, payload);
    const location = { group: header.group, object: header.object };
    this.#statements.note(kind, { location, tag });
  }
}

function timestampOf({ timestamp }: Chunk): bigint {
  return BigInt(Math.max(0, Math.round(timestamp)));
}

/** What the catalog says of a track: what its encoder is set to. @see msf-01 */
function catalogTrack({ config, bitrate, live }: Encoding, namespace: string): CatalogTrack {
  const common = { namespace, name: 'o', isLive: live, codec: config.codec, renderGroup: 1, bitrate };
  if (config.kind === 'audio') {
    const { sampleRate, channels } = config;
    return { kind: 'audio', ...common, sampleRate, channels };
  }
  const { width, height, framerate } = config;
  return { kind: 'video', ...common, width, height, framerate };
}
