/**
 * Which proposals Conclave accepts in a Commit, beyond what MLS itself checks: member Commits with Add, Remove and
 * GroupContextExtensions, and with each that adds somebody the invitation's PSK, once; the last, and while one asks at the door
 * the first, by organisers. What an added KeyPackage has to be is in `key-package-check.ts`.
 */
import type {
  CiphersuiteImpl,
  ClientState,
  Extension,
  IncomingMessageCallback,
  KeyPackage,
  Proposal,
  ProposalWithSender,
} from 'ts-mls';
import { toLeafIndex } from 'ts-mls/treemath.js';
import { equal } from '../../protocol/bytes/equal.ts';
import { encodeHex } from '../../protocol/bytes/hex.ts';
import {
  decodeMeetingParameters,
  encodeMeetingParameters,
  mayFollow,
  MEETING_PARAMETERS_EXTENSION,
} from '../../protocol/group/meeting-parameters.ts';
import type { MeetingParameters } from '../../protocol/group/meeting-parameters.ts';
import { leafIndex } from '../../protocol/group/roster.ts';
import type { LeafIndex, Member } from '../../protocol/group/roster.ts';
import { hasOrganiser, roleOf, successionOf } from '../../protocol/group/roles.ts';
import { fingerprintOf } from '../../protocol/group/names.ts';
import type { Fingerprint } from '../../protocol/group/names.ts';
import { isInvitationPsk } from './invitation-psk.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';

/** What the policy found in a Commit. */
export interface SeenCommit {
  committer: LeafIndex | undefined;
  readonly removed: LeafIndex[];
  readonly added: KeyPackage[];
  /** How many PreSharedKey proposals there were; each was the invitation's. */
  psks: number;
  /** Parameters after the Commit. */
  parameters: MeetingParameters;
  /** Why the Commit is refused; undefined when it is accepted. */
  refusal: string | undefined;
}

/** The meeting parameters of a group, which are the only extension of its GroupContext. */
export function parametersOf(extensions: readonly Extension[]): MeetingParameters | undefined {
  const [extension, ...others] = extensions;
  if (extension?.extensionType !== MEETING_PARAMETERS_EXTENSION || others.length > 0) return undefined;
  return decodeMeetingParameters(extension.extensionData);
}

/** All HPKE keys in a group's tree, as hexadecimal. */
export function encryptionKeysOf(state: ClientState): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const node of state.ratchetTree) {
    if (node === undefined) continue;
    keys.add(encodeHex(node.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey));
  }
  return keys;
}

/** The signature keys of a group's members, by leaf. */
export function signatureKeysOf(state: ClientState): ReadonlyMap<LeafIndex, Uint8Array> {
  const keys = new Map<LeafIndex, Uint8Array>();
  for (const [node, content] of state.ratchetTree.entries()) {
    if (content?.nodeType === 'leaf') keys.set(leafIndex(node / 2), content.leaf.signaturePublicKey);
  }
  return keys;
}

/** The group that a Commit is for. */
export interface PolicyGroup {
  readonly groupId: Uint8Array;
  readonly suite: CiphersuiteImpl;
  /** Signature keys of the members before the Commit. */
  readonly members: ReadonlyMap<LeafIndex, Uint8Array>;
  /** How many it may have. */
  readonly maxMembers: number;
  /** Those before the Commit. */
  readonly parameters: MeetingParameters;
}

/**
 * A callback for ts-mls that applies the policy to a Commit.
 * @returns the callback, and a record that the callback fills in.
 */
export function commitPolicy(group: PolicyGroup): {
  callback: IncomingMessageCallback;
  seen: SeenCommit;
} {
  const { parameters } = group;
  const seen: SeenCommit = {
    committer: undefined,
    removed: [],
    added: [],
    psks: 0,
    parameters,
    refusal: undefined,
  };
  const callback: IncomingMessageCallback = (incoming) => {
    if (incoming.kind !== 'commit') seen.refusal = 'a proposal outside a Commit';
    else if (incoming.senderLeafIndex === undefined) seen.refusal = 'an external Commit';
    else {
      seen.committer = leafIndex(incoming.senderLeafIndex);
      // Which keys may be kicked follows from all of the Removes, in whatever order the proposals are.
      const removed = removedKeys(incoming.proposals, group);
      for (const { proposal } of incoming.proposals) seen.refusal ??= look(proposal, seen, group, removed);
      seen.refusal ??= roleFault(seen, group, incoming.proposals);
      // In a larger group a Remove may be larger than a Commit can be: whoever is in could not be removed any more.
      const members = group.members.size - removed.length + seen.added.length;
      if (seen.added.length > 0 && members > group.maxMembers) {
        seen.refusal ??= 'an Add to more members than a group can have';
      }
      if (seen.psks !== (seen.added.length > 0 ? 1 : 0)) {
        seen.refusal ??= 'an Add without the invitation’s PSK, or that PSK more often';
      }
    }
    return seen.refusal === undefined ? 'accept' : 'reject';
  };
  return { callback, seen };
}

/**
 * Applies the policy to proposals that we are about to commit.
 * @returns what it found, as a receiver would.
 */
export function judgeOwnCommit(
  proposals: readonly Proposal[],
  ownLeaf: LeafIndex,
  group: PolicyGroup,
): SeenCommit {
  const { callback, seen } = commitPolicy(group);
  const senderLeafIndex = toLeafIndex(ownLeaf);
  callback({
    kind: 'commit',
    senderLeafIndex,
    proposals: proposals.map((proposal) => ({ proposal, senderLeafIndex })),
  });
  return seen;
}

const NO_ORGANISER = 'a change of the meeting parameters by a member who is no organiser';

/**
 * What a Commit does that only organisers may, by a member who is none, or that leaves the meeting without one; undefined when
 * there is no such thing.
 */
function roleFault(
  seen: SeenCommit,
  group: PolicyGroup,
  proposals: readonly ProposalWithSender[],
): string | undefined {
  const { members, parameters } = group;
  const { committer, added } = seen;
  const changes = proposals.some(({ proposal }) => proposal.proposalType === 'group_context_extensions');
  const gone = seen.removed.flatMap((leaf) => members.get(leaf) ?? []);
  // Whoever is in and joins again is known: nobody new comes with it.
  const isNew = ({ leafNode }: KeyPackage): boolean =>
    !gone.some((key) => equal(key, leafNode.signaturePublicKey));
  const admits = parameters.admission === 'ask' && added.some(isNew);
  const loses = seen.removed.some((leaf) => isOrganiser(group, leaf));
  if (committer === undefined || !(changes || admits || loses)) return undefined;
  const decides = isOrganiser(group, committer);
  if (admits && !decides) return 'an Add past the door by a member who is no organiser';
  if (changes && !decides) {
    const organisers = successionIn(group, committer, seen.removed, added);
    const successors = organisers && { ...parameters, organisers };
    if (successors === undefined || !sameParameters(seen.parameters, successors)) return NO_ORGANISER;
  }
  const change = {
    committer,
    removed: new Set(seen.removed),
    added: added.map(({ leafNode }) => fingerprint(leafNode.signaturePublicKey)),
  };
  const isLed = hasOrganiser(seen.parameters, rosterOf(members), change);
  return isLed ? undefined : 'a Commit that leaves no organiser';
}

/** The organisers that a Commit has to name since it removes the last one; undefined when it does not. */
export function successionIn(
  group: Pick<PolicyGroup, 'members' | 'parameters'>,
  committer: LeafIndex,
  removes: readonly LeafIndex[],
  adds: readonly KeyPackage[],
): readonly Fingerprint[] | undefined {
  if (!removes.some((leaf) => isOrganiser(group, leaf))) return undefined;
  const added = adds.map(({ leafNode }) => fingerprint(leafNode.signaturePublicKey));
  const change = { committer, removed: new Set(removes), added };
  return successionOf(group.parameters, rosterOf(group.members), change);
}

/** Whether the member of a leaf was one of those who decide before the Commit. */
function isOrganiser(
  { members, parameters }: Pick<PolicyGroup, 'members' | 'parameters'>,
  leaf: LeafIndex,
): boolean {
  const key = members.get(leaf);
  return key !== undefined && roleOf(parameters, fingerprint(key)) === 'organiser';
}

function rosterOf(members: PolicyGroup['members']): readonly Pick<Member, 'leaf' | 'fingerprint'>[] {
  return [...members].map(([leaf, key]) => ({ leaf, fingerprint: fingerprint(key) }));
}

function fingerprint(signatureKey: Uint8Array): Fingerprint {
  return fingerprintOf(signatureKey, nodeGroupCrypto);
}

function sameParameters(a: MeetingParameters, b: MeetingParameters): boolean {
  return equal(encodeMeetingParameters(a), encodeMeetingParameters(b));
}

function removedKeys(proposals: readonly ProposalWithSender[], { members }: PolicyGroup): Uint8Array[] {
  const leaves = new Set<LeafIndex>();
  for (const { proposal } of proposals) {
    if (proposal.proposalType === 'remove') leaves.add(leafIndex(proposal.remove.removed));
  }
  return [...leaves].flatMap((leaf) => members.get(leaf) ?? []);
}

function look(
  proposal: ProposalWithSender['proposal'],
  seen: SeenCommit,
  { groupId, suite }: PolicyGroup,
  removed: readonly Uint8Array[],
): string | undefined {
  switch (proposal.proposalType) {
    case 'add':
      seen.added.push(proposal.add.keyPackage);
      return undefined;
    case 'remove':
      seen.removed.push(leafIndex(proposal.remove.removed));
      return undefined;
    case 'group_context_extensions': {
      const next = parametersOf(proposal.groupContextExtensions.extensions);
      if (next === undefined || !mayFollow(seen.parameters, next, removed)) {
        return 'a change of the meeting parameters that no Commit may make';
      }
      seen.parameters = next;
      return undefined;
    }
    case 'psk':
      if (!isInvitationPsk(proposal.psk.preSharedKeyId, groupId, suite)) return 'a PSK of another kind';
      seen.psks += 1;
      return undefined;
    default:
      return `a proposal of type ${String(proposal.proposalType)}`;
  }
}
