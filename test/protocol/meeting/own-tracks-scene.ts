/** The tracks of this member on a session to a relay, as another member opens them. */
import { classifyTrack, type GroupTrack } from '../../../src/protocol/group/names.ts';
import { applyCatalogObject, type CatalogTrack } from '../../../src/protocol/media/catalog.ts';
import { decodeLocProperties, type LocProperties } from '../../../src/protocol/media/loc.ts';
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import type { MeetingKeys } from '../../../src/protocol/meeting/meeting-keys.ts';
import { OwnMedia } from '../../../src/protocol/meeting/own-media.ts';
import { OwnTracks } from '../../../src/protocol/meeting/own-tracks.ts';
import { mediaKindOf, type MemberTrackKind } from '../../../src/protocol/meeting/track-instance.ts';
import type { FullTrackName, MoqtObject } from '../../../src/protocol/moqt/model.ts';
import type { TrackOpener } from '../../../src/protocol/secure-objects/track-opener.ts';
import { millis } from '../../../src/protocol/units.ts';
import { meetingCore } from '../../harness/meeting/core.ts';
import { ClientPair } from '../../harness/moqt/client-pair.ts';
import { GROUP, person, senderOf } from './people.ts';
import { beginEpoch, meetingKeys } from './published-track.ts';

/** Who we are in this join. */
export const SENDER = senderOf(person(0), 1);

/** What a track's name says it carries. */
export function kindOf(track: FullTrackName): MemberTrackKind {
  const named: GroupTrack = classifyTrack(GROUP, track);
  if (named.kind === 'control') return 'control';
  const kind = named.kind === 'media' ? mediaKindOf(named.instance) : undefined;
  if (kind === undefined) throw new Error(`no track of a member: ${named.kind}`);
  return kind;
}

/** An object that reached the relay, opened by another member. */
interface Arrived {
  readonly at: string;
  readonly payload: Uint8Array;
  readonly loc: LocProperties;
}

/** What was opened before: nothing opens twice. */
const opened = new WeakMap<MoqtObject, Arrived>();

/**
 * What has come to a relay of one of a member's tracks, opened by another, in order of arrival.
 * @param from - how many objects to leave out, for example those of former epochs.
 */
export function arrivedAt(pair: ClientPair, theirs: MeetingKeys, kind: MemberTrackKind, from = 0): Arrived[] {
  pair.run();
  return pair
    .requests('publish')
    .filter(({ track }) => kindOf(track) === kind)
    .flatMap(({ id, track }) => {
      const opener = theirs.opener(track, 'media', millis(0));
      return pair.relay
        .of('object')
        .filter((event) => event.id === id)
        .slice(from)
        .map(({ object }) => {
          const arrived = opened.get(object) ?? openWith(opener, object);
          opened.set(object, arrived);
          return arrived;
        });
    });
}

function openWith(opener: TrackOpener, object: MoqtObject): Arrived {
  const { location, publisherPriority, properties, content } = object;
  if (content.kind !== 'payload') throw new Error('nothing is published without a payload');
  const outcome = opener.open({ ...location, priority: publisherPriority }, properties, content.payload);
  if (outcome.kind !== 'opened') throw new Error(outcome.kind);
  return {
    at: `${String(location.group)}/${String(location.object)}`,
    payload: outcome.payload,
    loc: decodeLocProperties(outcome.encryptedProperties),
  };
}

/** Our tracks on a session to a relay, which accepts them and hands all objects to another member. */
export class OwnTracksScene {
  readonly core: MeetingCore = meetingCore();
  readonly keys: MeetingKeys = meetingKeys();
  readonly theirs: MeetingKeys = meetingKeys();
  readonly media = new OwnMedia();
  readonly log: string[] = [];
  readonly own: OwnTracks;
  pair = new ClientPair();
  #accepted = new Set<bigint>();

  constructor() {
    this.own = new OwnTracks(this.core, { group: GROUP, senderId: SENDER }, this.keys, this.media, {
      helloWanted: () => this.log.push('hello wanted'),
      keyframeWanted: () => this.log.push('key frame wanted'),
      congested: () => this.log.push('congested'),
      rekeyWanted: () => this.log.push('rekey wanted'),
    });
  }

  begin(of: bigint): void {
    beginEpoch(this.keys, of, this.core.tasks.now);
    beginEpoch(this.theirs, of, this.core.tasks.now);
  }

  /** The session is lost, and there is another. */
  reconnect(): void {
    this.own.detach();
    this.pair = new ClientPair();
    this.#accepted = new Set();
  }

  /** Offers the tracks; the relay accepts all of them. */
  attach(): void {
    this.own.attach(this.pair.client);
    this.accept();
  }

  /** The relay accepts what it was asked since. */
  accept(): void {
    this.pair.run();
    const { session } = this.pair.relay;
    for (const { id } of this.pair.requests('publish'))
      if (this.#isNew(id)) session.acceptPublish(id, { forward: true });
    for (const { id } of this.pair.requests('publish-namespace'))
      if (this.#isNew(id)) session.acceptRequest(id);
    this.pair.run();
  }

  /** Everything that has come of one of our tracks, in order of arrival. */
  arrived(kind: MemberTrackKind): Arrived[] {
    return arrivedAt(this.pair, this.theirs, kind);
  }

  /** What has come of one of our tracks, as texts with their places. */
  texts(kind: MemberTrackKind): string[] {
    return this.arrived(kind).map(({ at, payload }) => `${at} ${Buffer.from(payload).toString()}`);
  }

  /** The catalogs that have come, each complete. */
  catalogs(): { readonly generatedAt: number; readonly tracks: readonly CatalogTrack[] }[] {
    return this.arrived('catalog').map(({ payload }) => applyCatalogObject(undefined, payload));
  }

  #isNew(id: bigint): boolean {
    const isNew = !this.#accepted.has(id);
    this.#accepted.add(id);
    return isNew;
  }
}
