/**
 * One MLS group with members by OpenMLS 0.9.2, mls-rs 0.57.0 and ours, through random operations: all agree after each on
 * epoch, authenticator, exporter and leaves.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeGroupCrypto } from '../../src/main/mls/node-group-crypto.ts';
import { equal } from '../../src/protocol/bytes/equal.ts';
import { MAX_ORGANISERS, sameSettings } from '../../src/protocol/group/meeting-parameters.ts';
import type { MeetingParameters } from '../../src/protocol/group/meeting-parameters.ts';
import { fingerprintOf } from '../../src/protocol/group/names.ts';
import { seeded } from '../harness/group/membership-history.ts';
import { makeMembership, testParameters } from '../harness/group/membership.ts';
import { OwnMember, PeerMember } from './mls-members.ts';
import type { Change, GroupMember } from './mls-members.ts';
import { isInstalled, MlsPeers } from './mls-peers.ts';
import type { PeerView } from './mls-peers.ts';

const MOST_MEMBERS = 8;
/** As many as fit a run of all tests; `MLS_INTEROP_OPERATIONS` and `MLS_INTEROP_SEED` for others. */
const OPERATIONS = Number(process.env.MLS_INTEROP_OPERATIONS ?? 60);
const SEED = Number(process.env.MLS_INTEROP_SEED ?? 1);

interface Present {
  readonly member: GroupMember;
  readonly signatureKey: Uint8Array;
  view: PeerView;
}

/** How often what was done. */
interface Tally {
  commits: Record<GroupMember['kind'], number>;
  adds: number;
  removes: number;
  kicks: number;
  rejoins: number;
  updates: number;
}

/** Which libraries take part, and whether people are kicked. */
interface Cast {
  readonly kinds: readonly GroupMember['kind'][];
  /** Kicks change the GroupContext's extensions. */
  readonly kicks: boolean;
}

class MixedGroup {
  readonly #peers: MlsPeers;
  readonly #cast: Cast;
  readonly #random: () => number;
  readonly #groupId = new Uint8Array(randomBytes(16));
  readonly #joinProofKey = new Uint8Array(randomBytes(32));
  #present: Present[] = [];
  #parameters: MeetingParameters = testParameters;
  #named = 0;
  readonly tally: Tally = {
    commits: { conclave: 0, openmls: 0, 'mls-rs': 0 },
    adds: 0,
    removes: 0,
    kicks: 0,
    rejoins: 0,
    updates: 0,
  };

  constructor(peers: MlsPeers, cast: Cast, random: () => number) {
    this.#peers = peers;
    this.#cast = cast;
    this.#random = random;
  }

  async found(): Promise<void> {
    const member = new OwnMember(makeMembership(this.#groupId, this.#joinProofKey));
    const view = await member.found(this.#parameters);
    const { publicKey } = member.membership.identity;
    this.#present = [{ member, signatureKey: publicKey, view }];
    this.#parameters = { ...this.#parameters, organisers: [fingerprintOf(publicKey, nodeGroupCrypto)] };
  }

  async step(): Promise<void> {
    const isDecision = this.#cast.kicks && this.#random() < 0.7;
    const author = isDecision ? this.#organiser() : this.#pick(this.#present);
    const others = this.#present.filter((each) => each !== author);
    const removable = others.filter((each) => this.#cast.kicks || !this.#isNamed(each));
    const leaving = others.length > 1 && this.#random() < 0.45 ? [this.#pick(removable)] : [];
    const epoch = author.view.epoch;
    const joiners = await this.#joiners(leaving, epoch, this.#isNamed(author));
    const isRejoin = joiners.some(({ key }) => leaving.some(({ signatureKey }) => signatureKey === key));
    const kicked = leaving.length > 0 && !isRejoin && isDecision && this.#random() < 0.3 ? leaving : [];
    const kicks = kicked.map(({ signatureKey }) => signatureKey);
    const parameters: MeetingParameters = {
      ...this.#parameters,
      kickedKeys: [...this.#parameters.kickedKeys, ...kicks],
      admission: kicks.length > 0 ? 'ask' : this.#parameters.admission,
      organisers: this.#organisersAfter(author, leaving, kicked, isRejoin),
    };
    const change: Change = {
      adds: joiners.map(({ keyPackage }) => keyPackage),
      removes: leaving.map(({ view }) => view.leaf),
      kicks,
      parameters,
      sets: kicks.length > 0 || !sameSettings(parameters, this.#parameters),
    };
    const { commit, welcomes } = await author.member.commit(change);
    for (const each of others) {
      const view = await each.member.process(commit);
      const isLeaving = leaving.includes(each);
      expect(view === undefined, `${each.member.kind} sees its own removal`).toBe(isLeaving);
      if (view !== undefined) each.view = view;
    }
    author.view = await author.member.merge();
    const joined: Present[] = [];
    for (const { member, key, keyPackage } of joiners) {
      const view = await member.join(welcomes);
      joined.push({ member, signatureKey: key ?? signatureKeyIn(keyPackage), view });
    }
    for (const each of leaving) await each.member.forget();
    this.#present = [...this.#present.filter((each) => !leaving.includes(each)), ...joined];
    this.#parameters = parameters;
    this.#expectAgreement(epoch + 1);
    this.tally.commits[author.member.kind] += 1;
    this.tally.adds += joiners.length;
    this.tally.removes += leaving.length;
    this.tally.kicks += kicks.length;
    this.tally.rejoins += isRejoin ? 1 : 0;
    this.tally.updates += joiners.length + leaving.length === 0 ? 1 : 0;
  }

  async #joiners(
    leaving: readonly Present[],
    epoch: number,
    mayAdmit: boolean,
  ): Promise<{ member: GroupMember; keyPackage: Uint8Array; key: Uint8Array | undefined }[]> {
    const [first] = leaving;
    if (first?.member instanceof OwnMember && this.#random() < 0.3) {
      // The same person comes again by the Commit that removes what it was.
      const member = new OwnMember(first.member.membership);
      return [{ member, keyPackage: await member.keyPackage(epoch), key: first.signatureKey }];
    }
    const room = MOST_MEMBERS - this.#present.length + leaving.length;
    if (this.#parameters.admission === 'ask' && !mayAdmit) return [];
    const count = this.#random() < 0.6 ? Math.min(room, 1 + Math.floor(this.#random() * 2)) : 0;
    const joiners = [];
    for (let at = 0; at < count; at += 1) {
      const member = this.#newcomer();
      joiners.push({ member, keyPackage: await member.keyPackage(epoch), key: undefined });
    }
    return joiners;
  }

  /** Whether somebody decides on kicks and, once the door is closed, on who comes in. */
  #isNamed({ signatureKey }: Present): boolean {
    return this.#parameters.organisers.some((each) =>
      equal(each, fingerprintOf(signatureKey, nodeGroupCrypto)),
    );
  }

  #organiser(): Present {
    return this.#pick(this.#present.filter((each) => this.#isNamed(each)));
  }

  /** Whoever removes the last who is named names the lowest leaf of the others; who is kicked is named no more. */
  #organisersAfter(
    author: Present,
    leaving: readonly Present[],
    kicked: readonly Present[],
    isRejoin: boolean,
  ): MeetingParameters['organisers'] {
    const { organisers } = this.#parameters;
    const gone = kicked.map(({ signatureKey }) => fingerprintOf(signatureKey, nodeGroupCrypto));
    const staying = this.#present.filter((each) => isRejoin || !leaving.includes(each));
    if (staying.some((each) => this.#isNamed(each))) {
      return organisers.filter((each) => !gone.some((other) => equal(each, other)));
    }
    const [heir = author] = staying
      .filter((each) => each !== author)
      .sort((a, b) => a.view.leaf - b.view.leaf);
    return [...organisers, fingerprintOf(heir.signatureKey, nodeGroupCrypto)].slice(-MAX_ORGANISERS);
  }

  #newcomer(): GroupMember {
    const membership = makeMembership(this.#groupId, this.#joinProofKey);
    const kind = this.#pick(this.#cast.kinds);
    if (kind === 'conclave') return new OwnMember(membership);
    this.#named += 1;
    const name = `${kind} ${String(this.#named)}`;
    return new PeerMember(this.#peers, kind, name, membership, this.#random() < 0.5);
  }

  #expectAgreement(epoch: number): void {
    const [first] = this.#present;
    const leaves = this.#present.map(({ view }) => view.leaf);
    expect(new Set(leaves).size, 'each has a leaf of its own').toBe(leaves.length);
    for (const { view, member } of this.#present) {
      expect({ ...view, leaf: 0 }, member.kind).toEqual({ ...first?.view, epoch, leaf: 0 });
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

/** The signature key in a KeyPackage of suite 0x0001: behind message, package and leaf headers. @see RFC 9420 §7.2, §10 */
function signatureKeyIn(keyPackage: Uint8Array): Uint8Array {
  const start = 2 + 2 + 2 + 2 + 1 + 32 + 1 + 32 + 1;
  return keyPackage.slice(start, start + 32);
}

/**
 * OpenMLS refuses a GroupContextExtensions proposal with an extension that the group's required_capabilities do not name, which
 * RFC 9420 (§12.1.7) does not ask for and our groups do not do. So it takes no part where people are kicked, nor where the last
 * organiser leaves.
 */
const CASTS: [string, Cast][] = [
  ['ours, OpenMLS and mls-rs', { kinds: ['conclave', 'openmls', 'mls-rs'], kicks: false }],
  ['ours and mls-rs, with kicks', { kinds: ['conclave', 'mls-rs'], kicks: true }],
];

describe.skipIf(!isInstalled)('one group of several implementations', () => {
  let peers: MlsPeers;
  beforeAll(() => {
    peers = new MlsPeers();
  });
  afterAll(async () => {
    await peers.stop();
  });

  test.each(CASTS)('%s agree after each of many operations', { timeout: 3_600_000 }, async (_, cast) => {
    const group = new MixedGroup(peers, cast, seeded(SEED));
    await group.found();
    for (let done = 0; done < OPERATIONS; done += 1) {
      try {
        await group.step();
      } catch (error) {
        throw new Error(`operation ${String(done)} of seed ${String(SEED)}`, { cause: error });
      }
    }
    const { commits, adds, removes, kicks, rejoins, updates } = group.tally;
    // A history without one of these would show nothing about it.
    const counts = [...cast.kinds.map((kind) => commits[kind]), adds, removes, rejoins, updates];
    expect(Math.min(...counts), JSON.stringify(group.tally)).toBeGreaterThan(0);
    expect(kicks > 0).toBe(cast.kicks);
  });
});
