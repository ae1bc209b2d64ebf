/** Message Parameters: typed, delta-coded and allowed in named messages only. @see moqt-18 #message-params */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import { MAX_VI64 } from '../../bytes/vi64.ts';
import { invariant } from '../../errors.ts';
import type { MessageParameters } from '../messages.ts';
import { readToken, writeToken } from './authorization-token.ts';
import { readFilter, writeFilter } from './subscription-filter.ts';
import { readLocation, readMillis, readNamespace, writeLocation, writeNamespace } from './structures.ts';
import { violation } from './violations.ts';

/** The messages that parameters are defined for; `…_OK` are REQUEST_OK by what they answer. */
export type ParameterScope =
  | 'SUBSCRIBE'
  | 'SUBSCRIBE_OK'
  | 'PUBLISH'
  | 'PUBLISH_OK'
  | 'FETCH'
  | 'FETCH_OK'
  | 'TRACK_STATUS'
  | 'TRACK_STATUS_OK'
  | 'PUBLISH_NAMESPACE'
  | 'SUBSCRIBE_NAMESPACE'
  | 'SUBSCRIBE_TRACKS'
  | 'NAMESPACE_OK'
  | 'UPDATE_OF_SUBSCRIPTION'
  | 'UPDATE_OF_FETCH'
  | 'UPDATE_OF_PREFIX'
  | 'UPDATE_OF_NAMESPACE'
  | 'UPDATE_OK';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface Definition {
  readonly type: bigint;
  readonly field: keyof MessageParameters;
  readonly clause: string;
  readonly scopes: readonly ParameterScope[];
  read(reader: ByteReader, into: Mutable<MessageParameters>): void;
  write(writer: ByteWriter, from: MessageParameters): void;
}

const DELIVERY: readonly ParameterScope[] = ['SUBSCRIBE', 'PUBLISH_OK', 'UPDATE_OF_SUBSCRIPTION'];

/** In ascending order of type, which is the order on the wire. */
const DEFINITIONS: readonly Definition[] = [
  {
    type: 0x02n,
    field: 'objectDeliveryTimeout',
    clause: 'object-delivery-timeout',
    scopes: DELIVERY,
    read: (reader, into) => (into.objectDeliveryTimeout = readMillis(reader)),
    write: (writer, from) => writer.vi64(from.objectDeliveryTimeout ?? 0),
  },
  {
    type: 0x03n,
    field: 'tokens',
    clause: 'authorization-token',
    scopes: [
      'PUBLISH',
      'SUBSCRIBE',
      'UPDATE_OF_SUBSCRIPTION',
      'UPDATE_OF_FETCH',
      'UPDATE_OF_PREFIX',
      'UPDATE_OF_NAMESPACE',
      'SUBSCRIBE_NAMESPACE',
      'SUBSCRIBE_TRACKS',
      'PUBLISH_NAMESPACE',
      'TRACK_STATUS',
      'FETCH',
    ],
    read: (reader, into) => {
      const read = readToken(reader.lengthPrefixed(0xffff));
      if (read.kind === 'value') into.tokens = [...(into.tokens ?? []), read.token];
      else into.tokenOperations = [...(into.tokenOperations ?? []), read];
    },
    write: (writer, from) => {
      from.tokens?.forEach((token, index) => {
        if (index > 0) writer.vi64(0);
        writer.lengthPrefixed(writeToken(token));
      });
    },
  },
  {
    type: 0x04n,
    field: 'rendezvousTimeout',
    clause: 'rendezvous-timeout',
    scopes: ['SUBSCRIBE'],
    read: (reader, into) => (into.rendezvousTimeout = readMillis(reader)),
    write: (writer, from) => writer.vi64(from.rendezvousTimeout ?? 0),
  },
  {
    type: 0x06n,
    field: 'subgroupDeliveryTimeout',
    clause: 'subgroup-delivery-timeout',
    scopes: DELIVERY,
    read: (reader, into) => (into.subgroupDeliveryTimeout = readMillis(reader)),
    write: (writer, from) => writer.vi64(from.subgroupDeliveryTimeout ?? 0),
  },
  {
    type: 0x08n,
    field: 'expires',
    clause: 'expires',
    // TRACK_STATUS_OK carries "the same parameters" as SUBSCRIBE_OK (#message-track-status).
    scopes: ['SUBSCRIBE_OK', 'PUBLISH', 'PUBLISH_OK', 'UPDATE_OK', 'TRACK_STATUS_OK'],
    read: (reader, into) => (into.expires = readMillis(reader)),
    write: (writer, from) => writer.vi64(from.expires ?? 0),
  },
  {
    type: 0x09n,
    field: 'largest',
    clause: 'largest-param',
    scopes: ['SUBSCRIBE_OK', 'PUBLISH', 'UPDATE_OK', 'TRACK_STATUS_OK'],
    read: (reader, into) => (into.largest = readLocation(reader)),
    write: (writer, from) => {
      if (from.largest !== undefined) writeLocation(writer, from.largest);
    },
  },
  {
    type: 0x0an,
    field: 'fillTimeout',
    clause: 'fill-timeout',
    scopes: ['FETCH'],
    read: (reader, into) => (into.fillTimeout = readMillis(reader)),
    write: (writer, from) => writer.vi64(from.fillTimeout ?? 0),
  },
  {
    type: 0x10n,
    field: 'forward',
    clause: 'forward-parameter',
    scopes: ['SUBSCRIBE', 'UPDATE_OF_SUBSCRIPTION', 'PUBLISH', 'PUBLISH_OK', 'SUBSCRIBE_TRACKS'],
    read: (reader, into) => {
      const value = reader.u8();
      if (value > 1) throw violation('forward-parameter', 'the value is neither 0 nor 1');
      into.forward = value === 1;
    },
    write: (writer, from) => writer.u8(from.forward === false ? 0 : 1),
  },
  {
    type: 0x20n,
    field: 'subscriberPriority',
    clause: 'subscriber-priority',
    scopes: ['SUBSCRIBE', 'FETCH', 'UPDATE_OF_SUBSCRIPTION', 'UPDATE_OF_FETCH', 'PUBLISH_OK'],
    read: (reader, into) => (into.subscriberPriority = reader.u8()),
    write: (writer, from) => writer.u8(from.subscriberPriority ?? 128),
  },
  {
    type: 0x21n,
    field: 'filter',
    clause: 'subscription-filter',
    scopes: DELIVERY,
    read: (reader, into) => (into.filter = readFilter(reader.lengthPrefixed(0xffff))),
    write: (writer, from) => {
      if (from.filter !== undefined) writer.lengthPrefixed(writeFilter(from.filter));
    },
  },
  {
    type: 0x22n,
    field: 'groupOrder',
    clause: 'group-order',
    scopes: ['SUBSCRIBE', 'PUBLISH_OK', 'FETCH'],
    read: (reader, into) => {
      const value = reader.u8();
      if (value !== 1 && value !== 2) throw violation('group-order', 'the order is neither 1 nor 2');
      into.groupOrder = value === 1 ? 'ascending' : 'descending';
    },
    write: (writer, from) => writer.u8(from.groupOrder === 'descending' ? 2 : 1),
  },
  {
    type: 0x32n,
    field: 'newGroupRequest',
    clause: 'new-group-request',
    scopes: DELIVERY,
    read: (reader, into) => (into.newGroupRequest = reader.vi64()),
    write: (writer, from) => writer.vi64(from.newGroupRequest ?? 0n),
  },
  {
    type: 0x34n,
    field: 'prefix',
    clause: 'track-namespace-prefix-param',
    scopes: ['UPDATE_OF_PREFIX'],
    read: (reader, into) => (into.prefix = readNamespace(reader)),
    write: (writer, from) => {
      writeNamespace(writer, from.prefix ?? []);
    },
  },
];

const BY_TYPE = new Map(DEFINITIONS.map((definition) => [definition.type, definition]));

/**
 * Reads the count and the parameters of a message.
 * @throws {PeerViolation} for an unknown, misplaced or repeated parameter.
 */
export function readParameters(reader: ByteReader, scope: ParameterScope): MessageParameters {
  const count = reader.vi64();
  const parameters: Mutable<MessageParameters> = {};
  let type = 0n;
  for (let at = 0n; at < count; at += 1n) {
    type += reader.vi64();
    if (type > MAX_VI64) throw violation('message-params', 'a type is larger than 2^64 - 1');
    const definition = BY_TYPE.get(type);
    if (definition === undefined) throw violation('message-params', `parameter ${String(type)} is unknown`);
    if (!definition.scopes.includes(scope)) {
      throw violation('parameter-scope', `parameter ${definition.clause} does not belong into ${scope}`);
    }
    if (definition.field !== 'tokens' && parameters[definition.field] !== undefined) {
      throw violation('message-params', `parameter ${definition.clause} is repeated`);
    }
    definition.read(reader, parameters);
  }
  return parameters;
}

/** Writes the count and the parameters of a message. */
export function writeParameters(
  writer: ByteWriter,
  scope: ParameterScope,
  parameters: MessageParameters,
): void {
  const present = DEFINITIONS.filter(
    ({ field }) => parameters[field] !== undefined && (field !== 'tokens' || parameters.tokens?.length !== 0),
  );
  const repeated = Math.max((parameters.tokens?.length ?? 0) - 1, 0);
  writer.vi64(present.length + repeated);
  let previous = 0n;
  for (const definition of present) {
    invariant(definition.scopes.includes(scope), `parameter ${definition.clause} belongs into ${scope}`);
    writer.vi64(definition.type - previous);
    previous = definition.type;
    definition.write(writer, parameters);
  }
}
