/** Namespaces: who announces them, who follows them, and who is offered their tracks. @see moqt-18 #track-discovery */
import { RequestErrorCode } from '../moqt/codes.ts';
import type { TrackNamespace } from '../moqt/model.ts';
import type { IncomingRequest, RequestRefusal } from '../moqt/session-api.ts';
import type { RelayCore } from './core.ts';
import { keyHasPrefix, namespaceKey } from '../moqt/names.ts';
import type { Peer } from './peer.ts';
import type {
  Announcement,
  NamespaceSubscription,
  SubscriptionsByPrefix,
  TracksSubscription,
} from './scope.ts';
import type { Subscribing } from './subscribing.ts';
import type { Track } from './track.ts';

type PrefixRequest = IncomingRequest & { kind: 'subscribe-namespace' | 'subscribe-tracks' };

/** Brings publishers and subscribers of namespaces together. */
export class Discovery {
  readonly #core: RelayCore;
  readonly #subscribing: Subscribing;

  constructor(core: RelayCore, subscribing: Subscribing) {
    this.#core = core;
    this.#subscribing = subscribing;
  }

  /** A PUBLISH_NAMESPACE came. Any number of sessions may announce a namespace. */
  announce(peer: Peer, request: IncomingRequest & { kind: 'publish-namespace' }): void {
    const { id, namespace } = request;
    const limit = this.#core.limits.namespacesPerSession;
    const refusal = this.#core.refusal(peer, namespace, 'announcement', limit) ?? this.#shortness(namespace);
    if (refusal !== undefined) {
      this.#refuse(peer, request, refusal);
      return;
    }
    const announcement: Announcement = { peer, id, namespace, key: namespaceKey(namespace) };
    this.#core.requests.hold(peer, id, { kind: 'announcement', announcement });
    peer.useSession().acceptRequest(id);
    if (this.#core.scopeOf(peer).announce(announcement)) {
      for (const { peer: follower, id: following, fields } of this.#core
        .scopeOf(peer)
        .namespaceSubscriptions.matching(namespace)) {
        follower.useSession().sendNamespace(following, namespace.slice(fields));
      }
    }
    for (const track of [...this.#core.scopeOf(peer).tracksUnder(announcement.key)]) {
      if (track.downstreams.size > 0 && !track.published) this.#subscribing.askPublishers([peer], track);
    }
  }

  /** A PUBLISH_NAMESPACE was withdrawn, or its session is gone. */
  withdraw(announcement: Announcement): void {
    const { peer, namespace } = announcement;
    peer.release(announcement.id);
    if (!this.#core.scopeOf(peer).withdraw(announcement)) return;
    for (const { peer: follower, id, fields } of this.#core
      .scopeOf(peer)
      .namespaceSubscriptions.matching(namespace)) {
      if (!follower.closed) follower.useSession().sendNamespaceDone(id, namespace.slice(fields));
    }
  }

  /** A SUBSCRIBE_NAMESPACE came. */
  followNamespaces(peer: Peer, request: IncomingRequest & { kind: 'subscribe-namespace' }): void {
    const { id, prefix } = request;
    const { namespaceSubscriptions } = this.#core.scopeOf(peer);
    const refusal = this.#prefixRefusal(peer, request, 'namespace-subscription', namespaceSubscriptions);
    if (refusal !== undefined) {
      this.#refuse(peer, request, refusal);
      return;
    }
    const subscription: NamespaceSubscription = {
      peer,
      id,
      prefix: namespaceKey(prefix),
      fields: prefix.length,
    };
    namespaceSubscriptions.add(subscription);
    this.#core.requests.hold(peer, id, { kind: 'namespace-subscription', subscription });
    peer.useSession().acceptRequest(id);
    for (const namespace of this.#core.scopeOf(peer).announcedUnder(subscription.prefix)) {
      peer.useSession().sendNamespace(id, namespace.slice(prefix.length));
    }
  }

  /** A SUBSCRIBE_TRACKS came. */
  followTracks(peer: Peer, request: IncomingRequest & { kind: 'subscribe-tracks' }): void {
    const { id, prefix, forward } = request;
    const { tracksSubscriptions } = this.#core.scopeOf(peer);
    const refusal = this.#prefixRefusal(peer, request, 'tracks-subscription', tracksSubscriptions);
    if (refusal !== undefined) {
      this.#refuse(peer, request, refusal);
      return;
    }
    const key = namespaceKey(prefix);
    const subscription: TracksSubscription = {
      peer,
      id,
      prefix: key,
      fields: prefix.length,
      forward,
      blocked: new Set(),
    };
    tracksSubscriptions.add(subscription);
    this.#core.requests.hold(peer, id, { kind: 'tracks-subscription', subscription });
    peer.useSession().acceptRequest(id);
    for (const track of [...this.#core.scopeOf(peer).tracks.values()]) {
      if (!track.available || !keyHasPrefix(track.namespaceKey, key)) continue;
      this.#offer(track, subscription);
      this.#subscribing.steer(track);
    }
  }

  stopFollowingNamespaces(subscription: NamespaceSubscription): void {
    this.#core.scopeOf(subscription.peer).namespaceSubscriptions.delete(subscription);
    subscription.peer.release(subscription.id);
  }

  stopFollowingTracks(subscription: TracksSubscription): void {
    this.#core.scopeOf(subscription.peer).tracksSubscriptions.delete(subscription);
    subscription.peer.release(subscription.id);
  }

  /** PUBLISH of a track to all that follow its namespace. */
  offerToAll(track: Track): void {
    for (const subscription of this.#core.scopeOf(track).tracksSubscriptions.matching(track.name.namespace)) {
      this.#offer(track, subscription);
    }
  }

  /** Not to whom publishes it alone, nor to whom has or awaits it, nor after PUBLISH_BLOCKED. */
  #offer(track: Track, subscription: TracksSubscription): void {
    const { peer, forward, blocked } = subscription;
    if (peer.closed || peer.goingAway || peer.subscriptions.has(track.key) || blocked.has(track.key)) return;
    if (track.isPublishedOnlyBy(peer)) return;
    const { limits } = this.#core;
    if (
      this.#core.requests.count(peer, 'downstream') >= limits.subscriptionsPerSession ||
      !this.#core.mayRequest(peer)
    ) {
      blocked.add(track.key);
      peer
        .useSession()
        .sendPublishBlocked(
          subscription.id,
          track.name.namespace.slice(subscription.fields),
          track.name.name,
        );
      return;
    }
    const id = peer.useSession().publish(track.name, { forward, description: track.description });
    this.#subscribing.hold(peer, id, track, 'offered').apply({ forward }, track.largest);
  }

  #prefixRefusal(
    peer: Peer,
    { prefix }: PrefixRequest,
    kind: 'namespace-subscription' | 'tracks-subscription',
    others: SubscriptionsByPrefix<NamespaceSubscription | TracksSubscription>,
  ): RequestRefusal | undefined {
    const refusal = this.#core.refusal(peer, prefix, kind, this.#core.limits.namespacesPerSession);
    if (refusal !== undefined) return refusal;
    const shortness = this.#shortness(prefix);
    if (shortness !== undefined) return shortness;
    if (others.overlaps(peer, prefix)) {
      return { code: RequestErrorCode.PREFIX_OVERLAP, reason: 'this session follows an overlapping prefix' };
    }
    return undefined;
  }

  #shortness(prefix: TrackNamespace): RequestRefusal | undefined {
    return prefix.length < this.#core.limits.minimumPrefixFields
      ? { code: RequestErrorCode.UNAUTHORIZED, reason: 'the prefix is too short for this relay' }
      : undefined;
  }

  #refuse(peer: Peer, request: { id: PrefixRequest['id'] }, refusal: RequestRefusal): void {
    this.#core.counters.requestsRefused += 1;
    peer.useSession().reject(request.id, refusal);
  }
}
