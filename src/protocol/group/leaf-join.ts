/**
 * Which join a leaf comes from (LeafNode extension 0xF0C2). It stays in the tree as long as the member does.
 * @see docs/protocol.md#mls
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { invariant } from '../errors.ts';
import { epoch } from '../units.ts';
import type { Brand, Epoch } from '../units.ts';

/** LeafNode extension that carries a {@link LeafJoin}. */
export const LEAF_JOIN_EXTENSION = 0xf0c2;
/** Bytes of a join id. */
export const JOIN_ID_BYTES = 8;
/** For how many epochs a KeyPackage may be added after the one that it is as of. */
export const KEY_PACKAGE_EPOCHS = 8n;

/** 8 random bytes, new with each join: all KeyPackages of one join have the same, and those of no other join do. */
export type JoinId = Brand<Uint8Array, 'JoinId'>;

/** What a leaf says of its join. */
export interface LeafJoin {
  /** The epoch that the counter had reached when the KeyPackage was made. */
  readonly asOf: Epoch;
  readonly joinId: JoinId;
}

/** Value of extension 0xF0C2: `uint64 as_of || join id`. */
export function encodeLeafJoin({ asOf, joinId }: LeafJoin): Uint8Array {
  invariant(joinId.length === JOIN_ID_BYTES, 'a join id has 8 bytes');
  return new ByteWriter(8 + JOIN_ID_BYTES).u64(asOf).bytes(joinId).finish();
}

/** Reads extension 0xF0C2. @returns fresh values, or undefined when the bytes are not its value. */
export function decodeLeafJoin(value: Uint8Array): LeafJoin | undefined {
  if (value.length !== 8 + JOIN_ID_BYTES) return undefined;
  const reader = new ByteReader(value);
  return { asOf: epoch(reader.u64()), joinId: reader.bytes(JOIN_ID_BYTES).slice() as JoinId };
}
