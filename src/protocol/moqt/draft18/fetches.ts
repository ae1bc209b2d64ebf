/** FETCH and FETCH_OK. @see moqt-18 #message-fetch */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import { unreachable } from '../../errors.ts';
import { endsBefore } from '../locations.ts';
import type { Message } from '../messages.ts';
import { groupId } from '../model.ts';
import type { RequestId } from '../model.ts';
import type { FetchRange } from '../session-api.ts';
import { readParameters, writeParameters } from './parameters.ts';
import { readFullTrackName, readLocation, writeFullTrackName, writeLocation } from './structures.ts';
import { readPropertiesBlock } from './subscriptions.ts';
import { violation } from './violations.ts';

type Fetch = Extract<Message, { kind: 'fetch' }>;
type FetchOk = Extract<Message, { kind: 'fetch-ok' }>;

const FetchType = { STANDALONE: 1n, RELATIVE_JOINING: 2n, ABSOLUTE_JOINING: 3n } as const;

/** Reads a FETCH. */
export function readFetch(reader: ByteReader): Fetch {
  const id = reader.vi64() as RequestId;
  const range = readRange(reader);
  return { kind: 'fetch', id, range, parameters: readParameters(reader, 'FETCH') };
}

/** Writes a FETCH. */
export function writeFetch(writer: ByteWriter, message: Fetch): void {
  writer.vi64(message.id);
  const { range } = message;
  switch (range.kind) {
    case 'standalone':
      writeFullTrackName(writer.vi64(FetchType.STANDALONE), range.track);
      writeLocation(writer, range.start);
      writeLocation(writer, range.end);
      break;
    case 'relative-joining':
      writer.vi64(FetchType.RELATIVE_JOINING).vi64(range.joins).vi64(range.groups);
      break;
    case 'absolute-joining':
      writer.vi64(FetchType.ABSOLUTE_JOINING).vi64(range.joins).vi64(range.startGroup);
      break;
    default:
      unreachable(range);
  }
  writeParameters(writer, 'FETCH', message.parameters);
}

/** Reads a FETCH_OK. @see moqt-18 #message-fetch-ok */
export function readFetchOk(reader: ByteReader): FetchOk {
  const endOfTrack = reader.u8();
  if (endOfTrack > 1) throw violation('message-fetch-ok', 'End Of Track is neither 0 nor 1');
  const end = readLocation(reader);
  const parameters = readParameters(reader, 'FETCH_OK');
  const properties = readPropertiesBlock(reader);
  return { kind: 'fetch-ok', end, endOfTrack: endOfTrack === 1, parameters, properties };
}

/** Writes a FETCH_OK. */
export function writeFetchOk(writer: ByteWriter, message: FetchOk): void {
  writeLocation(writer.u8(message.endOfTrack ? 1 : 0), message.end);
  writeParameters(writer, 'FETCH_OK', message.parameters);
  writer.bytes(message.properties);
}

function readRange(reader: ByteReader): FetchRange {
  const type = reader.vi64();
  if (type === FetchType.STANDALONE) {
    const range = {
      kind: 'standalone',
      track: readFullTrackName(reader),
      start: readLocation(reader),
      end: readLocation(reader),
    } as const;
    if (endsBefore(range.end, range.start))
      throw violation('fetch-handling', 'the range ends before it starts');
    return range;
  }
  if (type !== FetchType.RELATIVE_JOINING && type !== FetchType.ABSOLUTE_JOINING) {
    throw violation('message-fetch', 'the Fetch Type is unknown');
  }
  const joins = reader.vi64() as RequestId;
  return type === FetchType.RELATIVE_JOINING
    ? { kind: 'relative-joining', joins, groups: reader.vi64() }
    : { kind: 'absolute-joining', joins, startGroup: groupId(reader.vi64()) };
}
