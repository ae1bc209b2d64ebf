/**
 * A track that this member publishes: seals each object and hands it to whoever subscribes.
 *
 * Group IDs only rise, so that no (group, object) is ever sealed twice. The objects of the
 * newest group are kept (bounded) to answer FETCH where a relay keeps nothing itself.
 */
import {
  groupId,
  objectId,
  subgroupId,
  type FullTrackName,
  type GroupId,
  type Location,
  type MoqtObject,
} from '../moqt/model.ts';
import { isBetween } from '../moqt/locations.ts';
import type { MoqtClient, Publication, PublicationOwner } from '../moqt/client/client-api.ts';
import { StreamCode } from '../moqt/codes.ts';
import type { ObjectHeader } from '../secure-objects/aad.ts';

/** What sealing one object yields. */
export interface Sealed {
  /** Object properties, Immutable Properties with the Key ID among them. */
  readonly properties: Uint8Array;
  readonly payload: Uint8Array;
}

/** Seals an object of the track under the newest key; undefined: there is no key to seal with. */
export type SealObject = (
  header: ObjectHeader,
  payload: Uint8Array,
  encryptedProperties: Uint8Array,
) => Sealed | undefined;

/** How a track uses MOQT's groups and streams. */
export interface OutgoingTrackOptions {
  readonly track: FullTrackName;
  readonly seal: SealObject;
  /** 0 (most urgent) to 255. */
  readonly priority: number;
  /** Bytes that may wait on one subscriber's stream before the rest of the group is given up. */
  readonly queueLimit: number;
  /** The rest of a group was given up for a subscriber: a new group is wanted soon. */
  readonly onCongestion: () => void;
  /** Somebody began to want the objects: a group that can be decoded from its start is wanted soon. */
  readonly onWanted: () => void;
}

const SUBGROUP = subgroupId(0n);
const MAX_KEPT_BYTES = 2 * 1024 * 1024;

interface Subscriber {
  readonly publication: Publication;
  /** The group whose stream is open towards this subscriber. */
  openGroup: GroupId | undefined;
  /** Whether it wanted objects when it last said so. */
  wants: boolean;
}

/** One of our tracks. */
export class OutgoingTrack {
  readonly track: FullTrackName;
  readonly #options: OutgoingTrackOptions;
  readonly #subscribers = new Set<Subscriber>();
  #nextGroup = 0n;
  #nextObject = 0n;
  #group: GroupId | undefined;
  #largest: Location | undefined;
  #kept: MoqtObject[] = [];
  #keptBytes = 0;
  #over: { readonly code: number; readonly reason: string } | undefined;

  constructor(options: OutgoingTrackOptions) {
    this.#options = options;
    this.track = options.track;
  }

  /** Largest location published; undefined before the first object. */
  get largest(): Location | undefined {
    return this.#largest;
  }

  /** Offers the track to a relay by PUBLISH; a relay may refuse it, since SUBSCRIBE works too. */
  offer(client: MoqtClient): void {
    const offered: { subscriber?: Subscriber } = {};
    const description = this.#largest === undefined ? {} : { largest: this.#largest };
    const owner: PublicationOwner = {
      updated: (forwarding) => {
        this.#updated(offered.subscriber, forwarding);
      },
      ended: () => {
        if (offered.subscriber !== undefined) this.#subscribers.delete(offered.subscriber);
      },
    };
    client.publish(this.track, { forward: true, description }, owner).whenSettled((outcome) => {
      if (outcome.kind !== 'published') return;
      const { publication } = outcome;
      offered.subscriber = this.#add(publication);
    });
  }

  /** A peer subscribed to the track by SUBSCRIBE. */
  subscribed(publication: Publication): PublicationOwner {
    const subscriber = this.#add(publication);
    return {
      updated: (forwarding) => {
        this.#updated(subscriber, forwarding);
      },
      ended: () => {
        this.#subscribers.delete(subscriber);
      },
    };
  }

  /** The kept objects from `start` up to and including `end`. */
  fetch(start: Location, end: Location): readonly MoqtObject[] {
    return this.#kept.filter(({ location }) => isBetween(location, start, end));
  }

  /**
   * Seals and sends an object that begins a group.
   * @param more - others may come {@link OutgoingTrack.sendWithin} it; otherwise it is the whole group.
   * @returns false when there is no key yet.
   */
  sendGroup(payload: Uint8Array, encryptedProperties: Uint8Array, more = false): boolean {
    this.#endGroup();
    const object = this.#sealNext(groupId(this.#nextGroup), 0n, payload, encryptedProperties);
    if (object === undefined) return false;
    this.#nextGroup += 1n;
    this.#nextObject = 1n;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#sendSingle(object, !more);
    return true;
  }

  /**
   * Seals and sends the next object of the newest group, which was begun for more, on a stream of its own; begins one where
   * there is none.
   * @returns false when there is no key yet.
   */
  sendWithin(payload: Uint8Array, encryptedProperties: Uint8Array): boolean {
    if (this.#largest === undefined) return this.sendGroup(payload, encryptedProperties, true);
    const object = this.#sealNext(this.#largest.group, this.#nextObject, payload, encryptedProperties);
    if (object === undefined) return false;
    this.#nextObject += 1n;
    this.#sendSingle({ ...object, subgroup: subgroupId(object.location.object) }, false);
    return true;
  }

  /**
   * Seals and sends the next object of a group that is one stream.
   * @param begins - the object can be decoded by itself: it begins a new group.
   * @returns false when there is no key, or no group has begun.
   */
  append(payload: Uint8Array, encryptedProperties: Uint8Array, begins: boolean): boolean {
    if (begins) {
      this.#endGroup();
      this.#group = groupId(this.#nextGroup);
      this.#nextGroup += 1n;
      this.#nextObject = 0n;
      this.#kept = [];
      this.#keptBytes = 0;
    }
    if (this.#group === undefined) return false;
    const object = this.#sealNext(this.#group, this.#nextObject, payload, encryptedProperties);
    if (object === undefined) {
      this.#endGroup();
      return false;
    }
    this.#nextObject += 1n;
    this.#keep(object);
    for (const subscriber of this.#subscribers) this.#write(subscriber, object, begins);
    return true;
  }

  /** Ends the open group: nothing more is appended to it. */
  pause(): void {
    this.#endGroup();
  }

  /** Tells all subscribers, and those that are still being asked, that the track is over. */
  end(code: number, reason: string): void {
    this.#over = { code, reason };
    this.#endGroup();
    for (const { publication } of this.#subscribers) publication.done(code, reason);
    this.#subscribers.clear();
  }

  /** The session is gone, and its subscribers with it. */
  detach(): void {
    this.#subscribers.clear();
  }

  #add(publication: Publication): Subscriber {
    const subscriber: Subscriber = { publication, openGroup: undefined, wants: publication.forwarding };
    if (this.#over !== undefined) {
      publication.done(this.#over.code, this.#over.reason);
      return subscriber;
    }
    this.#subscribers.add(subscriber);
    if (publication.forwarding) this.#options.onWanted();
    return subscriber;
  }

  /** A REQUEST_UPDATE came, which may have been about something else. */
  #updated(subscriber: Subscriber | undefined, wants: boolean): void {
    if (subscriber === undefined || subscriber.wants === wants) return;
    subscriber.wants = wants;
    if (wants) this.#options.onWanted();
  }

  #sealNext(
    group: GroupId,
    object: bigint,
    payload: Uint8Array,
    encryptedProperties: Uint8Array,
  ): MoqtObject | undefined {
    const { priority } = this.#options;
    const location = { group, object: objectId(object) };
    const sealed = this.#options.seal({ ...location, priority }, payload, encryptedProperties);
    if (sealed === undefined) return undefined;
    this.#largest = location;
    return {
      location,
      subgroup: SUBGROUP,
      publisherPriority: priority,
      forwarding: 'subgroup',
      properties: sealed.properties,
      content: { kind: 'payload', payload: sealed.payload },
    };
  }

  #sendSingle(object: MoqtObject, endOfGroup: boolean): void {
    this.#keep(object);
    for (const { publication } of this.#subscribers)
      if (publication.forwarding) publication.sendSingleObject(object, endOfGroup);
  }

  #write(subscriber: Subscriber, object: MoqtObject, begins: boolean): void {
    const { publication } = subscriber;
    if (!publication.forwarding) return;
    const { group } = object.location;
    if (begins) {
      publication.openSubgroup({
        group,
        subgroup: SUBGROUP,
        publisherPriority: this.#options.priority,
        endOfGroup: true,
        firstObject: true,
      });
      subscriber.openGroup = group;
    }
    if (subscriber.openGroup !== group) return;
    if (publication.writeObject(object) > this.#options.queueLimit) {
      publication.resetSubgroup(group, SUBGROUP, StreamCode.DELIVERY_TIMEOUT);
      subscriber.openGroup = undefined;
      this.#options.onCongestion();
    }
  }

  #endGroup(): void {
    const group = this.#group;
    if (group === undefined) return;
    for (const subscriber of this.#subscribers) {
      if (subscriber.openGroup !== group) continue;
      subscriber.publication.closeSubgroup(group, SUBGROUP);
      subscriber.openGroup = undefined;
    }
    this.#group = undefined;
  }

  #keep(object: MoqtObject): void {
    const bytes = object.content.kind === 'payload' ? object.content.payload.byteLength : 0;
    if (this.#keptBytes + bytes > MAX_KEPT_BYTES) return;
    this.#kept.push(object);
    this.#keptBytes += bytes;
  }
}
