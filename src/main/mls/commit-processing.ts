/**
 * Looking at a Commit of another member, without taking it: what it does, or why it is refused, and who is proven to have made
 * one that breaks a rule.
 *
 * A member's signature is over all that the rules are about: proposals, path, group, epoch and the transcript before. The
 * confirmation tag is not under it, nor is the encryption, which each member can make anew. So the author is proven where
 * what was signed breaks a rule that all members judge alike; where the tag is wrong, or a path does not open for us, nobody is.
 * @see RFC 9420 §6.1; docs/protocol.md#a-broken-line
 */
import { processPrivateMessage } from 'ts-mls';
import type { CiphersuiteImpl, ClientState, PrivateMessage } from 'ts-mls';
import type { AuthenticatedContent } from 'ts-mls/authenticatedContent.js';
import { makeKeyPackageRef } from 'ts-mls/keyPackage.js';
import { unprotectPrivateMessage } from 'ts-mls/messageProtection.js';
import { InternalError, MlsError, ValidationError } from 'ts-mls/mlsError.js';
import { createConfirmedHash, createInterimHash } from 'ts-mls/transcriptHash.js';
import { directPath, leafToNodeIndex, leafWidth, toLeafIndex } from 'ts-mls/treemath.js';
import { equal } from '../../protocol/bytes/equal.ts';
import { invariant } from '../../protocol/errors.ts';
import { MAX_MEMBERS } from '../../protocol/group/coordination/commit-size.ts';
import { isKicked } from '../../protocol/group/meeting-parameters.ts';
import type { CommitContents, ProcessOutcome } from '../../protocol/group/mls.ts';
import { leafIndex, type LeafIndex } from '../../protocol/group/roster.ts';
import { commitPolicy, signatureKeysOf, type PolicyGroup, type SeenCommit } from './commit-policy.ts';
import { DerivedSecrets } from './derived-secrets.ts';
import { InvitationPskIndex } from './invitation-psk.ts';
import { addsFault } from './key-package-check.ts';
import { keepsAuthor } from './leaf-joins.ts';
import { decodeWhole, MLS_LIMITS, nameOf, requiredParameters } from './mls-messages.ts';
import type { MlsMembership } from './mls-port.ts';
import { canSealTo } from './sealable-keys.ts';

/** The group that it is for. */
export interface ProcessingGroup {
  readonly state: ClientState;
  readonly suite: CiphersuiteImpl;
  readonly membership: MlsMembership;
}

type NotTaken = Exclude<ProcessOutcome, { readonly kind: 'staged' }>;

/** What came of it. */
export type ReadCommit =
  | NotTaken
  | {
      readonly kind: 'follows';
      /** Of the epoch that it begins. */
      readonly newState: ClientState;
      /** Secrets of the old state that were used. */
      readonly consumed: readonly Uint8Array[];
      readonly contents: CommitContents;
    };

/** What the rules for Commits look at of a group. */
export function policyGroupOf({ state, suite, membership }: ProcessingGroup): PolicyGroup {
  return {
    groupId: membership.groupId,
    suite,
    members: signatureKeysOf(state),
    maxMembers: MAX_MEMBERS[membership.suite],
    parameters: requiredParameters(state),
  };
}

/** Reads a Commit in the epoch that the group is in; the group stays as it is. Of one that does not follow, nothing is left. */
export async function readCommit(group: ProcessingGroup, commit: Uint8Array): Promise<ReadCommit> {
  const derived = new DerivedSecrets(group.suite);
  let read: ReadCommit | undefined;
  try {
    read = await tryCommit({ ...group, suite: derived.suite }, commit);
    return read;
  } finally {
    if (read?.kind !== 'follows') derived.erase(group.state);
  }
}

async function tryCommit(group: ProcessingGroup, commit: Uint8Array): Promise<ReadCommit> {
  const { state, suite, membership } = group;
  const message = commit.length <= MLS_LIMITS.commit ? decodeWhole(commit) : undefined;
  if (message?.wireformat !== 'mls_private_message') return byNobody('no PrivateMessage');
  const { privateMessage } = message;
  if (privateMessage.contentType !== 'commit') return byNobody('no Commit');
  if (privateMessage.epoch !== state.groupContext.epoch) return byNobody('a Commit of another epoch');
  if (!equal(privateMessage.groupId, membership.groupId)) return byNobody('a Commit of another group');
  const { callback, seen } = commitPolicy(policyGroupOf(group));
  const psks = new InvitationPskIndex(membership, suite);
  const own = leafIndex(state.privatePath.leafIndex);
  let result;
  try {
    result = await processPrivateMessage(state, privateMessage, psks, suite, callback);
  } catch (error) {
    const author = authorOf(await openSigned(group, privateMessage));
    if (author === own) return { kind: 'own' };
    return refusedOf(nameOf(error), isAuthors(error, seen) ? author : undefined);
  }
  const { committer } = seen;
  const { newState, consumed } = result;
  const fault =
    seen.refusal ??
    addsFault(group, seen.added, seen.parameters) ??
    (committer === undefined ? 'no Commit' : changeFault(group, newState, committer));
  if (committer === own) return { kind: 'own' };
  if (committer === undefined || fault !== undefined) return refusedOf(fault ?? 'no Commit', committer);
  const contents = {
    committer,
    removed: seen.removed,
    added: await Promise.all(seen.added.map((added) => makeKeyPackageRef(added, suite.hash))),
  };
  if (newState.groupActiveState.kind !== 'removedFromGroup')
    return { kind: 'follows', newState, consumed, contents };
  const { publicKey } = membership.identity;
  const signed = await openSigned(group, privateMessage);
  const transcript = signed && (await transcriptAfter(group, signed));
  invariant(transcript !== undefined, 'what was processed can be opened');
  return {
    kind: 'removed',
    transcript,
    contents,
    isReplaced: seen.added.some(({ leafNode }) => equal(leafNode.signaturePublicKey, publicKey)),
    kicked: isKicked(seen.parameters, publicKey),
  };
}

/** What a Commit makes of the group that none may; a member that it removes has no new state that tells. */
function changeFault(
  { state: before, suite }: ProcessingGroup,
  after: ClientState,
  committer: LeafIndex,
): string | undefined {
  if (after.groupActiveState.kind === 'removedFromGroup') return undefined;
  if (after.groupActiveState.kind !== 'active') return 'a reinitialisation of the group';
  if (!keepsAuthor(before, after, committer)) return 'a Commit that makes its author another';
  for (const key of pathKeys(before, after, committer))
    if (!canSealTo(key, suite)) return 'a path with a key that nothing can be sealed to';
  return undefined;
}

/** The HPKE keys that a path brings, its author's own among them. */
function pathKeys(before: ClientState, after: ClientState, committer: LeafIndex): readonly Uint8Array[] {
  const leaf = leafToNodeIndex(toLeafIndex(committer));
  return [leaf, ...directPath(leaf, leafWidth(after.ratchetTree.length))].flatMap((node) => {
    const [old, key] = [keyOf(before.ratchetTree[node]), keyOf(after.ratchetTree[node])];
    return key === undefined || (old !== undefined && equal(old, key)) ? [] : [key];
  });
}

function keyOf(node: ClientState['ratchetTree'][number]): Uint8Array | undefined {
  return node?.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node?.parent.hpkePublicKey;
}

/**
 * Whether what MLS finds wrong is in what the author signed, so that all members find it. Proposals are judged before the policy
 * sees them; after that come the path, whose form is signed and whose secrets are different for each member, and the tag.
 */
function isAuthors(error: unknown, { committer }: SeenCommit): boolean {
  if (error instanceof InternalError) return false;
  return committer === undefined ? error instanceof MlsError : error instanceof ValidationError;
}

/** A message whose signature is right; undefined where none is, in this epoch of this group. */
async function openSigned(
  { state, suite }: ProcessingGroup,
  message: PrivateMessage,
): Promise<AuthenticatedContent | undefined> {
  const { keySchedule, secretTree, ratchetTree, groupContext, clientConfig } = state;
  const { keyRetentionConfig } = clientConfig;
  const { senderDataSecret } = keySchedule;
  try {
    const { content } = await unprotectPrivateMessage(
      senderDataSecret,
      message,
      secretTree,
      ratchetTree,
      groupContext,
      keyRetentionConfig,
      suite,
    );
    return content;
  } catch {
    return undefined;
  }
}

function authorOf(signed: AuthenticatedContent | undefined): LeafIndex | undefined {
  const sender = signed?.content.sender;
  return sender?.senderType === 'member' ? leafIndex(sender.leafIndex) : undefined;
}

/**
 * The confirmed transcript hash of the epoch that a Commit begins, which follows from the Commit as it was signed: whom it removes
 * can tell it, too.
 * @see RFC 9420 §8.2
 */
async function transcriptAfter(
  { state, suite: { hash } }: ProcessingGroup,
  { wireformat, content, auth: { signature } }: AuthenticatedContent,
): Promise<Uint8Array | undefined> {
  if (content.contentType !== 'commit') return undefined;
  const { confirmedTranscriptHash } = state.groupContext;
  const interim = await createInterimHash(confirmedTranscriptHash, state.confirmationTag, hash);
  return createConfirmedHash(interim, { wireformat, content, signature }, hash);
}

function refusedOf(reason: string, author: LeafIndex | undefined): NotTaken {
  return { kind: 'refused', reason, author };
}

const byNobody = (reason: string): NotTaken => refusedOf(reason, undefined);
