/** Conversions to and from ts-mls: bounded decoding, proposals of a plan, one Welcome per joiner, the roster of a tree. */
import { decodeMlsMessage, encodeMlsMessage } from 'ts-mls';
import type { ClientState, KeyPackage, LeafNode, MLSMessage, Proposal, Welcome } from 'ts-mls';
import { equal } from '../../protocol/bytes/equal.ts';
import { invariant } from '../../protocol/errors.ts';
import {
  encodeMeetingParameters,
  isKicked,
  MAX_KICKED_KEYS,
  MAX_ORGANISERS,
  MEETING_PARAMETERS_EXTENSION,
  sameSettings,
} from '../../protocol/group/meeting-parameters.ts';
import type { MeetingParameters, MeetingSettings } from '../../protocol/group/meeting-parameters.ts';
import type { CommitPlan, JoinerWelcome } from '../../protocol/group/mls.ts';
import { fingerprintOf, senderIdOf } from '../../protocol/group/names.ts';
import type { Fingerprint, SenderId } from '../../protocol/group/names.ts';
import { leafIndex } from '../../protocol/group/roster.ts';
import type { Member } from '../../protocol/group/roster.ts';
import { parametersOf } from './commit-policy.ts';
import { joinOf } from './leaf-joins.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';

/** Largest messages that are decoded, in bytes. */
export const MLS_LIMITS = { keyPackage: 32 * 1024, commit: 512 * 1024, welcome: 8 * 1024 * 1024 } as const;

/** The meeting parameters of a group that we hold: groups without them are not accepted. */
export function requiredParameters(state: ClientState): MeetingParameters {
  const parameters = parametersOf(state.groupContext.extensions);
  invariant(parameters !== undefined, 'a group that we hold has meeting parameters');
  return parameters;
}

/** A refusal with its reason. */
export function refused(reason: string): { kind: 'refused'; reason: string } {
  return { kind: 'refused', reason };
}

/** The message of an error of ts-mls; such messages contain no secrets. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Decodes a message that takes up all of the bytes; undefined when they are not one. */
export function decodeWhole(bytes: Uint8Array): MLSMessage | undefined {
  try {
    const decoded = decodeMlsMessage(bytes.slice(), 0);
    return decoded?.[1] === bytes.length ? decoded[0] : undefined;
  } catch {
    // The decoder throws on some truncations; either way the bytes are not a message.
    return undefined;
  }
}

/** The KeyPackage in an MLSMessage, or undefined. */
export function decodeKeyPackage(bytes: Uint8Array): KeyPackage | undefined {
  const message = bytes.length <= MLS_LIMITS.keyPackage ? decodeWhole(bytes) : undefined;
  return message?.wireformat === 'mls_key_package' ? message.keyPackage : undefined;
}

/** The proposals of a plan; refused when something to be added is not a KeyPackage, or too many would be kicked or organise. */
export function planToProposals(
  plan: CommitPlan,
  parameters: MeetingParameters,
  successionOf: (adds: readonly KeyPackage[]) => readonly Fingerprint[] | undefined,
): Proposal[] | { kind: 'refused'; reason: string } {
  const proposals: Proposal[] = plan.removes.map((removed) => ({
    proposalType: 'remove',
    remove: { removed },
  }));
  const adds: KeyPackage[] = [];
  for (const bytes of plan.adds) {
    const keyPackage = decodeKeyPackage(bytes);
    if (keyPackage === undefined) return refused('an Add of something that is not a KeyPackage');
    adds.push(keyPackage);
    proposals.push({ proposalType: 'add', add: { keyPackage } });
  }
  const kicks = plan.kicks.filter((key) => !isKicked(parameters, key));
  const settings = settingsAfter(plan, kicks, parameters, successionOf(adds));
  if (kicks.length === 0 && sameSettings(settings, parameters)) return proposals;
  const kickedKeys = [...parameters.kickedKeys, ...kicks];
  if (kickedKeys.length > MAX_KICKED_KEYS) return refused('more kicked keys than a meeting can have');
  if (settings.organisers.length > MAX_ORGANISERS) return refused('more organisers than a meeting can have');
  const extension = {
    extensionType: MEETING_PARAMETERS_EXTENSION,
    extensionData: encodeMeetingParameters({ ...parameters, ...settings, kickedKeys }),
  };
  proposals.push({
    proposalType: 'group_context_extensions',
    groupContextExtensions: { extensions: [extension] },
  });
  return proposals;
}

/** The settings that a plan leads to: a kick closes the door, and who is kicked organises nothing any more. */
function settingsAfter(
  { settings }: CommitPlan,
  kicks: readonly Uint8Array[],
  parameters: MeetingParameters,
  successors: readonly Fingerprint[] | undefined,
): MeetingSettings {
  const { admission, organisers = parameters.organisers } = settings ?? {
    ...parameters,
    organisers: successors,
  };
  const gone = kicks.map((key) => fingerprintOf(key, nodeGroupCrypto));
  return {
    admission: kicks.length > 0 ? 'ask' : admission,
    organisers: organisers.filter((organiser) => !gone.some((each) => equal(each, organiser))),
  };
}

/** Splits a Welcome into one per joiner, with the secrets of that joiner only. */
export function splitWelcome(welcome: Welcome): JoinerWelcome[] {
  return welcome.secrets.map((secrets) => ({
    ref: secrets.newMember.slice(),
    welcome: encodeMlsMessage({
      version: 'mls10',
      wireformat: 'mls_welcome',
      welcome: { ...welcome, secrets: [secrets] },
    }),
  }));
}

/** What follows from a leaf, kept as long as it is: a tree is looked through several times in each epoch. */
const membersOfLeaves = new WeakMap<LeafNode, Pick<Member, 'fingerprint' | 'senderId' | 'asOf'>>();

function memberOf(leaf: LeafNode): Pick<Member, 'fingerprint' | 'senderId' | 'asOf'> {
  let member = membersOfLeaves.get(leaf);
  if (member === undefined) {
    const join = joinOf(leaf);
    invariant(join !== undefined, 'each leaf of a group that we hold says which join it is of');
    const fingerprint = fingerprintOf(leaf.signaturePublicKey, nodeGroupCrypto);
    member = { fingerprint, senderId: senderIdOf(fingerprint, join.joinId), asOf: join.asOf };
    membersOfLeaves.set(leaf, member);
  }
  return member;
}

/** The members of a group, in leaf order: fresh bytes. */
export function rosterOf(state: ClientState): Member[] {
  const members: Member[] = [];
  for (const [node, content] of state.ratchetTree.entries()) {
    if (content?.nodeType !== 'leaf') continue;
    const { fingerprint, senderId, asOf } = memberOf(content.leaf);
    members.push({
      leaf: leafIndex(node / 2),
      signatureKey: content.leaf.signaturePublicKey.slice(),
      fingerprint: fingerprint.slice() as Fingerprint,
      senderId: senderId.slice() as SenderId,
      asOf,
    });
  }
  return members;
}
