/**
 * What a group keeps of its own past for a key history: where we came in, and each Commit since as its members decrypted it.
 * It holds no key.
 */
import type { CiphersuiteImpl, ClientState } from 'ts-mls';
import { authenticatedContentEncoder } from 'ts-mls/authenticatedContent.js';
import { encode } from 'ts-mls/codec/tlsEncoder.js';
import { groupContextEncoder } from 'ts-mls/groupContext.js';
import { unprotectPrivateMessage } from 'ts-mls/messageProtection.js';
import { securityCodeOf } from '../../protocol/group/security-code.ts';
import { compareRosters, leafIndex } from '../../protocol/group/roster.ts';
import type { LeafIndex } from '../../protocol/group/roster.ts';
import { epoch } from '../../protocol/units.ts';
import { byteArraysIn, eraseSecrets } from './group-secrets.ts';
import type { KeyRecord, RecordedChange } from './key-record.ts';
import { decodeWhole, rosterOf } from './mls-messages.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';

/** Commits that are kept, all together: beyond that the record begins anew. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Keeps the record of one group. */
export class KeyRecording {
  #beginning: Omit<KeyRecord, 'changes'>;
  #changes: RecordedChange[] = [];
  #bytes = 0;

  constructor(state: ClientState) {
    this.#beginning = beginningWith(state);
  }

  get record(): KeyRecord {
    return { ...this.#beginning, changes: [...this.#changes] };
  }

  /**
   * A Commit is about to be merged.
   * @param commit - MLSMessage with the PrivateMessage.
   */
  async merging(
    before: ClientState,
    after: ClientState,
    commit: Uint8Array,
    suite: CiphersuiteImpl,
  ): Promise<void> {
    const opened = await openCommit(before, commit, suite);
    this.#bytes += opened?.content.length ?? 0;
    if (opened === undefined || this.#bytes > MAX_BYTES) {
      this.#beginning = beginningWith(after);
      this.#changes = [];
      this.#bytes = 0;
      return;
    }
    const { added, removed } = compareRosters(rosterOf(before), rosterOf(after));
    this.#changes.push({
      epoch: epoch(after.groupContext.epoch),
      code: codeOf(after),
      commit: opened.content,
      treeHash: after.groupContext.treeHash.slice(),
      committer: opened.committer,
      removed,
      joined: added,
    });
  }
}

function beginningWith(state: ClientState): Omit<KeyRecord, 'changes'> {
  return {
    epoch: epoch(state.groupContext.epoch),
    code: codeOf(state),
    context: encode(groupContextEncoder)(state.groupContext),
    confirmationTag: state.confirmationTag.slice(),
    members: rosterOf(state),
  };
}

function codeOf({ groupContext, keySchedule }: ClientState): string {
  return securityCodeOf(groupContext.groupId, keySchedule.epochAuthenticator, nodeGroupCrypto);
}

/** Decrypts a Commit of the epoch of `state`, one of our own too; undefined for what cannot be. */
async function openCommit(
  state: ClientState,
  commit: Uint8Array,
  suite: CiphersuiteImpl,
): Promise<{ content: Uint8Array; committer: LeafIndex } | undefined> {
  const message = decodeWhole(commit);
  if (message?.wireformat !== 'mls_private_message') return undefined;
  const { keySchedule, secretTree, ratchetTree, groupContext, clientConfig } = state;
  let opened;
  try {
    opened = await unprotectPrivateMessage(
      keySchedule.senderDataSecret,
      message.privateMessage,
      secretTree,
      ratchetTree,
      groupContext,
      clientConfig.keyRetentionConfig,
      suite,
    );
  } catch {
    return undefined;
  }
  const { content, tree, consumed } = opened;
  // What was derived for this alone; the rest goes with the epoch.
  const derived = tree.filter((node, at) => node !== secretTree[at]);
  eraseSecrets([...consumed, ...byteArraysIn(derived)], state);
  const { sender } = content.content;
  if (sender.senderType !== 'member') return undefined;
  return {
    content: encode(authenticatedContentEncoder)(content),
    committer: leafIndex(sender.leafIndex),
  };
}
