/** GOAWAY. @see moqt-18 #message-goaway */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts';
import { invariant } from '../../errors.ts';
import type { Message } from '../messages.ts';
import type { RequestId } from '../model.ts';
import { SessionCode } from '../codes.ts';
import { readMillis } from './structures.ts';
import { violation } from './violations.ts';

type Goaway = Extract<Message, { kind: 'goaway' }>;

const MAX_URI_BYTES = 8192;
const CLAUSE = 'message-goaway';

/**
 * Reads a GOAWAY.
 * @param onControl - it came on the control stream and so has a Request ID.
 * @param receiver - our role: a server is not sent a URI, and the Request ID has our parity.
 */
export function readGoaway(reader: ByteReader, onControl: boolean, receiver: 'client' | 'server'): Goaway {
  const length = reader.vi64();
  if (length > BigInt(MAX_URI_BYTES)) throw violation(CLAUSE, 'the URI is longer than 8,192 bytes');
  const uri = decodeUtf8(reader.bytes(Number(length)));
  if (uri === undefined) throw violation(CLAUSE, 'the URI is not text');
  if (receiver === 'server' && uri !== '') throw violation(CLAUSE, 'a client sent a URI');
  const timeout = readMillis(reader);
  if (!onControl) return { kind: 'goaway', uri, timeout, requestId: undefined };
  const requestId = reader.vi64();
  if ((requestId & 1n) !== (receiver === 'client' ? 0n : 1n)) {
    throw violation(CLAUSE, 'the Request ID is not one of ours', SessionCode.INVALID_REQUEST_ID);
  }
  return { kind: 'goaway', uri, timeout, requestId: requestId as RequestId };
}

/** Writes a GOAWAY. */
export function writeGoaway(writer: ByteWriter, message: Goaway): void {
  const uri = encodeUtf8(message.uri);
  invariant(uri.length <= MAX_URI_BYTES, 'a GOAWAY URI is at most 8,192 bytes');
  writer.lengthPrefixed(uri).vi64(message.timeout);
  if (message.requestId !== undefined) writer.vi64(message.requestId);
}
