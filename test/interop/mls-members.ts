/** Members of one MLS group, made with our adapter or with a peer's library, behind one interface. */
import { randomBytes } from 'node:crypto';
import { encodeHex } from '../../src/protocol/bytes/hex.ts';
import type { MlsMembership } from '../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../src/main/mls/ts-mls-adapter.ts';
import { encodeLeafJoin } from '../../src/protocol/group/leaf-join.ts';
import { encodeMeetingParameters } from '../../src/protocol/group/meeting-parameters.ts';
import type { MeetingParameters } from '../../src/protocol/group/meeting-parameters.ts';
import type { BegunEpoch, GroupHandle, StagedHandle } from '../../src/protocol/group/mls.ts';
import { invitationPskIdOf } from '../../src/protocol/group/room-keys.ts';
import { leafIndex } from '../../src/protocol/group/roster.ts';
import { founding, joinRequest } from '../harness/group/membership.ts';
import type { MlsPeers, PeerLibrary, PeerView } from './mls-peers.ts';

/** What a Commit is to do, for members of all kinds. */
export interface Change {
  readonly adds: readonly Uint8Array[];
  /** Leaves. */
  readonly removes: readonly number[];
  /** Signature keys that are not to be let in again. */
  readonly kicks: readonly Uint8Array[];
  /** Parameters after the Commit. */
  readonly parameters: MeetingParameters;
  /** Whether they are others than before. */
  readonly sets: boolean;
}

/** A Commit that its author has not merged. */
export interface Made {
  readonly commit: Uint8Array;
  /** Each joiner finds itself in one of them. */
  readonly welcomes: readonly Uint8Array[];
}

/** A member, or somebody who is about to become one. */
export interface GroupMember {
  /** Which library it is made with. */
  readonly kind: 'conclave' | PeerLibrary;
  /** A KeyPackage as an MLSMessage, asked for once. */
  keyPackage(asOf: number): Promise<Uint8Array>;
  /** Joins by whichever Welcome is for it. */
  join(welcomes: readonly Uint8Array[]): Promise<PeerView>;
  commit(change: Change): Promise<Made>;
  merge(): Promise<PeerView>;
  /** Processes somebody's Commit; undefined when it was removed by it. */
  process(commit: Uint8Array): Promise<PeerView | undefined>;
  forget(): Promise<void>;
}

/** A member as the app has it, with all that it refuses. */
export class OwnMember implements GroupMember {
  readonly kind = 'conclave';
  readonly membership: MlsMembership;
  readonly #mls = new TsMlsAdapter();
  #group: GroupHandle | undefined;
  #staged: StagedHandle | undefined;

  constructor(membership: MlsMembership) {
    this.membership = membership;
  }

  /** Founds the group. */
  async found(parameters: MeetingParameters): Promise<PeerView> {
    const { group, ...begun } = await this.#mls.createGroup(this.membership, founding(parameters));
    this.#group = group;
    return viewOf(begun);
  }

  async keyPackage(asOf: number): Promise<Uint8Array> {
    return (await this.#mls.keyPackage(this.membership, joinRequest(BigInt(asOf)))).keyPackage;
  }

  async join(welcomes: readonly Uint8Array[]): Promise<PeerView> {
    const reasons: string[] = [];
    for (const welcome of welcomes) {
      const outcome = await this.#mls.join(this.membership, welcome);
      if (outcome.kind === 'joined') {
        this.#group = outcome.group;
        return viewOf(outcome);
      }
      reasons.push(outcome.reason);
    }
    throw new Error(`conclave, join: ${reasons.join('; ')}`);
  }

  async commit({ adds, removes, kicks }: Change): Promise<Made> {
    const group = this.#held();
    for (const add of adds) {
      const verdict = await this.#mls.inspectKeyPackage(group, add);
      if (verdict.kind !== 'acceptable') throw new Error(`conclave, inspect: ${JSON.stringify(verdict)}`);
    }
    const plan = { adds, removes: removes.map(leafIndex), kicks };
    const outcome = await this.#mls.stageCommit(group, plan);
    if (outcome.kind !== 'staged') throw new Error(`conclave, commit: ${outcome.reason}`);
    const { staged, commit, welcomes } = outcome.commit;
    this.#staged = staged;
    return { commit, welcomes: welcomes.map(({ welcome }) => welcome) };
  }

  async merge(): Promise<PeerView> {
    if (this.#staged === undefined) throw new Error('conclave, merge: nothing is staged');
    return viewOf(await this.#mls.apply(this.#held(), this.#staged));
  }

  async process(commit: Uint8Array): Promise<PeerView | undefined> {
    const outcome = await this.#mls.processCommit(this.#held(), commit);
    if (outcome.kind === 'removed') return undefined;
    if (outcome.kind !== 'staged') throw new Error(`conclave, process: ${outcome.kind}`);
    return viewOf(await this.#mls.apply(this.#held(), outcome.staged));
  }

  async forget(): Promise<void> {
    await this.#mls.forget(this.#held());
    await this.#mls.forgetKeyPackages(this.membership);
  }

  #held(): GroupHandle {
    if (this.#group === undefined) throw new Error('conclave: no group');
    return this.#group;
  }
}

/** A member made with a peer's library. */
export class PeerMember implements GroupMember {
  readonly kind: PeerLibrary;
  readonly #peers: MlsPeers;
  readonly #name: string;
  readonly #membership: MlsMembership;
  readonly #path: boolean;

  /**
   * @param membership - what follows from the invitation; the identity in it is not used, since libraries make their own.
   * @param path - whether its Commits have a path even where RFC 9420 asks for none.
   */
  constructor(peers: MlsPeers, kind: PeerLibrary, name: string, membership: MlsMembership, path: boolean) {
    this.#peers = peers;
    this.kind = kind;
    this.#name = name;
    this.#membership = membership;
    this.#path = path;
  }

  async keyPackage(asOf: number): Promise<Uint8Array> {
    const { groupId, joinProofKey, invitationPsk } = this.#membership;
    const invitation = {
      group: groupId,
      join_proof_key: joinProofKey,
      psk_id: invitationPskIdOf(groupId),
      psk: invitationPsk,
      leaf_join: encodeLeafJoin(joinRequest(BigInt(asOf))),
      sealed_name: new Uint8Array(randomBytes(92)),
    };
    const request = { what: 'key_package', library: this.kind, invitation, path: this.#path } as const;
    return fromHex((await this.#peers.ask(this.#name, request)) as string);
  }

  async join(welcomes: readonly Uint8Array[]): Promise<PeerView> {
    const reasons: unknown[] = [];
    for (const welcome of welcomes) {
      try {
        return (await this.#peers.ask(this.#name, {
          what: 'join',
          welcome: encodeHex(welcome),
        })) as PeerView;
      } catch (error) {
        reasons.push(error);
      }
    }
    throw new AggregateError(reasons, `${this.#name}, join: ${reasons.map(String).join('; ')}`);
  }

  async commit({ adds, removes, parameters, sets }: Change): Promise<Made> {
    const plan = {
      adds: adds.map(encodeHex),
      removes,
      parameters: sets ? encodeHex(encodeMeetingParameters(parameters)) : null,
      path: this.#path,
    };
    const made = (await this.#peers.ask(this.#name, { what: 'commit', plan })) as {
      commit: string;
      welcome: string | null;
    };
    const welcomes = made.welcome === null ? [] : [fromHex(made.welcome)];
    return { commit: fromHex(made.commit), welcomes };
  }

  async merge(): Promise<PeerView> {
    return (await this.#peers.ask(this.#name, { what: 'merge' })) as PeerView;
  }

  async process(commit: Uint8Array): Promise<PeerView | undefined> {
    const request = { what: 'process', commit: encodeHex(commit) } as const;
    const answer = (await this.#peers.ask(this.#name, request)) as
      { kind: 'epoch'; view: PeerView } | { kind: 'removed' };
    return answer.kind === 'removed' ? undefined : answer.view;
  }

  async forget(): Promise<void> {
    await this.#peers.ask(this.#name, { what: 'forget' });
  }
}

function viewOf({ view, masterKey }: BegunEpoch): PeerView {
  return {
    epoch: Number(view.epoch),
    authenticator: encodeHex(view.epochAuthenticator),
    exported: encodeHex(masterKey),
    leaf: view.ownLeaf,
  };
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
