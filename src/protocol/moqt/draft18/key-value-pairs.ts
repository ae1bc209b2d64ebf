/** Key-Value-Pairs: setup options and properties. @see moqt-18 #key-value-pair-structure */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { MAX_VI64 } from '../../bytes/vi64.ts';
import { invariant } from '../../errors.ts';
import { SessionCode } from './codes.ts';
import { violation, whole } from './violations.ts';

/** An even type carries an integer, an odd one bytes. */
export type KeyValuePair =
  { readonly type: bigint; readonly value: bigint } | { readonly type: bigint; readonly value: Uint8Array };

const MAX_VALUE_BYTES = 0xffff;
const CLAUSE = 'key-value-pair-structure';

/**
 * Reads all pairs of a block, in its order.
 * @param block - bounds the sequence; values are views of it.
 * @throws {PeerViolation} when the block is not a sequence of pairs.
 */
export function readPairs(block: Uint8Array): KeyValuePair[] {
  const reader = new ByteReader(block);
  const pairs: KeyValuePair[] = [];
  let type = 0n;
  while (reader.remaining > 0) {
    const pair = whole(CLAUSE, () => readPair(reader, type), SessionCode.KEY_VALUE_FORMATTING_ERROR);
    type = pair.type;
    pairs.push(pair);
  }
  return pairs;
}

/**
 * Writes pairs.
 * @param pairs - in ascending order of type.
 * @returns fresh bytes in canonical form: shortest integers.
 */
export function writePairs(pairs: readonly KeyValuePair[]): Uint8Array {
  const writer = new ByteWriter();
  let previous = 0n;
  for (const { type, value } of pairs) {
    invariant(type >= previous, 'pairs ascend by type');
    writer.vi64(type - previous);
    previous = type;
    if (typeof value === 'bigint') {
      invariant((type & 1n) === 0n, 'an even type carries an integer');
      writer.vi64(value);
    } else {
      invariant(
        (type & 1n) === 1n && value.length <= MAX_VALUE_BYTES,
        'an odd type carries up to 65,535 bytes',
      );
      writer.lengthPrefixed(value);
    }
  }
  return writer.finish();
}

function readPair(reader: ByteReader, previous: bigint): KeyValuePair {
  const type = previous + reader.vi64();
  if (type > MAX_VI64) throw violation(CLAUSE, 'the type is larger than 2^64 - 1');
  if ((type & 1n) === 0n) return { type, value: reader.vi64() };
  const length = reader.vi64();
  if (length > BigInt(MAX_VALUE_BYTES)) throw violation(CLAUSE, 'the value is longer than 65,535 bytes');
  return { type, value: reader.bytes(Number(length)) };
}
