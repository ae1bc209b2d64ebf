/** What a session needs of the wire format of one draft. Each draft is a folder that implements this. */
import type { ByteWriter } from '../bytes/byte-writer.ts';
import type { SessionLimits } from './limits.ts';
import type { Message, MessagePlace, TrackProperties } from './messages.ts';
import type {
  GroupId,
  GroupOrder,
  Location,
  MoqtObject,
  RequestId,
  SubgroupId,
  TrackAlias,
} from './model.ts';
import type { SubgroupHeader } from './session-api.ts';

/** A message as cut out of its stream, not read yet. */
export interface Frame {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Cuts the bytes of a control or request stream into messages, however they are chunked. */
export interface MessageStream {
  push(bytes: Uint8Array): void;
  next(): Frame | undefined;
  /** Bytes that are held since their message is not complete. */
  readonly buffered: number;
}

/** What a unidirectional stream of the peer contains, in order. */
export type StreamItem =
  | { readonly kind: 'message'; readonly frame: Frame }
  | {
      readonly kind: 'subgroup';
      readonly alias: TrackAlias;
      readonly group: GroupId;
      /** Undefined: the ID of the first object. */
      readonly subgroup: SubgroupId | undefined;
      readonly endOfGroup: boolean;
      readonly firstObject: boolean;
    }
  | { readonly kind: 'fetch'; readonly request: RequestId }
  | { readonly kind: 'padding' }
  | { readonly kind: 'object'; readonly object: MoqtObject }
  | { readonly kind: 'gap'; readonly end: Location; readonly known: 'non-existent' | 'unknown' }
  /** FIN between two items. */
  | { readonly kind: 'end' };

/** Reads a unidirectional stream of the peer. */
export interface IncomingStream {
  push(bytes: Uint8Array, fin: boolean): void;
  /**
   * The next item, or undefined when more bytes are needed.
   * @throws {PeerViolation} when the stream breaks the draft.
   * @throws {MalformedTrack} when the track does.
   * @throws {LimitExceeded} when an object is larger than we take.
   */
  next(): StreamItem | undefined;
  /** Tells what objects need, after `subgroup`: the priority where the header has none. */
  inherit(priority: number): void;
  /** Tells what objects need, after `fetch`: the order that was asked for. */
  order(groups: GroupOrder): void;
  /** Bytes that are held since nothing complete can be made of them yet. */
  readonly buffered: number;
}

/** One object that came as a datagram, or undefined for padding. */
export interface IncomingDatagram {
  readonly alias: TrackAlias;
  readonly endOfGroup: boolean;
  /**
   * The object, once the priority to inherit is known.
   * @throws {MalformedTrack} when its properties make the track malformed.
   */
  object(inheritedPriority: number): MoqtObject;
}

/** Writes the stream that answers one FETCH. */
export interface FetchWriter {
  header(): Uint8Array;
  /** @param object - behind all before it in the order asked for; not a status. */
  object(object: MoqtObject): Uint8Array;
  gap(end: Location, known: 'non-existent' | 'unknown'): Uint8Array;
}

/** The wire format of one draft. */
export interface Draft {
  /** Name in ALPN and WT-Available-Protocols, and first part of clauses. */
  readonly protocol: string;
  /** Makes a violation of `#anchor` of this draft. @param code - PROTOCOL_VIOLATION unless given. */
  violation(anchor: string, detail: string, code?: number): Error;

  messageStream(): MessageStream;
  decodeMessage(frame: Frame, place: MessagePlace): Message;
  encodeMessage(message: Message): Uint8Array;
  readTrackProperties(block: Uint8Array): TrackProperties;

  incomingStream(limits: SessionLimits): IncomingStream;
  decodeDatagram(bytes: Uint8Array): IncomingDatagram | undefined;

  encodeSubgroupHeader(writer: ByteWriter, alias: TrackAlias, header: SubgroupHeader, firstId: bigint): void;
  /** @param previous - ID of the object before it on the stream. */
  encodeSubgroupObject(writer: ByteWriter, object: MoqtObject, previous: bigint | undefined): void;
  encodeSingleObject(alias: TrackAlias, object: MoqtObject, endOfGroup: boolean): Uint8Array;
  encodeDatagram(alias: TrackAlias, object: MoqtObject, endOfGroup: boolean): Uint8Array;
  fetchWriter(request: RequestId, order: GroupOrder): FetchWriter;
}
