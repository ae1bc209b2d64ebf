import { ByteWriter } from '../bytes/byte-writer.ts';
import { invariant } from '../errors.ts';
import { RequestErrorCode, StreamCode } from './codes.ts';
import { covers, resolveFilter, UNFILTERED } from './filters.ts';
import type { Coverage } from './filters.ts';
import { largerOf } from './locations.ts';
import type { MessageParameters } from './messages.ts';
import type {
  FullTrackName,
  GroupId,
  GroupOrder,
  Location,
  MoqtObject,
  RequestId,
  SubgroupId,
  TrackAlias,
} from './model.ts';
import { trackNameKey } from './names.ts';
import type { TrackNameKey } from './names.ts';
import { DEFAULT_SUBSCRIBER_PRIORITY, objectPriority } from './priorities.ts';
import { unexpected } from './requests.ts';
import type { OwnerMessage, PeerRequestOwner, Request, Requests } from './requests.ts';
import type { RequestRefusal, SubgroupHeader, TrackDescription } from './session-api.ts';
import type { SessionCore } from './session-core.ts';
import { definedOnly, subscribeParameters } from './subscribe-parameters.ts';
import type { StreamHandle } from './transport.ts';

/** A subgroup that we were told to publish. */
interface OutgoingSubgroup {
  readonly header: SubgroupHeader;
  /** Undefined until an object passes the filter, and after the stream was reset. */
  stream: StreamHandle | undefined;
  previous: bigint | undefined;
  /** Objects were left out, so the stream does not begin with the first. */
  skipped: boolean;
  /** The subscriber does not want the rest. */
  abandoned: boolean;
  queued: number;
}

/** A subscription in which we are the publisher. @see moqt-18 #subscriptions */
export interface Publication {
  readonly request: Request;
  readonly track: FullTrackName;
  readonly alias: TrackAlias;
  forward: boolean;
  subscriberPriority: number;
  groupOrder: GroupOrder;
  coverage: Coverage;
  largest: Location | undefined;
  /** Joining Location: largest when the Forward State last became 1. */
  joining: Location | undefined;
  readonly subgroups: Map<string, OutgoingSubgroup>;
  streams: bigint;
}

/** Told of a subscription that has begun, or undefined when it ended before. */
type WhenBegun = (publication: Publication | undefined) => void;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Subscriptions in which we are the publisher: our PUBLISHes and the peer's SUBSCRIBEs, and their objects. */
export class Publications implements PeerRequestOwner {
  readonly #core: SessionCore;
  readonly #requests: Requests;
  readonly #byId = new Map<RequestId, Publication>();
  /** Pending ones too: a track has one subscription. */
  readonly #byTrack = new Map<TrackNameKey, RequestId>();
  readonly #byStream = new Map<StreamHandle, { publication: Publication; subgroup: OutgoingSubgroup }>();
  /** Who waits for a SUBSCRIBE of the peer to be answered. */
  readonly #awaited = new Map<RequestId, Set<WhenBegun>>();
  #nextAlias = 0n;

  constructor(core: SessionCore, requests: Requests) {
    this.#core = core;
    this.#requests = requests;
  }

  /** PUBLISH. */
  publish(track: FullTrackName, options: { forward: boolean; description: TrackDescription }): RequestId {
    const id = this.#requests.takeId();
    if (!this.#reserve(track, id)) return this.#requests.refuseDuplicate(id);
    const { largest, expires, properties = NO_BYTES } = options.description;
    const { groupOrder } = this.#core.draft.readTrackProperties(properties);
    const alias = this.#takeAlias();
    // FORWARD is left out where it has its default.
    const forward = options.forward ? {} : { forward: false };
    const parameters: MessageParameters = { largest, expires, ...forward };
    const request = this.#requests.open(this, { kind: 'publish', id, track, alias, parameters, properties });
    this.#begin(request, track, alias, { parameters, largest, groupOrder });
    return id;
  }

  /** SUBSCRIBE_OK. */
  accept(id: RequestId, description: TrackDescription): void {
    const request = this.#requests.toAnswer(id, 'subscribe');
    if (request?.message.kind !== 'subscribe') return;
    const { track, parameters } = request.message;
    const { largest, expires, properties = NO_BYTES } = description;
    request.answered = true;
    const { groupOrder } = this.#core.draft.readTrackProperties(properties);
    const alias = this.#takeAlias();
    const publication = this.#begin(request, track, alias, { parameters, largest, groupOrder });
    const answer = { alias, parameters: definedOnly({ largest, expires }), properties };
    this.#requests.send(request, { kind: 'subscribe-ok', ...answer });
    this.#tellWaiting(id, publication);
  }

  /** PUBLISH_DONE. */
  done(id: RequestId, code: number, reason: string): void {
    const publication = this.#live(id);
    if (publication === undefined) return;
    const { request } = publication;
    this.#resetStreams(publication, StreamCode.CANCELLED);
    const { streams: streamCount } = publication;
    this.#requests.send(request, { kind: 'publish-done', code, streamCount, reason }, true);
    this.#requests.end(request, StreamCode.CANCELLED);
  }

  setLargest(id: RequestId, largest: Location): void {
    const publication = this.#byId.get(id);
    if (publication !== undefined) publication.largest = largerOf(publication.largest, largest);
  }

  /** A subscription that has begun: accepted by whichever side was asked. */
  begun(id: RequestId): Publication | undefined {
    const publication = this.#byId.get(id);
    return publication?.request.answered === true ? publication : undefined;
  }

  /**
   * Calls `then` when a SUBSCRIBE of the peer has begun, or with undefined when it ends before.
   * @returns what takes that back, or undefined when no such SUBSCRIBE is to be answered.
   */
  whenBegun(id: RequestId, then: WhenBegun): (() => void) | undefined {
    const request = this.#requests.get(id);
    if (request?.kind !== 'subscribe' || request.ours || request.answered) return undefined;
    const waiting = this.#awaited.get(id) ?? new Set();
    this.#awaited.set(id, waiting.add(then));
    return () => waiting.delete(then);
  }

  offer({ message }: Request): RequestRefusal | undefined {
    invariant(message.kind === 'subscribe', 'the peer subscribes by SUBSCRIBE');
    const { id, track } = message;
    if (!this.#reserve(track, id)) {
      return { code: RequestErrorCode.DUPLICATE_SUBSCRIPTION, reason: 'the track has a subscription' };
    }
    const parameters = subscribeParameters(message.parameters);
    this.#requests.tell({ kind: 'subscribe', id, track, parameters });
    return undefined;
  }

  /** PUBLISH_OK, or REQUEST_UPDATE by the subscriber. */
  receive(request: Request, message: OwnerMessage): void {
    const { id } = request;
    const publication = this.#byId.get(id);
    switch (message.kind) {
      case 'request-ok': {
        // FORWARD left out of PUBLISH_OK says 1, whatever PUBLISH said.
        const parameters = { forward: true, ...message.parameters };
        if (publication !== undefined) this.#update(publication, parameters);
        this.#core.event({ kind: 'publish-ok', id, parameters });
        return;
      }
      case 'request-update': {
        const parameters = definedOnly({ largest: publication?.largest });
        if (publication !== undefined) this.#update(publication, message.parameters);
        this.#requests.acknowledge(request, 'request-update', { parameters });
        const news = subscribeParameters(message.parameters);
        this.#core.event({ kind: 'subscription-updated', id, parameters: news });
        return;
      }
      default:
        unexpected(message);
    }
  }

  /** Resets the streams that are open, and lets the track be subscribed to again. */
  end({ id, message }: Request, code: number): void {
    const publication = this.#byId.get(id);
    if (publication !== undefined) {
      this.#byId.delete(id);
      this.#resetStreams(publication, code);
    }
    if (message.kind === 'subscribe' || message.kind === 'publish') {
      const key = trackNameKey(message.track);
      if (this.#byTrack.get(key) === id) this.#byTrack.delete(key);
    }
    this.#tellWaiting(id, undefined);
  }

  openSubgroup(id: RequestId, header: SubgroupHeader): void {
    const publication = this.#live(id);
    if (publication === undefined) return;
    const key = subgroupKey(header.group, header.subgroup);
    invariant(!publication.subgroups.has(key), 'a subgroup is opened once');
    publication.subgroups.set(key, {
      header,
      stream: undefined,
      previous: undefined,
      skipped: false,
      abandoned: false,
      queued: 0,
    });
  }

  writeObject(id: RequestId, object: MoqtObject): number {
    const publication = this.#live(id);
    if (publication === undefined) return 0;
    invariant(object.subgroup !== undefined, 'an object on a stream has a subgroup');
    const subgroup = publication.subgroups.get(subgroupKey(object.location.group, object.subgroup));
    invariant(subgroup !== undefined, 'the subgroup was opened before');
    publication.largest = largerOf(publication.largest, object.location);
    if (!publication.forward || subgroup.abandoned || !covers(publication.coverage, object.location)) {
      this.#skip(publication, subgroup, object);
      return subgroup.queued;
    }
    const room = object.content.kind === 'payload' ? object.content.payload.length : 0;
    const writer = new ByteWriter(room + object.properties.length + 64);
    subgroup.stream ??= this.#openStream(publication, subgroup, object, writer);
    this.#core.draft.encodeSubgroupObject(writer, object, subgroup.previous);
    subgroup.previous = object.location.object;
    const bytes = writer.finish();
    subgroup.queued += bytes.length;
    this.#core.command({ kind: 'write', stream: subgroup.stream, bytes, fin: false });
    return subgroup.queued;
  }

  closeSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId): void {
    this.#endSubgroup(id, group, subgroup, (stream) => {
      this.#core.command({ kind: 'write', stream, bytes: new Uint8Array(0), fin: true });
    });
  }

  resetSubgroup(id: RequestId, group: GroupId, subgroup: SubgroupId, code: number): void {
    this.#endSubgroup(id, group, subgroup, (stream) => {
      this.#core.command({ kind: 'reset', stream, code });
    });
  }

  sendSingleObject(id: RequestId, object: MoqtObject, endOfGroup: boolean): void {
    const publication = this.#passing(id, object);
    if (publication === undefined) return;
    invariant(object.subgroup !== undefined, 'an object on a stream has a subgroup');
    const { group } = object.location;
    const { subscriberPriority, groupOrder } = publication;
    publication.streams += 1n;
    this.#core.command({
      kind: 'send-object',
      stream: this.#core.takeStream(),
      priority: objectPriority(
        subscriberPriority,
        object.publisherPriority,
        groupOrder,
        group,
        object.subgroup,
      ),
      bytes: this.#core.draft.encodeSingleObject(publication.alias, object, endOfGroup),
    });
  }

  sendDatagram(id: RequestId, object: MoqtObject, endOfGroup: boolean): void {
    const publication = this.#passing(id, object);
    if (publication === undefined) return;
    const bytes = this.#core.draft.encodeDatagram(publication.alias, object, endOfGroup);
    this.#core.command({ kind: 'datagram', bytes });
  }

  /** @returns whether the stream is one of ours. */
  stopped(stream: StreamHandle): boolean {
    const entry = this.#byStream.get(stream);
    if (entry === undefined) return false;
    this.#byStream.delete(stream);
    entry.subgroup.stream = undefined;
    entry.subgroup.abandoned = true;
    entry.subgroup.skipped = true;
    this.#core.command({ kind: 'reset', stream, code: StreamCode.CANCELLED });
    return true;
  }

  /** What the transport says of the send queue of a stream. */
  queued(stream: StreamHandle, bytes: number, drained: boolean): void {
    const entry = this.#byStream.get(stream);
    if (entry === undefined) return;
    entry.subgroup.queued = bytes;
    if (!drained) return;
    const { group, subgroup } = entry.subgroup.header;
    this.#core.event({ kind: 'subgroup-drained', id: entry.publication.request.id, group, subgroup });
  }

  /** @returns false when the track has a subscription already. */
  #reserve(track: FullTrackName, id: RequestId): boolean {
    const key = trackNameKey(track);
    if (this.#byTrack.has(key)) return false;
    this.#byTrack.set(key, id);
    return true;
  }

  #takeAlias(): TrackAlias {
    const alias = this.#nextAlias;
    this.#nextAlias += 1n;
    return alias as TrackAlias;
  }

  /** Begins to publish for a reserved track. */
  #begin(
    request: Request,
    track: FullTrackName,
    alias: TrackAlias,
    initial: { parameters: MessageParameters; largest: Location | undefined; groupOrder: GroupOrder },
  ): Publication {
    const { parameters, largest } = initial;
    const forward = parameters.forward ?? true;
    const publication: Publication = {
      request,
      track,
      alias,
      forward,
      subscriberPriority: parameters.subscriberPriority ?? DEFAULT_SUBSCRIBER_PRIORITY,
      groupOrder: parameters.groupOrder ?? initial.groupOrder,
      coverage: parameters.filter === undefined ? UNFILTERED : resolveFilter(parameters.filter, largest),
      largest,
      joining: forward ? largest : undefined,
      subgroups: new Map(),
      streams: 0n,
    };
    this.#byId.set(request.id, publication);
    return publication;
  }

  /** Applies what the subscriber says in PUBLISH_OK or REQUEST_UPDATE. */
  #update(publication: Publication, parameters: MessageParameters): void {
    if (parameters.filter !== undefined) {
      publication.coverage = resolveFilter(parameters.filter, publication.largest);
    }
    if (parameters.groupOrder !== undefined) publication.groupOrder = parameters.groupOrder;
    const priority = parameters.subscriberPriority;
    if (priority !== undefined && priority !== publication.subscriberPriority) {
      publication.subscriberPriority = priority;
      for (const { stream, header } of publication.subgroups.values()) {
        if (stream === undefined) continue;
        this.#core.command({ kind: 'set-priority', stream, priority: priorityOf(publication, header) });
      }
    }
    if (parameters.forward === undefined || parameters.forward === publication.forward) return;
    publication.forward = parameters.forward;
    if (!publication.forward) return;
    publication.joining = publication.largest;
    for (const subgroup of publication.subgroups.values()) subgroup.abandoned = false;
  }

  #tellWaiting(id: RequestId, publication: Publication | undefined): void {
    const waiting = this.#awaited.get(id);
    if (waiting === undefined) return;
    this.#awaited.delete(id);
    for (const then of waiting) then(publication);
  }

  #resetStreams({ subgroups }: Publication, code: number): void {
    for (const subgroup of subgroups.values()) {
      if (subgroup.stream === undefined) continue;
      this.#byStream.delete(subgroup.stream);
      this.#core.command({ kind: 'reset', stream: subgroup.stream, code });
    }
    subgroups.clear();
  }

  /** The publication, or undefined when the peer ended it meanwhile. */
  #live(id: RequestId): Publication | undefined {
    const publication = this.#byId.get(id);
    if (publication === undefined) this.#requests.expectKnown(id);
    return publication;
  }

  /** The publication when the object is to be sent; its location counts as published in any case. */
  #passing(id: RequestId, object: MoqtObject): Publication | undefined {
    const publication = this.#live(id);
    if (publication === undefined) return undefined;
    publication.largest = largerOf(publication.largest, object.location);
    return publication.forward && covers(publication.coverage, object.location) ? publication : undefined;
  }

  #openStream(
    publication: Publication,
    subgroup: OutgoingSubgroup,
    object: MoqtObject,
    writer: ByteWriter,
  ): StreamHandle {
    const stream = this.#core.takeStream();
    const header = { ...subgroup.header, firstObject: subgroup.header.firstObject && !subgroup.skipped };
    this.#core.command({ kind: 'open', stream, direction: 'uni', priority: priorityOf(publication, header) });
    this.#core.draft.encodeSubgroupHeader(writer, publication.alias, header, object.location.object);
    publication.streams += 1n;
    subgroup.previous = undefined;
    subgroup.queued = 0;
    this.#byStream.set(stream, { publication, subgroup });
    return stream;
  }

  /** Leaves out an object; a stream that had begun is then not whole. @see moqt-18 #closing-subgroup-streams */
  #skip(publication: Publication, subgroup: OutgoingSubgroup, object: MoqtObject): void {
    subgroup.skipped = true;
    const { stream } = subgroup;
    if (stream === undefined) return;
    invariant(
      subgroup.previous === undefined || object.location.object > subgroup.previous,
      'Object IDs ascend within a subgroup',
    );
    subgroup.stream = undefined;
    subgroup.queued = 0;
    this.#byStream.delete(stream);
    this.#core.command({ kind: 'reset', stream, code: StreamCode.CANCELLED });
  }

  #endSubgroup(
    id: RequestId,
    group: GroupId,
    subgroup: SubgroupId,
    endStream: (stream: StreamHandle) => void,
  ): void {
    const publication = this.#live(id);
    const key = subgroupKey(group, subgroup);
    const entry = publication?.subgroups.get(key);
    if (publication === undefined || entry === undefined) return;
    publication.subgroups.delete(key);
    if (entry.stream === undefined) return;
    this.#byStream.delete(entry.stream);
    endStream(entry.stream);
  }
}

function subgroupKey(group: GroupId, subgroup: SubgroupId): string {
  return `${String(group)}/${String(subgroup)}`;
}

function priorityOf(publication: Publication, header: SubgroupHeader): number {
  const { subscriberPriority, groupOrder } = publication;
  return objectPriority(
    subscriberPriority,
    header.publisherPriority,
    groupOrder,
    header.group,
    header.subgroup,
  );
}
