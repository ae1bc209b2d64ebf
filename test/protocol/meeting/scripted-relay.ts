/** A relay that does what the test says, as the client of its session shows it: each request is answered by hand. */
import type {
  Fetch,
  FetchOutcome,
  Gone,
  Lasting,
  MoqtClient,
  Publication,
  PublicationOwner,
  PublishOffer,
  PublishOutcome,
  Refused,
  SubscriptionOwner,
} from '../../../src/protocol/moqt/client/client-api.ts';
import type {
  FullTrackName,
  Location,
  MoqtObject,
  TrackNamespace,
} from '../../../src/protocol/moqt/model.ts';
import type { TrackDescription } from '../../../src/protocol/moqt/session-api.ts';
import { Pending } from '../../../src/protocol/tasks.ts';

export const REFUSED: Refused = { kind: 'refused', refusal: { code: 1, reason: 'no' } };
export const GONE: Gone = { kind: 'gone' };

/** A PUBLISH of ours. */
export class ScriptedPublication implements Publication {
  readonly track: FullTrackName;
  readonly options: { readonly forward: boolean; readonly description: TrackDescription };
  readonly owner: PublicationOwner;
  readonly outcome = new Pending<PublishOutcome>();
  readonly sent: MoqtObject[] = [];
  /** Whether any object was said to end its group. */
  endsGroups = false;
  /** Codes of PUBLISH_DONE. */
  readonly dones: number[] = [];
  forwarding = false;

  constructor(
    track: FullTrackName,
    options: { readonly forward: boolean; readonly description: TrackDescription },
    owner: PublicationOwner,
  ) {
    this.track = track;
    this.options = options;
    this.owner = owner;
  }

  /** The relay takes it. */
  accept(forwarding = true): void {
    this.forwarding = forwarding;
    this.outcome.settle({ kind: 'published', publication: this });
  }

  /** The relay wants objects, or none. */
  update(forwarding: boolean): void {
    this.forwarding = forwarding;
    this.owner.updated?.(forwarding);
  }

  /** What was sent, as texts with their places. */
  get texts(): string[] {
    return this.sent.map(textOf);
  }

  sendSingleObject(object: MoqtObject, endOfGroup: boolean): void {
    this.sent.push(object);
    this.endsGroups ||= endOfGroup;
  }

  openSubgroup(): never {
    throw new Error('an MLS object is the whole of its subgroup');
  }

  writeObject(): never {
    throw new Error('an MLS object is the whole of its subgroup');
  }

  closeSubgroup(): never {
    throw new Error('an MLS object is the whole of its subgroup');
  }

  resetSubgroup(): never {
    throw new Error('an MLS object is the whole of its subgroup');
  }

  done(code: number): void {
    this.dones.push(code);
  }
}

/** A request of ours that lasts until it is cancelled. */
class ScriptedRequest<Kind extends string> {
  readonly outcome = new Pending<Lasting<Kind> | Refused | Gone>();
  cancelled = 0;
  readonly #kind: Kind;

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  accept(): void {
    this.outcome.settle({
      kind: this.#kind,
      cancel: () => {
        this.cancelled += 1;
      },
    });
  }
}

/** A SUBSCRIBE_TRACKS of ours. */
class ScriptedTracks extends ScriptedRequest<'subscribed'> {
  readonly prefix: TrackNamespace;
  readonly forward: boolean;
  /** The relay's PUBLISH of a track. */
  readonly offer: (offer: PublishOffer) => void;

  constructor(prefix: TrackNamespace, forward: boolean, offer: (offer: PublishOffer) => void) {
    super('subscribed');
    this.prefix = prefix;
    this.forward = forward;
    this.offer = offer;
  }
}

/** A FETCH of ours; what has come of it when it is given up is the outcome then. */
class ScriptedFetch implements Fetch {
  readonly asked: readonly [track: FullTrackName, start: Location, end: Location, maxBytes: number];
  readonly outcome = new Pending<FetchOutcome>();
  arrived: MoqtObject[] = [];
  givenUp = 0;

  constructor(...asked: ScriptedFetch['asked']) {
    this.asked = asked;
  }

  giveUp(): void {
    this.givenUp += 1;
    this.outcome.settle({ kind: 'incomplete', objects: this.arrived });
  }
}

/** See the module's description. */
export class ScriptedRelay implements MoqtClient {
  peerImplementation: string | undefined = 'conclave/1';
  readonly published: ScriptedPublication[] = [];
  readonly tracks: ScriptedTracks[] = [];
  readonly namespaces: (ScriptedRequest<'published'> & { readonly of: TrackNamespace })[] = [];
  readonly fetches: ScriptedFetch[] = [];

  subscribe(): never {
    throw new Error('tracks are offered, not asked for');
  }

  subscribeNamespace(): never {
    throw new Error('tracks are offered, not asked for');
  }

  subscribeTracks(
    prefix: TrackNamespace,
    { forward }: { readonly forward: boolean },
    offered: (offer: PublishOffer) => void,
  ): ScriptedTracks['outcome'] {
    const request = new ScriptedTracks(prefix, forward, offered);
    this.tracks.push(request);
    return request.outcome;
  }

  publishNamespace(of: TrackNamespace): ScriptedRequest<'published'>['outcome'] {
    const request = Object.assign(new ScriptedRequest('published'), { of });
    this.namespaces.push(request);
    return request.outcome;
  }

  publish(
    track: FullTrackName,
    options: { readonly forward: boolean; readonly description: TrackDescription },
    owner: PublicationOwner,
  ): Pending<PublishOutcome> {
    const publication = new ScriptedPublication(track, options, owner);
    this.published.push(publication);
    return publication.outcome;
  }

  fetch(...asked: ScriptedFetch['asked']): Fetch {
    const fetch = new ScriptedFetch(...asked);
    this.fetches.push(fetch);
    return fetch;
  }
}

/** A track that the relay offers, in the clear: MLS tracks are. */
export class OfferedTrack implements PublishOffer {
  readonly track: FullTrackName;
  readonly description: TrackDescription;
  owner: SubscriptionOwner | undefined;
  forward: boolean | undefined;
  cancelled = 0;
  readonly refusals: { readonly code: number; readonly reason: string }[] = [];

  constructor(track: FullTrackName, largest?: Location) {
    this.track = track;
    this.description = largest === undefined ? {} : { largest };
  }

  accept(
    { forward }: { readonly forward?: boolean },
    owner: SubscriptionOwner,
  ): ReturnType<PublishOffer['accept']> {
    this.forward = forward;
    this.owner = owner;
    return {
      track: this.track,
      description: this.description,
      update: () => undefined,
      cancel: () => {
        this.cancelled += 1;
      },
      handOver: () => this,
    };
  }

  reject(refusal: { readonly code: number; readonly reason: string }): void {
    this.refusals.push(refusal);
  }
}

/** `7/1 text` of an object of group 7. */
export function textOf({ location, content }: MoqtObject): string {
  const text = content.kind === 'payload' ? Buffer.from(content.payload).toString() : content.kind;
  return `${String(location.group)}/${String(location.object)} ${text}`;
}
