/** The security code: equal on the screens of all members of an epoch, and of nobody else. */
import { ByteReader } from '../bytes/byte-reader.ts';
import { concat } from '../bytes/concat.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import type { GroupCrypto } from './crypto-port.ts';

const LABEL = encodeUtf8('conclave security code v1');
const GROUPS = 6;

/**
 * Six groups of five digits: about 99 bits of the epoch's authenticator, bound to the group.
 * @param epochAuthenticator - RFC 9420 §8.7; read, not kept.
 * @returns for example `04211 90317 55520 18846 07295 61130`.
 */
export function securityCodeOf(
  group: Uint8Array,
  epochAuthenticator: Uint8Array,
  crypto: Pick<GroupCrypto, 'hmacSha256'>,
): string {
  const digest = crypto.hmacSha256(epochAuthenticator, concat(LABEL, group));
  const reader = new ByteReader(digest);
  const groups: string[] = [];
  for (let at = 0; at < GROUPS; at += 1) {
    // 40 bits modulo 100,000: the bias is below 2^-23.
    const value = reader.u32() * 256 + reader.u8();
    groups.push(String(value % 100_000).padStart(5, '0'));
  }
  return groups.join(' ');
}
