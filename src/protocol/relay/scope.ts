/** All tracks and namespaces that sessions of one scope share. @see moqt-18 #track-scope */
import type { FullTrackName, RequestId, TrackNamespace } from '../moqt/model.ts';
import { keyHasPrefix, namespaceKey, prefixKeys } from '../moqt/names.ts';
import type { NamespaceKey, TrackNameKey } from '../moqt/names.ts';
import type { Peer } from './peer.ts';
import type { Track } from './track.ts';

/** A PUBLISH_NAMESPACE that was accepted. */
export interface Announcement {
  readonly peer: Peer;
  readonly id: RequestId;
  readonly namespace: TrackNamespace;
  readonly key: NamespaceKey;
}

/** A SUBSCRIBE_NAMESPACE that was accepted. */
export interface NamespaceSubscription {
  readonly peer: Peer;
  readonly id: RequestId;
  readonly prefix: NamespaceKey;
  readonly fields: number;
}

/** A SUBSCRIBE_TRACKS that was accepted. */
export interface TracksSubscription {
  readonly peer: Peer;
  readonly id: RequestId;
  readonly prefix: NamespaceKey;
  readonly fields: number;
  readonly forward: boolean;
  /** Tracks that PUBLISH_BLOCKED was sent for: no PUBLISH may follow. */
  readonly blocked: Set<TrackNameKey>;
}

/** What the sessions of one scope publish and ask for. */
export class Scope {
  readonly tracks = new Map<TrackNameKey, Track>();
  /** Announcements by namespace, in order of arrival. */
  readonly #announcements = new Map<NamespaceKey, Set<Announcement>>();
  readonly #namespaceSubscriptions = new SubscriptionsByPrefix<NamespaceSubscription>();
  readonly #tracksSubscriptions = new SubscriptionsByPrefix<TracksSubscription>();

  get empty(): boolean {
    return (
      this.tracks.size === 0 &&
      this.#announcements.size === 0 &&
      this.#namespaceSubscriptions.size === 0 &&
      this.#tracksSubscriptions.size === 0
    );
  }

  /** @returns whether nobody announced this namespace before. */
  announce(announcement: Announcement): boolean {
    const others = this.#announcements.get(announcement.key);
    if (others !== undefined) {
      others.add(announcement);
      return false;
    }
    this.#announcements.set(announcement.key, new Set([announcement]));
    return true;
  }

  /** @returns whether nobody announces this namespace any more. */
  withdraw(announcement: Announcement): boolean {
    const all = this.#announcements.get(announcement.key);
    if (all?.delete(announcement) !== true || all.size > 0) return false;
    this.#announcements.delete(announcement.key);
    return true;
  }

  /** Sessions that announced a namespace that a track is in, nearest namespace first. */
  publishersOf(track: FullTrackName): Peer[] {
    const peers = new Set<Peer>();
    for (const key of prefixKeys(track.namespace).reverse()) {
      for (const { peer } of this.#announcements.get(key) ?? []) if (!peer.goingAway) peers.add(peer);
    }
    return [...peers];
  }

  /** The announced namespaces under a prefix, each once. */
  announcedUnder(prefix: NamespaceKey): TrackNamespace[] {
    const found: TrackNamespace[] = [];
    for (const [key, [first]] of this.#announcements) {
      if (first !== undefined && keyHasPrefix(key, prefix)) found.push(first.namespace);
    }
    return found;
  }

  /** Tracks whose namespace is under a prefix. */
  *tracksUnder(prefix: NamespaceKey): Generator<Track> {
    for (const track of this.tracks.values()) if (keyHasPrefix(track.namespaceKey, prefix)) yield track;
  }

  get namespaceSubscriptions(): SubscriptionsByPrefix<NamespaceSubscription> {
    return this.#namespaceSubscriptions;
  }

  get tracksSubscriptions(): SubscriptionsByPrefix<TracksSubscription> {
    return this.#tracksSubscriptions;
  }
}

/** Subscriptions to prefixes, found by a namespace. */
export class SubscriptionsByPrefix<T extends { readonly peer: Peer; readonly prefix: NamespaceKey }> {
  readonly #byPrefix = new Map<NamespaceKey, Set<T>>();

  get size(): number {
    return this.#byPrefix.size;
  }

  add(subscription: T): void {
    const others = this.#byPrefix.get(subscription.prefix);
    if (others === undefined) this.#byPrefix.set(subscription.prefix, new Set([subscription]));
    else others.add(subscription);
  }

  delete(subscription: T): void {
    const all = this.#byPrefix.get(subscription.prefix);
    if (all?.delete(subscription) === true && all.size === 0) this.#byPrefix.delete(subscription.prefix);
  }

  /** Subscriptions whose prefix `namespace` has. */
  matching(namespace: TrackNamespace): T[] {
    return prefixKeys(namespace).flatMap((key) => [...(this.#byPrefix.get(key) ?? [])]);
  }

  /** Whether a session has one whose prefix is a prefix of `prefix`, or the other way round. */
  overlaps(peer: Peer, prefix: TrackNamespace): boolean {
    const key = namespaceKey(prefix);
    for (const [other, subscriptions] of this.#byPrefix) {
      if (!keyHasPrefix(other, key) && !keyHasPrefix(key, other)) continue;
      for (const subscription of subscriptions) if (subscription.peer === peer) return true;
    }
    return false;
  }
}
