import type {
  CiphersuiteImpl,
  ClientState,
  KeyPackage,
  MLSMessage,
  PrivateKeyPackage,
  Proposal,
  UpdatePath,
} from 'ts-mls';
import { decryptWithLabel } from 'ts-mls/crypto/hpke.js';
import { encode } from 'ts-mls/codec/tlsEncoder.js';
import { groupContextEncoder } from 'ts-mls/groupContext.js';
import { unprotectPrivateMessage } from 'ts-mls/messageProtection.js';
import {
  capabilitiesOf,
  clientConfig,
  credentialOf,
  lifetimeFrom,
  SUITE_NAMES,
} from '../../../src/main/mls/client-config.ts';
import { nodeCryptoProvider } from '../../../src/main/mls/node-crypto-provider.ts';
import { MEETING_PARAMETERS_EXTENSION } from '../../../src/protocol/group/meeting-parameters.ts';
import { wallClock } from './membership.ts';
import { OverheardObjects } from './overheard-objects.ts';
import type { TsMls } from './stock-ts-mls.ts';

const SUITE = 0x0001;
const GROUP = new TextEncoder().encode('fuzz');
const MOST_MEMBERS = 8;
const EXPORTER_LABEL = 'SecureObject MLS Master Key';

/** How far a history came. */
export interface HistoryOutcome {
  readonly steps: number;
  readonly joins: number;
  readonly removals: number;
  /** Copies of a member's state that went along until the member renewed its key, and were shut out. */
  readonly shutOut: number;
  /** Objects of epochs before a person's joining or after its removal that none of its keys opened. */
  readonly foreign: number;
  /** Why it ended early. */
  readonly failure: string | undefined;
}

/** Numbers from 0 to below 1 that a seed decides (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Joiner {
  readonly publicPackage: KeyPackage;
  readonly privatePackage: PrivateKeyPackage;
}

/** Whoever copied a member's state, and what it has of it. */
interface Thief {
  readonly leaf: number;
  /** As new as it can be made; undefined once the member has renewed its key. */
  state: ClientState | undefined;
  /** All private keys that it ever had. */
  readonly keys: Set<string>;
}

/**
 * Plays a seeded history of joins, removals and updates with every member's own state.
 *
 * After each Commit all members have equal epoch authenticators; who was removed opens none of its path secrets with
 * any key it ever had, and no more does who copied a member's state before the member renewed its key; who joined cannot
 * process what came before. At the end everybody who ever was a member tries all its keys on objects of all epochs.
 */
export async function playHistory(mls: TsMls, seed: number, steps: number): Promise<HistoryOutcome> {
  const random = seeded(seed);
  const suite = await mls.getCiphersuiteImpl(
    mls.getCiphersuiteFromName(SUITE_NAMES[SUITE]),
    nodeCryptoProvider,
  );
  const player = new HistoryPlayer(mls, suite, random);
  await player.start();
  let done = 0;
  try {
    for (; done < steps; done += 1) await player.step();
    player.tryObjects();
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { steps: done, ...player.counts, failure };
  }
  return { steps: done, ...player.counts, failure: undefined };
}

class HistoryPlayer {
  readonly #mls: TsMls;
  readonly #suite: CiphersuiteImpl;
  readonly #random: () => number;
  #members: ClientState[] = [];
  #lastCommit: MLSMessage | undefined;
  #changes = 0;
  #thief: Thief | undefined;
  readonly #overheard = new OverheardObjects();
  readonly counts = { joins: 0, removals: 0, shutOut: 0, foreign: 0 };

  constructor(mls: TsMls, suite: CiphersuiteImpl, random: () => number) {
    this.#mls = mls;
    this.#suite = suite;
    this.#random = random;
  }

  async start(): Promise<void> {
    const { publicPackage, privatePackage } = await this.#joiner();
    const state = await this.#mls.createGroup(
      GROUP,
      publicPackage,
      privatePackage,
      [{ extensionType: MEETING_PARAMETERS_EXTENSION, extensionData: Uint8Array.of(0) }],
      this.#suite,
      clientConfig,
    );
    this.#members = [state];
    await this.#speak();
  }

  /** Everybody tries what was sent in all epochs. @throws Error when somebody opens what it should not, or cannot what it should. */
  tryObjects(): void {
    this.counts.foreign = this.#overheard.tryAll();
  }

  /** Somebody sends an object in the epoch that all members are in. */
  async #speak(): Promise<void> {
    const keys = new Map<string, Uint8Array>();
    for (const { keySchedule, signaturePrivateKey } of this.#members) {
      const { exporterSecret } = keySchedule;
      const { kdf } = this.#suite;
      const key = await this.#mls.mlsExporter(
        exporterSecret,
        EXPORTER_LABEL,
        new Uint8Array(0),
        kdf.size,
        this.#suite,
      );
      keys.set(Buffer.from(signaturePrivateKey).toString('hex').slice(0, 8), key);
    }
    this.#overheard.begin(this.#members[0]?.groupContext.epoch ?? 0n, keys);
  }

  async step(): Promise<void> {
    this.#thief ??= this.#steal();
    const committer = this.#pick(this.#members);
    const others = this.#members.filter((member) => member !== committer);
    const removed = others.length > 1 && this.#random() < 0.45 ? [this.#pick(others)] : [];
    const room = MOST_MEMBERS - this.#members.length;
    const count = this.#random() < 0.6 ? Math.min(room, 1 + Math.floor(this.#random() * 2)) : 0;
    const joiners = await Promise.all(Array.from({ length: count }, () => this.#joiner()));
    const proposals: Proposal[] = [
      ...removed.map((member): Proposal => ({
        proposalType: 'remove',
        remove: { removed: member.privatePath.leafIndex },
      })),
      ...joiners.map(({ publicPackage }): Proposal => ({
        proposalType: 'add',
        add: { keyPackage: publicPackage },
      })),
    ];
    if (this.#random() < 0.15) proposals.push(this.#parametersChange());
    // A path where none is needed: whoever lets somebody in renews its key.
    const forcePath = this.#random() < 0.3;
    const options = { extraProposals: proposals, ratchetTreeExtension: true, forcePath };
    const { newState, commit, welcome } = await this.#mls.createCommit(
      { state: committer, cipherSuite: this.#suite },
      options,
    );
    const next = [newState];
    for (const member of others) {
      const result = await this.#process(member, commit);
      if (!removed.includes(member)) next.push(result);
      else await this.#expectShutOut(member, result, newState, commit);
    }
    if (welcome !== undefined) {
      for (const { publicPackage, privatePackage } of joiners) {
        const { joinGroup, emptyPskIndex } = this.#mls;
        const joined = await joinGroup(
          welcome,
          publicPackage,
          privatePackage,
          emptyPskIndex,
          this.#suite,
          undefined,
          undefined,
          clientConfig,
        );
        if (this.#lastCommit !== undefined) await this.#expectRefused(joined, this.#lastCommit);
        await this.#expectRefused(joined, commit);
        next.push(joined);
      }
    }
    await this.#goAlong(this.#thief, committer, removed, newState, commit);
    const expected = Buffer.from(newState.keySchedule.epochAuthenticator);
    for (const member of next) {
      if (!expected.equals(member.keySchedule.epochAuthenticator)) throw new Error('epochs differ');
    }
    this.#members = next;
    this.#lastCommit = commit;
    this.counts.joins += joiners.length;
    this.counts.removals += removed.length;
    await this.#speak();
  }

  #steal(): Thief {
    const state = this.#pick(this.#members);
    return { leaf: state.privatePath.leafIndex, state, keys: keysOf(state) };
  }

  /** The thief follows as far as the copied state goes, and tries its keys on what comes after. */
  async #goAlong(
    thief: Thief,
    committer: ClientState,
    removed: readonly ClientState[],
    newState: ClientState,
    commit: MLSMessage,
  ): Promise<void> {
    const path = await this.#pathOf(committer, commit);
    const isVictims = committer.privatePath.leafIndex === thief.leaf;
    if (removed.some(({ privatePath }) => privatePath.leafIndex === thief.leaf)) {
      if (thief.state === undefined) this.counts.shutOut += 1;
      this.#thief = undefined;
    } else if (thief.state !== undefined && !(isVictims && path !== undefined)) {
      // Of a Commit without a path, whoever has the state of its author can make all that follows.
      thief.state = isVictims ? newState : await this.#process(thief.state, commit);
      for (const key of keysOf(thief.state)) thief.keys.add(key);
    } else {
      thief.state = undefined;
      if (path !== undefined) await this.#expectClosed(thief.keys, committer, newState, path);
    }
  }

  async #joiner(): Promise<Joiner> {
    const { signKey, publicKey } = await this.#suite.signature.keygen();
    return this.#mls.generateKeyPackageWithKey(
      credentialOf(publicKey),
      capabilitiesOf(SUITE),
      lifetimeFrom(wallClock()),
      [],
      { signKey, publicKey },
      this.#suite,
    );
  }

  #parametersChange(): Proposal {
    this.#changes += 1;
    const extension = {
      extensionType: MEETING_PARAMETERS_EXTENSION,
      extensionData: Uint8Array.of(this.#changes & 0xff),
    };
    return {
      proposalType: 'group_context_extensions',
      groupContextExtensions: { extensions: [extension] },
    };
  }

  async #process(member: ClientState, commit: MLSMessage): Promise<ClientState> {
    if (commit.wireformat !== 'mls_private_message') throw new Error('no PrivateMessage');
    const { processPrivateMessage, emptyPskIndex, acceptAll } = this.#mls;
    const { privateMessage } = commit;
    return (await processPrivateMessage(member, privateMessage, emptyPskIndex, this.#suite, acceptAll))
      .newState;
  }

  async #expectRefused(member: ClientState, commit: MLSMessage): Promise<void> {
    const accepted = await this.#process(member, commit).then(
      () => true,
      () => false,
    );
    if (accepted) throw new Error('a joiner processed what came before it');
  }

  /** The removed member sees its removal, and none of its keys opens any path secret of the Commit. */
  async #expectShutOut(
    before: ClientState,
    after: ClientState,
    committed: ClientState,
    commit: MLSMessage,
  ): Promise<void> {
    if (after.groupActiveState.kind !== 'removedFromGroup') throw new Error('the removed did not notice');
    const path = await this.#pathOf(before, commit);
    if (path === undefined) throw new Error('a removal without a path');
    await this.#expectClosed(keysOf(before), before, committed, path);
    await this.#process(before, commit);
  }

  async #pathOf(before: ClientState, commit: MLSMessage): Promise<UpdatePath | undefined> {
    if (commit.wireformat !== 'mls_private_message') throw new Error('no PrivateMessage');
    const { content } = await unprotectPrivateMessage(
      before.keySchedule.senderDataSecret,
      commit.privateMessage,
      before.secretTree,
      before.ratchetTree,
      before.groupContext,
      clientConfig.keyRetentionConfig,
      this.#suite,
    );
    if (content.content.contentType !== 'commit') throw new Error('no Commit');
    return content.content.commit.path;
  }

  /** None of the keys opens any path secret of a Commit. */
  async #expectClosed(
    keys: ReadonlySet<string>,
    before: ClientState,
    committed: ClientState,
    path: UpdatePath,
  ): Promise<void> {
    const context = encode(groupContextEncoder)({
      ...committed.groupContext,
      confirmedTranscriptHash: before.groupContext.confirmedTranscriptHash,
    });
    const { hpke } = this.#suite;
    const opens = (raw: Uint8Array, kemOutput: Uint8Array, ciphertext: Uint8Array): Promise<boolean> =>
      hpke
        .importPrivateKey(raw)
        .then((key) => decryptWithLabel(key, 'UpdatePathNode', context, kemOutput, ciphertext, hpke))
        .then(
          () => true,
          () => false,
        );
    for (const key of keys) {
      const raw = new Uint8Array(Buffer.from(key, 'hex'));
      for (const { kemOutput, ciphertext } of path.nodes.flatMap((node) => node.encryptedPathSecret)) {
        const opened = await opens(raw, kemOutput, ciphertext);
        if (opened) throw new Error('who has no keys any more opened a path secret');
      }
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

function keysOf({ privatePath }: ClientState): Set<string> {
  return new Set(Object.values(privatePath.privateKeys).map((raw) => Buffer.from(raw).toString('hex')));
}
