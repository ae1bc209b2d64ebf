/** The Token structure, in message parameters and in setup options. @see moqt-18 #authorization-token */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import type { AuthorizationToken } from '../session-api.ts';
import { SessionCode } from '../codes.ts';
import { violation, whole } from './violations.ts';

const AliasType = { DELETE: 0n, REGISTER: 1n, USE_ALIAS: 2n, USE_VALUE: 3n } as const;
const CLAUSE = 'authorization-token';

/**
 * Reads a Token. We announce no token cache (MAX_AUTH_TOKEN_CACHE_SIZE 0), so in messages only USE_VALUE can
 * succeed; in SETUP a REGISTER counts as USE_VALUE.
 * @param bytes - the whole structure; the value is copied.
 * @throws {PeerViolation} for tokens that need a cache, and for bytes that are no Token.
 */
export function readToken(bytes: Uint8Array, place: 'setup' | 'message'): AuthorizationToken {
  const reader = new ByteReader(bytes);
  return whole(CLAUSE, () => readFields(reader, place), SessionCode.KEY_VALUE_FORMATTING_ERROR);
}

/** Bytes of a Token with alias type USE_VALUE. */
export function writeToken(token: AuthorizationToken): Uint8Array {
  return new ByteWriter().vi64(AliasType.USE_VALUE).vi64(token.type).bytes(token.value).finish();
}

function readFields(reader: ByteReader, place: 'setup' | 'message'): AuthorizationToken {
  const aliasType = reader.vi64();
  if (aliasType === AliasType.DELETE || aliasType === AliasType.USE_ALIAS) {
    reader.vi64();
    if (place === 'setup') throw violation(CLAUSE, 'SETUP uses a token alias');
    throw violation(CLAUSE, 'no token is registered', SessionCode.UNKNOWN_AUTH_TOKEN_ALIAS);
  }
  if (aliasType === AliasType.REGISTER) {
    reader.vi64();
    if (place === 'message') {
      throw violation('max-auth-token-cache-size', 'the limit is 0', SessionCode.AUTH_TOKEN_CACHE_OVERFLOW);
    }
  } else if (aliasType !== AliasType.USE_VALUE) {
    throw violation(CLAUSE, 'the alias type is unknown', SessionCode.KEY_VALUE_FORMATTING_ERROR);
  }
  return { type: reader.vi64(), value: new Uint8Array(reader.rest()) };
}
