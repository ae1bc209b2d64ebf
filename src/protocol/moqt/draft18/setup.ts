/** SETUP and its options. @see moqt-18 #message-setup */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteWriter } from '../../bytes/byte-writer.ts';
import { encodeKeyValuePairs } from '../../bytes/key-value-pairs.ts';
import type { KeyValuePair } from '../../bytes/key-value-pairs.ts';
import { decodeUtf8, encodeUtf8 } from '../../bytes/utf8.ts';
import type { SetupOptions } from '../messages.ts';
import { readToken, writeToken, type ReadToken } from './authorization-token.ts';
import { SessionCode } from '../codes.ts';
import { readPairs } from './key-value-pairs.ts';
import { violation } from './violations.ts';

const Option = {
  PATH: 0x1n,
  AUTHORIZATION_TOKEN: 0x3n,
  MAX_AUTH_TOKEN_CACHE_SIZE: 0x4n,
  AUTHORITY: 0x5n,
  MOQT_IMPLEMENTATION: 0x7n,
} as const;

/** RFC 3986 path-abempty with an optional query: what may follow the authority of a URI. */
const PATH_FORM =
  /^(?:\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*)?(?:\?(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?$/;
/** RFC 3986 authority with a host that is not empty: registered name, IPv4 or bracketed IP literal. */
const AUTHORITY_FORM =
  /^(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?(?:\[[0-9A-Fa-fvV:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?$/;

/**
 * Reads the options of a SETUP that `from` sent; unknown ones are ignored.
 * Whether PATH and AUTHORITY suit the transport and the server is the session's to say.
 * @throws {PeerViolation} for options that only a client may send, and for malformed or repeated ones.
 */
export function readSetup(reader: ByteReader, from: 'client' | 'server'): SetupOptions {
  const seen = new Set<bigint>();
  let options: SetupOptions = {};
  for (const { type, value } of readPairs(reader.rest())) {
    if (!(value instanceof Uint8Array)) continue;
    if (type === Option.AUTHORIZATION_TOKEN) {
      options = withToken(options, readToken(value));
      continue;
    }
    if (type !== Option.PATH && type !== Option.AUTHORITY && type !== Option.MOQT_IMPLEMENTATION) continue;
    if (seen.has(type)) throw violation('message-setup', `option ${String(type)} is repeated`);
    seen.add(type);
    options = { ...options, ...textOption(type, value, from) };
  }
  return options;
}

/** Writes the options. */
export function writeSetup(writer: ByteWriter, options: SetupOptions): void {
  const pairs: KeyValuePair[] = [];
  if (options.path !== undefined) pairs.push({ type: Option.PATH, value: encodeUtf8(options.path) });
  for (const token of options.tokens ?? []) {
    pairs.push({ type: Option.AUTHORIZATION_TOKEN, value: writeToken(token) });
  }
  if (options.tokenCacheBytes !== undefined) {
    pairs.push({ type: Option.MAX_AUTH_TOKEN_CACHE_SIZE, value: BigInt(options.tokenCacheBytes) });
  }
  if (options.authority !== undefined) {
    pairs.push({ type: Option.AUTHORITY, value: encodeUtf8(options.authority) });
  }
  if (options.implementation !== undefined) {
    pairs.push({ type: Option.MOQT_IMPLEMENTATION, value: encodeUtf8(options.implementation) });
  }
  writer.bytes(encodeKeyValuePairs(pairs));
}

function withToken(options: SetupOptions, read: ReadToken): SetupOptions {
  switch (read.kind) {
    case 'value':
      return { ...options, tokens: [...(options.tokens ?? []), read.token] };
    case 'register':
      return { ...options, tokenOperations: [...(options.tokenOperations ?? []), { ...read }] };
    case 'use':
    case 'delete':
      throw violation('authorization-token', 'SETUP uses a token alias');
  }
}

function textOption(type: bigint, value: Uint8Array, from: 'client' | 'server'): SetupOptions {
  const text = decodeUtf8(value);
  if (type === Option.PATH) {
    if (from === 'server') throw violation('path', 'a server sent PATH', SessionCode.INVALID_PATH);
    if (text === undefined || !PATH_FORM.test(text)) {
      throw violation('path', 'PATH is not a path', SessionCode.MALFORMED_PATH);
    }
    return { path: text };
  }
  if (type === Option.AUTHORITY) {
    if (from === 'server')
      throw violation('authority', 'a server sent AUTHORITY', SessionCode.INVALID_AUTHORITY);
    if (text === undefined || !AUTHORITY_FORM.test(text)) {
      throw violation('authority', 'AUTHORITY is not an authority', SessionCode.MALFORMED_AUTHORITY);
    }
    return { authority: text };
  }
  // Text is a SHOULD only: anything else is no reason to end a session.
  return text === undefined ? {} : { implementation: text.slice(0, 256) };
}
