/**
 * The few structures of MLS that are read without a group: the GroupContext that the counter has logged for epoch 0, and what a
 * key history needs of a Commit as its members saw it. Read by rules of their own, so that a checker does not share the faults
 * of an MLS library.
 * @see RFC 9420 §2.1, §6, §7.2, §8.1, §10, §12
 */
import { ByteReader } from '../bytes/byte-reader.ts';
import { ByteWriter } from '../bytes/byte-writer.ts';
import { concat } from '../bytes/concat.ts';
import { Truncated } from '../bytes/truncated.ts';
import { encodeUtf8 } from '../bytes/utf8.ts';
import { invariant } from '../errors.ts';
import { epoch } from '../units.ts';
import type { Epoch } from '../units.ts';

const MLS_10 = 1;
const PRIVATE_MESSAGE = 2;
const MEMBER = 1;
const COMMIT = 3;
const BY_VALUE = 1;
const BASIC = 1;
const EXTERNAL_PSK = 1;
const PROPOSAL = { add: 1, remove: 3, psk: 4, groupContextExtensions: 7 } as const;
const LEAF_SOURCE = { keyPackage: 1, update: 2, commit: 3 } as const;
const LIFETIME_BYTES = 16;

/** A GroupContext. Bytes are views. @see RFC 9420 §8.1 */
export interface ContextFields {
  readonly suite: number;
  readonly groupId: Uint8Array;
  readonly epoch: Epoch;
  readonly treeHash: Uint8Array;
  readonly transcript: Uint8Array;
  /** The list as it is encoded, its length in front. */
  readonly extensions: Uint8Array;
}

/** Who is added by a Commit, and what it signed for that. */
export interface AddedMember {
  readonly signatureKey: Uint8Array;
  /** KeyPackageTBS. @see RFC 9420 §10 */
  readonly signedPart: Uint8Array;
  readonly signature: Uint8Array;
}

/** A Commit of a member, as the members of its epoch decrypted it. Bytes are views. */
export interface OpenedCommit {
  readonly groupId: Uint8Array;
  /** The epoch in which it was made: the one before that which it begins. */
  readonly epoch: Epoch;
  readonly committer: number;
  /** The signature key in the leaf of its path; undefined where it has no path. */
  readonly pathKey: Uint8Array | undefined;
  readonly added: readonly AddedMember[];
  readonly removed: readonly number[];
  /** The new list of the GroupContext's extensions, encoded with its length in front; undefined: they stay. */
  readonly extensions: Uint8Array | undefined;
  /** `wire_format || FramedContent`: what is signed begins with it, and so does what goes into the transcript. */
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
  readonly confirmationTag: Uint8Array;
}

/** An extension of a list. */
export interface ExtensionFields {
  readonly type: number;
  readonly data: Uint8Array;
}

/** Not an MLS structure of the kind that is read; never seen outside. */
class NotMls extends Error {}

/** Reads a GroupContext that takes up all of the bytes; undefined when they are not one. */
export function readContext(bytes: Uint8Array): ContextFields | undefined {
  return reading(bytes, (reader) => {
    expect(reader.u16() === MLS_10);
    return {
      suite: reader.u16(),
      groupId: vector(reader),
      epoch: epoch(reader.u64()),
      treeHash: vector(reader),
      transcript: vector(reader),
      extensions: prefixed(reader, bytes),
    };
  });
}

/** Writes a GroupContext. */
export function encodeContext(context: ContextFields): Uint8Array {
  const head = new ByteWriter().u16(MLS_10).u16(context.suite);
  return concat(
    head.finish(),
    encodeVector(context.groupId),
    new ByteWriter().u64(context.epoch).finish(),
    encodeVector(context.treeHash),
    encodeVector(context.transcript),
    context.extensions,
  );
}

/** The extensions in an encoded list; undefined when it is none. */
export function readExtensions(list: Uint8Array): readonly ExtensionFields[] | undefined {
  return reading(list, (outer) => {
    const extensions: ExtensionFields[] = [];
    const reader = new ByteReader(vector(outer));
    while (reader.remaining > 0) extensions.push({ type: reader.u16(), data: vector(reader) });
    return extensions;
  });
}

/**
 * Reads an AuthenticatedContent with a Commit as Conclave makes them: of a member, as PrivateMessage, with Adds, Removes,
 * PSKs and GroupContextExtensions by value.
 * @returns undefined when the bytes are anything else.
 * @see RFC 9420 §6.1
 */
export function readCommit(bytes: Uint8Array): OpenedCommit | undefined {
  return reading(bytes, (reader) => {
    expect(reader.u16() === PRIVATE_MESSAGE);
    const groupId = vector(reader);
    const madeIn = epoch(reader.u64());
    expect(reader.u8() === MEMBER);
    const committer = reader.u32();
    vector(reader);
    expect(reader.u8() === COMMIT);
    const proposals = readProposals(vector(reader));
    const hasPath = reader.u8();
    expect(hasPath <= 1);
    const pathKey = hasPath === 1 ? readLeaf(reader) : undefined;
    if (hasPath === 1) vector(reader);
    const content = bytes.subarray(0, reader.offset);
    const signature = vector(reader);
    const confirmationTag = vector(reader);
    return { groupId, epoch: madeIn, committer, pathKey, ...proposals, content, signature, confirmationTag };
  });
}

/** What a member signs of its Commit. @see RFC 9420 §6.1, FramedContentTBS */
export function signedPartOf({ content }: OpenedCommit, context: Uint8Array): Uint8Array {
  return concat(new ByteWriter().u16(MLS_10).finish(), content, context);
}

/** What Ed25519 signs when MLS signs something under a label. @see RFC 9420 §5.1.2 */
export function labelled(label: string, content: Uint8Array): Uint8Array {
  return concat(encodeVector(encodeUtf8(`MLS 1.0 ${label}`)), encodeVector(content));
}

/** What is hashed behind the interim transcript hash of the epoch before. @see RFC 9420 §8.2 */
export function transcriptInput({ content, signature }: OpenedCommit): Uint8Array {
  return concat(content, encodeVector(signature));
}

/** Bytes behind their length. @see RFC 9420 §2.1.2 */
export function encodeVector(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  invariant(length < 2 ** 30, 'a vector of MLS has fewer than 2^30 bytes');
  const writer = new ByteWriter(length + 4);
  if (length < 2 ** 6) writer.u8(length);
  else if (length < 2 ** 14) writer.u16(length + 0x4000);
  else writer.u32(length + 0x8000_0000);
  return writer.bytes(bytes).finish();
}

function readProposals(list: Uint8Array): Pick<OpenedCommit, 'added' | 'removed' | 'extensions'> {
  const added: AddedMember[] = [];
  const removed: number[] = [];
  let extensions: Uint8Array | undefined;
  const reader = new ByteReader(list);
  while (reader.remaining > 0) {
    expect(reader.u8() === BY_VALUE);
    switch (reader.u16()) {
      case PROPOSAL.add:
        added.push(readKeyPackage(reader, list));
        break;
      case PROPOSAL.remove:
        removed.push(reader.u32());
        break;
      case PROPOSAL.psk:
        expect(reader.u8() === EXTERNAL_PSK);
        vector(reader);
        vector(reader);
        break;
      case PROPOSAL.groupContextExtensions:
        expect(extensions === undefined);
        extensions = prefixed(reader, list);
        break;
      default:
        throw new NotMls();
    }
  }
  return { added, removed, extensions };
}

function readKeyPackage(reader: ByteReader, bytes: Uint8Array): AddedMember {
  const start = reader.offset;
  expect(reader.u16() === MLS_10);
  reader.u16();
  vector(reader);
  const signatureKey = readLeaf(reader);
  vector(reader);
  const signedPart = bytes.subarray(start, reader.offset);
  return { signatureKey, signedPart, signature: vector(reader) };
}

/** @returns the signature key. @see RFC 9420 §7.2 */
function readLeaf(reader: ByteReader): Uint8Array {
  vector(reader);
  const signatureKey = vector(reader);
  expect(reader.u16() === BASIC);
  vector(reader);
  // Capabilities: versions, suites, extensions, proposals, credentials.
  for (let list = 0; list < 5; list += 1) vector(reader);
  switch (reader.u8()) {
    case LEAF_SOURCE.keyPackage:
      reader.bytes(LIFETIME_BYTES);
      break;
    case LEAF_SOURCE.update:
      break;
    case LEAF_SOURCE.commit:
      vector(reader);
      break;
    default:
      throw new NotMls();
  }
  vector(reader);
  vector(reader);
  return signatureKey;
}

/** A vector, as a view: its length is in its shortest form. */
function vector(reader: ByteReader): Uint8Array {
  const first = reader.u8();
  const value = first & 0x3f;
  switch (first >> 6) {
    case 0:
      return reader.bytes(value);
    case 1: {
      const length = value * 2 ** 8 + reader.u8();
      expect(length >= 2 ** 6);
      return reader.bytes(length);
    }
    case 2: {
      const length = value * 2 ** 24 + reader.u8() * 2 ** 16 + reader.u16();
      expect(length >= 2 ** 14);
      return reader.bytes(length);
    }
    default:
      throw new NotMls();
  }
}

/** A vector with its length in front, as a view of the bytes that are read. */
function prefixed(reader: ByteReader, bytes: Uint8Array): Uint8Array {
  const start = reader.offset;
  vector(reader);
  return bytes.subarray(start, reader.offset);
}

function expect(holds: boolean): asserts holds {
  if (!holds) throw new NotMls();
}

/** Runs a reader of all the bytes. */
function reading<Value>(bytes: Uint8Array, read: (reader: ByteReader) => Value): Value | undefined {
  const reader = new ByteReader(bytes);
  try {
    const value = read(reader);
    return reader.remaining === 0 ? value : undefined;
  } catch (error) {
    if (error instanceof NotMls || error instanceof Truncated) return undefined;
    throw error;
  }
}
