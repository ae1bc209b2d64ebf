/**
 * MLS by ts-mls 1.6.4 with our patch, in the calling thread. The app runs it in a worker; tests also use it directly.
 *
 * ts-mls is pure: an operation returns a new state and leaves the old one unchanged. To stage a Commit is to keep both
 * states; the old one is erased when the Commit is merged.
 */
import { createCommit, createGroup, encodeMlsMessage, joinGroup } from 'ts-mls';
import type { CiphersuiteImpl, ClientState, KeyPackage, PrivateKeyPackage } from 'ts-mls';
import { groupContextEncoder } from 'ts-mls/groupContext.js';
import { encode } from 'ts-mls/codec/tlsEncoder.js';
import { makeKeyPackageRef } from 'ts-mls/keyPackage.js';
import { equal } from '../../protocol/bytes/equal.ts';
import { invariant } from '../../protocol/errors.ts';
import {
  encodeMeetingParameters,
  MEETING_PARAMETERS_EXTENSION,
} from '../../protocol/group/meeting-parameters.ts';
import type {
  BegunEpoch,
  CommitPlan,
  CreatedGroup,
  GroupHandle,
  JoinOutcome,
  OwnKeyPackage,
  ProcessOutcome,
  RestoredGroup,
  StagedCommit,
  StagedHandle,
  StageOutcome,
} from '../../protocol/group/mls.ts';
import { fingerprintOf } from '../../protocol/group/names.ts';
import { organisersAmong } from '../../protocol/group/roles.ts';
import { leafIndex } from '../../protocol/group/roster.ts';
import { epoch } from '../../protocol/units.ts';
import { begunEpoch } from './begun-epoch.ts';
import { clientConfig, SUITE_NAMES, suiteImplementation } from './client-config.ts';
import { judgeOwnCommit, parametersOf, successionIn } from './commit-policy.ts';
import { policyGroupOf, readCommit } from './commit-processing.ts';
import { InvitationPskIndex, invitationPskProposal } from './invitation-psk.ts';
import { DerivedSecrets } from './derived-secrets.ts';
import { epochKeyOf, epochSignerOf } from './epoch-key.ts';
import { decodeGroupRecord, encodeGroupRecord } from './group-state-codec.ts';
import type { StagedRecord } from './group-state-codec.ts';
import { eraseKeyPackage, eraseState } from './group-secrets.ts';
import { addsFault, inspectKeyPackage } from './key-package-check.ts';
import { makeFounderPackage, makeKeyPackage } from './key-package-making.ts';
import { KeyRecording } from './key-recording.ts';
import type { KeyRecord } from './key-record.ts';
import { hasJoins, renewsAuthor } from './leaf-joins.ts';
import {
  decodeWhole,
  MLS_LIMITS,
  nameOf,
  planToProposals,
  refused,
  rosterOf,
  splitWelcome,
} from './mls-messages.ts';
import type {
  GroupFounding,
  InspectedKeyPackage,
  KeyPackageRequest,
  MlsMembership,
  MlsPort,
} from './mls-port.ts';
import { openMove, sealMove } from './move-sealing.ts';
import { nodeGroupCrypto } from './node-group-crypto.ts';
import { StagedCommits } from './staged-commits.ts';

const GENESIS = epoch(0n);

interface Group {
  readonly membership: MlsMembership;
  readonly suite: CiphersuiteImpl;
  state: ClientState;
  readonly staged: StagedCommits;
  readonly recording: KeyRecording;
}

interface HeldKeyPackage extends OwnKeyPackage {
  readonly membership: MlsMembership;
  readonly publicPackage: KeyPackage;
  readonly privatePackage: PrivateKeyPackage;
}

/** {@link MlsPort} in the calling thread. */
export class TsMlsAdapter implements MlsPort {
  readonly #groups = new Map<GroupHandle, Group>();
  #keyPackages: HeldKeyPackage[] = [];
  #nextHandle: number;

  /** @param firstHandle - handles begin here, for groups as for staged Commits. */
  constructor(firstHandle = 1) {
    this.#nextHandle = firstHandle;
  }

  async createGroup(
    membership: MlsMembership,
    { parameters, joinId, now }: GroupFounding,
  ): Promise<CreatedGroup> {
    const suite = await suiteImplementation(membership.suite);
    const join = { asOf: GENESIS, joinId };
    const fingerprint = fingerprintOf(membership.identity.publicKey, nodeGroupCrypto);
    const others = parameters.organisers.filter((organiser) => !equal(organiser, fingerprint));
    const { publicPackage, privatePackage } = await makeFounderPackage(membership, join, now);
    const extensions = [
      {
        extensionType: MEETING_PARAMETERS_EXTENSION,
        // Whoever founds a group is its first organiser.
        extensionData: encodeMeetingParameters({ ...parameters, organisers: [fingerprint, ...others] }),
      },
    ];
    const state = await createGroup(
      membership.groupId,
      publicPackage,
      privatePackage,
      extensions,
      suite,
      clientConfig,
    );
    privatePackage.initPrivateKey.fill(0);
    const group = this.#hold(membership, suite, state);
    const groupContext = encode(groupContextEncoder)(state.groupContext);
    return { group, groupContext, ...(await this.#epochOf(group)) };
  }

  async keyPackage(membership: MlsMembership, request: KeyPackageRequest): Promise<OwnKeyPackage> {
    const made = await makeKeyPackage(membership, request);
    const { publicPackage } = made;
    const keyPackage = encodeMlsMessage({
      version: 'mls10',
      wireformat: 'mls_key_package',
      keyPackage: publicPackage,
    });
    const ref = await makeKeyPackageRef(publicPackage, (await suiteImplementation(membership.suite)).hash);
    this.#keyPackages.push({ ...made, keyPackage, ref, membership });
    return { keyPackage, ref };
  }

  forgetKeyPackages(membership: MlsMembership): Promise<void> {
    const states = [...this.#groups.values()].map(({ state }) => state);
    for (const held of this.#keyPackages) {
      if (isSame(held.membership, membership)) eraseKeyPackage(held.privatePackage, states);
    }
    this.#keyPackages = this.#keyPackages.filter((held) => !isSame(held.membership, membership));
    return Promise.resolve();
  }

  inspectKeyPackage(handle: GroupHandle, bytes: Uint8Array): Promise<InspectedKeyPackage> {
    const { state, suite, membership } = this.#group(handle);
    return inspectKeyPackage({ state, suite, membership }, bytes);
  }

  async stageCommit(handle: GroupHandle, plan: CommitPlan): Promise<StageOutcome> {
    const group = this.#group(handle);
    const { state, suite, membership } = group;
    const policyGroup = policyGroupOf(group);
    const ownLeaf = leafIndex(state.privatePath.leafIndex);
    const proposals = planToProposals(plan, policyGroup.parameters, (adds) =>
      successionIn(policyGroup, ownLeaf, plan.removes, adds),
    );
    if (!Array.isArray(proposals)) return proposals;
    if (plan.adds.length > 0) proposals.push(invitationPskProposal(membership, suite));
    // By the rules that receivers have: a Commit that they refuse would end the meeting.
    const seen = judgeOwnCommit(proposals, ownLeaf, policyGroup);
    const fault = seen.refusal ?? addsFault(group, seen.added, seen.parameters);
    if (fault !== undefined) return refused(fault);
    // The types of ts-mls do not know the option that our patch adds.
    const forcePath = plan.renews === true;
    const options = { extraProposals: proposals, ratchetTreeExtension: true, forcePath };
    const derived = new DerivedSecrets(suite);
    const pskIndex = new InvitationPskIndex(membership, suite);
    let result;
    try {
      result = await createCommit({ state, cipherSuite: derived.suite, pskIndex }, options);
    } catch (error) {
      derived.erase(state);
      return refused(nameOf(error));
    }
    const { newState, consumed, commit: message, welcome } = result;
    const commit = encodeMlsMessage(message);
    if (commit.length > MLS_LIMITS.commit) {
      derived.erase(state);
      return refused('larger than a Commit may be');
    }
    const own = await this.#stageOwn(group, consumed, {
      newState,
      commit,
      welcomes: welcome === undefined ? [] : splitWelcome(welcome),
    });
    return { kind: 'staged', commit: own };
  }

  async processCommit(handle: GroupHandle, commit: Uint8Array): Promise<ProcessOutcome> {
    const group = this.#group(handle);
    const { state, suite } = group;
    const read = await readCommit(group, commit);
    if (read.kind !== 'follows') return read;
    const { newState, consumed, contents } = read;
    const staged = this.#newHandle() as StagedHandle;
    group.staged.keep(staged, { newState, commit: commit.slice(), consumed, own: undefined }, state);
    return {
      kind: 'staged',
      staged,
      epoch: epoch(newState.groupContext.epoch),
      transcript: newState.groupContext.confirmedTranscriptHash.slice(),
      nextKey: await epochKeyOf(newState, suite),
      contents,
      renews: renewsAuthor(state, newState, contents.committer),
    };
  }

  async signWithEpochKey(handle: GroupHandle, message: Uint8Array): Promise<Uint8Array | undefined> {
    const group = this.#groups.get(handle);
    return group && (await epochSignerOf(group.state, group.suite)).sign(message);
  }

  readonly sealMove: MlsPort['sealMove'] = (handle, plan) => sealMove(this.#groups.get(handle), plan);

  readonly openMove: MlsPort['openMove'] = (handle, move) => openMove(this.#groups.get(handle), move);

  async apply(handle: GroupHandle, stagedHandle: StagedHandle): Promise<BegunEpoch> {
    const group = this.#group(handle);
    const { newState, commit } = group.staged.get(stagedHandle);
    await group.recording.merging(group.state, newState, commit, group.suite);
    group.state = group.staged.merge(stagedHandle, group.state);
    return this.#epochOf(handle);
  }

  async join(membership: MlsMembership, welcome: Uint8Array): Promise<JoinOutcome> {
    const message = welcome.length <= MLS_LIMITS.welcome ? decodeWhole(welcome) : undefined;
    if (message?.wireformat !== 'mls_welcome') return refused('no Welcome');
    const held = this.#keyPackages.find(
      (each) =>
        isSame(each.membership, membership) &&
        message.welcome.secrets.some(({ newMember }) => equal(newMember, each.ref)),
    );
    if (held === undefined) return refused('a Welcome for KeyPackages that are not ours');
    const suite = await suiteImplementation(membership.suite);
    const psks = new InvitationPskIndex(membership, suite);
    let state: ClientState;
    try {
      state = await joinGroup(
        message.welcome,
        held.publicPackage,
        held.privatePackage,
        psks,
        suite,
        undefined,
        undefined,
        clientConfig,
      );
    } catch (error) {
      return refused(nameOf(error));
    }
    // Whoever was not invited can make a Welcome for a KeyPackage, but none that names this PSK.
    if (!psks.wasAskedOnce) return refused('a Welcome without the invitation’s PSK, or with others');
    if (!equal(state.groupContext.groupId, membership.groupId)) return refused('a Welcome to another group');
    const parameters = parametersOf(state.groupContext.extensions);
    if (parameters === undefined) return refused('no meeting parameters');
    if (!hasJoins(state)) return refused('a leaf that does not say which join it is of');
    if (organisersAmong(parameters, rosterOf(state)).size === 0)
      return refused('a group without an organiser');
    const group = this.#hold(membership, suite, state);
    return { kind: 'joined', group, ...(await this.#epochOf(group)) };
  }

  serialise(handle: GroupHandle): Promise<Uint8Array> {
    const { state, staged } = this.#group(handle);
    const { own } = staged;
    const record = own?.own && {
      newState: { ...own.newState, historicalReceiverData: new Map() },
      commit: own.own.commit,
      welcomes: own.own.welcomes,
    };
    return Promise.resolve(encodeGroupRecord({ state, staged: record }));
  }

  async restore(membership: MlsMembership, bytes: Uint8Array): Promise<RestoredGroup | undefined> {
    const record = decodeGroupRecord(bytes);
    if (record === undefined) return undefined;
    const context = record.state.groupContext;
    if (context.cipherSuite !== SUITE_NAMES[membership.suite]) return undefined;
    if (!equal(context.groupId, membership.groupId)) return undefined;
    if (parametersOf(context.extensions) === undefined || !hasJoins(record.state)) return undefined;
    const group = this.#hold(membership, await suiteImplementation(membership.suite), record.state);
    const staged = record.staged && (await this.#stageOwn(this.#group(group), [], record.staged));
    const groupContext = encode(groupContextEncoder)(context);
    return { group, staged, groupContext, ...(await this.#epochOf(group)) };
  }

  keyRecord(membership: MlsMembership): Promise<KeyRecord | undefined> {
    const groups = [...this.#groups.values()].filter((group) => isSame(group.membership, membership));
    return Promise.resolve(groups.at(-1)?.recording.record);
  }

  forget(handle: GroupHandle): Promise<void> {
    const group = this.#groups.get(handle);
    if (group !== undefined) {
      group.staged.erase();
      eraseState(group.state);
      this.#groups.delete(handle);
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #epochOf(handle: GroupHandle): Promise<BegunEpoch> {
    const { state, suite, membership } = this.#group(handle);
    return begunEpoch(state, suite, membership.suite);
  }

  #hold(membership: MlsMembership, suite: CiphersuiteImpl, state: ClientState): GroupHandle {
    const handle = this.#newHandle() as GroupHandle;
    const recording = new KeyRecording(state);
    this.#groups.set(handle, { membership, suite, state, staged: new StagedCommits(), recording });
    return handle;
  }

  async #stageOwn(
    group: Group,
    consumed: readonly Uint8Array[],
    { newState, commit, welcomes }: StagedRecord,
  ): Promise<StagedCommit> {
    const own = {
      staged: this.#newHandle() as StagedHandle,
      epoch: epoch(newState.groupContext.epoch),
      commit,
      transcript: newState.groupContext.confirmedTranscriptHash.slice(),
      nextKey: await epochKeyOf(newState, group.suite),
      welcomes,
      renews: renewsAuthor(group.state, newState, leafIndex(group.state.privatePath.leafIndex)),
    };
    group.staged.keep(own.staged, { newState, commit, consumed, own }, group.state);
    return own;
  }

  #group(handle: GroupHandle): Group {
    const group = this.#groups.get(handle);
    invariant(group !== undefined, 'the group is held here');
    return group;
  }

  #newHandle(): number {
    this.#nextHandle += 1;
    return this.#nextHandle - 1;
  }
}

function isSame(a: MlsMembership, b: MlsMembership): boolean {
  return equal(a.groupId, b.groupId) && equal(a.identity.publicKey, b.identity.publicKey);
}
