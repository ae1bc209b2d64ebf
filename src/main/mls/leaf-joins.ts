/** What the leaves of a tree say of the joins that they come from. @see docs/protocol.md#mls */
import type { ClientState, LeafNode } from 'ts-mls';
import { extensionsEqual } from 'ts-mls/extension.js';
import { encodeLeafNodeData } from 'ts-mls/leafNode.js';
import { equal } from '../../protocol/bytes/equal.ts';
import { decodeLeafJoin, LEAF_JOIN_EXTENSION } from '../../protocol/group/leaf-join.ts';
import type { LeafJoin } from '../../protocol/group/leaf-join.ts';
import type { LeafIndex } from '../../protocol/group/roster.ts';

type Extensions = Pick<LeafNode, 'extensions'>;

/** Value of a leaf's extension 0xF0C2; undefined when it has none, or two. */
export function joinExtensionOf({ extensions }: Extensions): Uint8Array | undefined {
  const [join, ...others] = extensions.filter(({ extensionType }) => extensionType === LEAF_JOIN_EXTENSION);
  return others.length > 0 ? undefined : join?.extensionData;
}

/** Which join a leaf comes from; undefined when it does not say so in one place and form. */
export function joinOf(leaf: Extensions): LeafJoin | undefined {
  const extension = joinExtensionOf(leaf);
  return extension && decodeLeafJoin(extension);
}

/** Whether all leaves of a group say which joins they come from. */
export function hasJoins({ ratchetTree }: Pick<ClientState, 'ratchetTree'>): boolean {
  return ratchetTree.every((node) => node?.nodeType !== 'leaf' || joinOf(node.leaf) !== undefined);
}

/** Whether a Commit has a path: then its author's leaf has another HPKE key. */
export function renewsAuthor(before: ClientState, after: ClientState, committer: LeafIndex): boolean {
  const [was, is] = [before, after].map(({ ratchetTree }) => ratchetTree[2 * committer]);
  if (was?.nodeType !== 'leaf' || is?.nodeType !== 'leaf') return false;
  return !equal(was.leaf.hpkePublicKey, is.leaf.hpkePublicKey);
}

/** Whether a Commit leaves its author who it was: its path may give its leaf another HPKE key and nothing else. */
export function keepsAuthor(before: ClientState, after: ClientState, committer: LeafIndex): boolean {
  const [was, is] = [before, after].map(({ ratchetTree }) => ratchetTree[2 * committer]);
  if (was?.nodeType !== 'leaf' || is?.nodeType !== 'leaf') return false;
  const identity = (leaf: LeafNode): Uint8Array =>
    encodeLeafNodeData({ ...leaf, hpkePublicKey: new Uint8Array(0) });
  return (
    equal(identity(was.leaf), identity(is.leaf)) && extensionsEqual(was.leaf.extensions, is.leaf.extensions)
  );
}
