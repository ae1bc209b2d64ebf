/** The Token structure, in message parameters and in setup options. @see moqt-18 #authorization-token */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import type { TokenOperation } from '../messages.ts';
import type { AuthorizationToken } from '../session-api.ts';
import { SessionCode } from '../codes.ts';
import { violation, whole } from './violations.ts';

const AliasType = { DELETE: 0n, REGISTER: 1n, USE_ALIAS: 2n, USE_VALUE: 3n } as const;
const CLAUSE = 'authorization-token';

/** A token as it stands in a message: by value, or with an alias. */
export type ReadToken = { readonly kind: 'value'; readonly token: AuthorizationToken } | TokenOperation;

/**
 * Reads a Token.
 * @param bytes - the whole structure; the value is copied.
 * @throws {PeerViolation} for bytes that are no Token.
 */
export function readToken(bytes: Uint8Array): ReadToken {
  const reader = new ByteReader(bytes);
  return whole(CLAUSE, () => readFields(reader), SessionCode.KEY_VALUE_FORMATTING_ERROR);
}

/** Bytes of a Token with alias type USE_VALUE. */
export function writeToken(token: AuthorizationToken): Uint8Array {
  return new ByteWriter().vi64(AliasType.USE_VALUE).vi64(token.type).bytes(token.value).finish();
}

function readFields(reader: ByteReader): ReadToken {
  const aliasType = reader.vi64();
  switch (aliasType) {
    case AliasType.DELETE:
      return { kind: 'delete', alias: readOnlyAlias(reader) };
    case AliasType.USE_ALIAS:
      return { kind: 'use', alias: readOnlyAlias(reader) };
    case AliasType.REGISTER:
      return { kind: 'register', alias: reader.vi64(), token: readValue(reader) };
    case AliasType.USE_VALUE:
      return { kind: 'value', token: readValue(reader) };
    default:
      throw violation(CLAUSE, 'the alias type is unknown', SessionCode.KEY_VALUE_FORMATTING_ERROR);
  }
}

function readOnlyAlias(reader: ByteReader): bigint {
  const alias = reader.vi64();
  if (reader.remaining > 0)
    throw violation(CLAUSE, 'bytes follow the alias', SessionCode.KEY_VALUE_FORMATTING_ERROR);
  return alias;
}

function readValue(reader: ByteReader): AuthorizationToken {
  return { type: reader.vi64(), value: new Uint8Array(reader.rest()) };
}
