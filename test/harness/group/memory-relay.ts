import type {
  FetchOutcome,
  Gone,
  MoqtClient,
  Publication,
  PublicationCallbacks,
  PublishOffer,
  Refused,
  Subscription,
  SubscriptionCallbacks,
} from '../../../src/io/moqt/client-api.ts';
import type {
  FullTrackName,
  Location,
  MoqtObject,
  TrackNamespace,
} from '../../../src/protocol/moqt/model.ts';
import { compareLocations } from '../../../src/protocol/moqt/model.ts';

const keyOf = (track: FullTrackName): string =>
  [...track.namespace, track.name].map((field) => Buffer.from(field).toString('hex')).join('/');
const matches = (prefix: TrackNamespace, track: FullTrackName): boolean =>
  prefix.every((field, at) => Buffer.from(field).equals(Buffer.from(track.namespace[at] ?? [])));
const gone: Gone = { kind: 'gone' };
const refused = (code: number, reason: string): Refused => ({ kind: 'refused', refusal: { code, reason } });

interface Publishing {
  readonly track: FullTrackName;
  readonly by: MemoryClient | undefined;
  readonly subscribers: Set<{ callbacks: SubscriptionCallbacks; client: MemoryClient }>;
  readonly callbacks: PublicationCallbacks;
  forwarding: boolean;
  ended: boolean;
}

/** `keeps`: objects and several publishers of a track, as our relay; `turns`: neither, as moq-relay-ietf 0.8.0. */
export type RelayKind = 'keeps' | 'turns';

/** A relay in this process, for members of a group: what it does to MLS tracks, without any wire. */
export class MemoryRelay {
  readonly kind: RelayKind;
  readonly clients = new Set<MemoryClient>();
  readonly publishings = new Set<Publishing>();
  readonly stored = new Map<string, { track: FullTrackName; objects: MoqtObject[] }>();
  /** Everything that passed, as an observer of the relay would have it. */
  readonly seen: MoqtObject[] = [];

  constructor(kind: RelayKind) {
    this.kind = kind;
  }

  connect(): MemoryClient {
    const client = new MemoryClient(this);
    this.clients.add(client);
    return client;
  }
}

/** A session with a {@link MemoryRelay}. */
export class MemoryClient implements MoqtClient {
  readonly peerImplementation = 'memory';
  readonly closed = new Promise<never>(() => undefined);
  readonly #relay: MemoryRelay;
  readonly #prefixes = new Set<{ prefix: TrackNamespace; offered: (offer: PublishOffer) => void }>();
  isGone = false;

  constructor(relay: MemoryRelay) {
    this.#relay = relay;
  }

  subscribe(): Promise<Refused> {
    return Promise.resolve(refused(0x3, 'not here'));
  }

  async subscribeTracks(
    prefix: TrackNamespace,
    _options: { forward: boolean },
    offered: (offer: PublishOffer) => void,
  ): Promise<{ kind: 'subscribed'; cancel(): void } | Gone> {
    await turn();
    if (this.isGone) return gone;
    const entry = { prefix, offered };
    this.#prefixes.add(entry);
    for (const publishing of this.#relay.publishings) this.offer(publishing);
    if (this.#relay.kind === 'keeps') {
      const active = new Set([...this.#relay.publishings].map(({ track }) => keyOf(track)));
      for (const [key, { track, objects }] of this.#relay.stored) {
        if (!active.has(key)) this.offer(kept(track), objects.at(-1)?.location);
      }
    }
    return { kind: 'subscribed', cancel: () => this.#prefixes.delete(entry) };
  }

  offer(publishing: Publishing, largest?: Location): void {
    if (publishing.by === this || this.isGone) return;
    const entry = [...this.#prefixes].find(({ prefix }) => matches(prefix, publishing.track));
    const stored = this.#relay.stored.get(keyOf(publishing.track))?.objects.at(-1)?.location;
    const at = largest ?? stored;
    entry?.offered({
      track: publishing.track,
      description: at === undefined ? {} : { largest: at },
      accept: (parameters, callbacks): Subscription => {
        const subscriber = { callbacks, client: this };
        void turn().then(() => {
          if (parameters.forward !== true) return;
          publishing.subscribers.add(subscriber);
          if (publishing.forwarding) return;
          publishing.forwarding = true;
          publishing.callbacks.updated?.(true);
        });
        return {
          track: publishing.track,
          description: {},
          update: () => undefined,
          cancel: () => publishing.subscribers.delete(subscriber),
        };
      },
      reject: () => undefined,
    });
  }

  subscribeNamespace(): Promise<Refused> {
    return Promise.resolve(refused(0x3, 'not here'));
  }

  publishNamespace(): Promise<Refused> {
    return Promise.resolve(refused(0x20, 'somebody has it'));
  }

  async publish(
    track: FullTrackName,
    _options: unknown,
    callbacks: PublicationCallbacks,
  ): Promise<{ kind: 'published'; publication: Publication } | Refused | Gone> {
    await turn();
    if (this.isGone) return gone;
    const relay = this.#relay;
    const busy = [...relay.publishings].some((other) => keyOf(other.track) === keyOf(track));
    if (busy && relay.kind === 'turns') return refused(0x19, 'somebody publishes it');
    const forwarding = relay.kind === 'keeps';
    const publishing: Publishing = {
      track,
      by: this,
      subscribers: new Set(),
      callbacks,
      forwarding,
      ended: false,
    };
    relay.publishings.add(publishing);
    for (const client of relay.clients) client.offer(publishing);
    const end = (): void => {
      publishing.ended = true;
      relay.publishings.delete(publishing);
      for (const { callbacks: each } of publishing.subscribers) each.done(2, '');
    };
    const unused = (): never => {
      throw new Error('members send single objects');
    };
    const publication: Publication = {
      track,
      get forwarding() {
        return publishing.forwarding;
      },
      sendSingleObject: (object) => {
        if (!publishing.ended && !this.isGone) this.#send(publishing, object);
      },
      openSubgroup: unused,
      writeObject: unused,
      closeSubgroup: unused,
      resetSubgroup: unused,
      done: end,
    };
    return { kind: 'published', publication };
  }

  #send(publishing: Publishing, object: MoqtObject): void {
    const relay = this.#relay;
    relay.seen.push(object);
    if (relay.kind === 'keeps') {
      const key = keyOf(publishing.track);
      const objects: MoqtObject[] = relay.stored.get(key)?.objects ?? [];
      const same = objects.find((each) => compareLocations(each.location, object.location) === 0);
      if (same === undefined) objects.push(object);
      else expectSame(same, object);
      relay.stored.set(key, { track: publishing.track, objects });
    }
    void turn().then(() => {
      for (const { callbacks, client } of publishing.subscribers) {
        if (!client.isGone) callbacks.object(object);
      }
    });
  }

  async fetch(track: FullTrackName, start: Location, end: Location): Promise<FetchOutcome> {
    await turn();
    const stored = this.#relay.stored.get(keyOf(track));
    if (stored === undefined) return refused(0x10, 'does not exist');
    const objects = stored.objects
      .filter(({ location }) => compareLocations(location, start) >= 0 && location.group <= end.group)
      .sort((a, b) => compareLocations(a.location, b.location));
    return { kind: 'complete', objects, end };
  }

  queuedBytes(): number {
    return 0;
  }

  onGoaway(): void {
    // This relay never goes away.
  }

  close(): void {
    this.isGone = true;
    this.#relay.clients.delete(this);
    for (const publishing of this.#relay.publishings) {
      for (const subscriber of publishing.subscribers) {
        if (subscriber.client === this) publishing.subscribers.delete(subscriber);
      }
      if (publishing.by !== this) continue;
      this.#relay.publishings.delete(publishing);
      for (const { callbacks } of publishing.subscribers) callbacks.done(0, 'gone');
    }
  }
}

function kept(track: FullTrackName): Publishing {
  const callbacks = { ended: () => undefined };
  return { track, by: undefined, subscribers: new Set(), callbacks, forwarding: true, ended: false };
}

/** Two different payloads at one location are a malformed track: our members must never make one. */
function expectSame(a: MoqtObject, b: MoqtObject): void {
  if (a.content.kind === 'payload' && b.content.kind === 'payload') {
    if (Buffer.from(a.content.payload).equals(Buffer.from(b.content.payload))) return;
  }
  throw new Error('two payloads at one location');
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
