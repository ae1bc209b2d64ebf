import { randomBytes } from 'node:crypto';
import { encodeMlsMessage } from 'ts-mls';
import type { KeyPackage } from 'ts-mls';
import { makeKeyPackageRef, signKeyPackage } from 'ts-mls/keyPackage.js';
import { beforeEach, describe, expect, test } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { decodeKeyPackage } from '../../../src/main/mls/mls-messages.ts';
import type { KeyPackageRequest, MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import type { GroupHandle } from '../../../src/protocol/group/mls.ts';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import { encodeLeafJoin, LEAF_JOIN_EXTENSION } from '../../../src/protocol/group/leaf-join.ts';
import type { JoinId } from '../../../src/protocol/group/leaf-join.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import type { LeafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { nodeGroupCrypto } from '../../../src/main/mls/node-group-crypto.ts';
import { craftKeyPackage } from '../../harness/group/crafted-key-package.ts';
import { founding, joinRequest, makeMembership, NO_CHANGE } from '../../harness/group/membership.ts';

let mls: TsMlsAdapter;
let creator: MlsMembership;
let group: GroupHandle;
beforeEach(async () => {
  mls = new TsMlsAdapter();
  creator = makeMembership(new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32)));
  group = (await mls.createGroup(creator, founding())).group;
});

const newcomer = (): MlsMembership => makeMembership(creator.groupId, creator.joinProofKey);
const inspect = (bytes: Uint8Array) => mls.inspectKeyPackage(group, bytes);
const encoded = (keyPackage: KeyPackage): Uint8Array =>
  encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage });
const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 9 ? byte ^ 1 : byte));
async function madeBy(member: MlsMembership): Promise<KeyPackage> {
  const keyPackage = decodeKeyPackage((await mls.keyPackage(member, joinRequest())).keyPackage);
  if (keyPackage === undefined) throw new Error('the adapter makes KeyPackages');
  return keyPackage;
}
/** Lets somebody in. @returns its leaf. */
async function enter(member: MlsMembership): Promise<LeafIndex> {
  const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds: [encoded(await madeBy(member))] });
  if (outcome.kind !== 'staged') throw new Error(outcome.reason);
  const { view } = await mls.apply(group, outcome.commit.staged);
  const { publicKey } = member.identity;
  const found = view.roster.find(({ signatureKey }) => equal(signatureKey, publicKey));
  if (found === undefined) throw new Error('it is in');
  return found.leaf;
}

describe('a KeyPackage that is looked at', () => {
  test('and acceptable is named by its reference and signature key', async () => {
    const joiner = newcomer();
    const keyPackage = await madeBy(joiner);
    const { hash } = await suiteImplementation(0x0001);
    const [{ extensionData } = { extensionData: new Uint8Array(0) }] = keyPackage.extensions;
    const joinId = keyPackage.leafNode.extensions[0]!.extensionData.slice(8) as JoinId;
    expect(await inspect(encoded(keyPackage))).toEqual({
      kind: 'acceptable',
      ref: await makeKeyPackageRef(keyPackage, hash),
      signatureKey: joiner.identity.publicKey,
      senderId: senderIdOf(fingerprintOf(joiner.identity.publicKey, nodeGroupCrypto), joinId),
      asOf: 0n,
      // What comes behind the proof.
      sealedName: extensionData.slice(32),
    });
    expect(extensionData.length).toBe(32 + 92);
  });

  test('is one', async () => {
    for (const junk of [new Uint8Array(0), new Uint8Array(300)]) {
      expect(await inspect(junk)).toEqual({ kind: 'refused', reason: 'not a KeyPackage' });
    }
  });

  test('may have other extensions before its proof', async () => {
    const joiner = newcomer();
    const { extensions } = await madeBy(joiner);
    const other = { extensionType: 0xfafa, extensionData: new Uint8Array(40) };
    const crafted = await craftKeyPackage(joiner, { keyPackage: { extensions: [other, ...extensions] } });
    expect((await inspect(crafted)).kind).toBe('acceptable');
  });

  test('is signed, and so is its leaf', async () => {
    const refusal = { kind: 'refused', reason: 'a credential or signature that does not verify' };
    const joiner = newcomer();
    const keyPackage = await madeBy(joiner);
    expect(await inspect(encoded({ ...keyPackage, signature: flipped(keyPackage.signature) }))).toEqual(
      refusal,
    );
    const { signature } = await suiteImplementation(0x0001);
    const { leafNode } = keyPackage;
    const unsigned = { ...leafNode, signature: flipped(leafNode.signature) };
    const signed = await signKeyPackage(
      { ...keyPackage, leafNode: unsigned },
      joiner.identity.seed,
      signature,
    );
    expect(await inspect(encoded(signed))).toEqual(refusal);
  });

  test('is not our own', async () => {
    const own = await madeBy(creator);
    expect(await inspect(encoded(own))).toEqual({ kind: 'refused', reason: 'our own signature key' });
  });

  test('of somebody who was kicked is told from others', async () => {
    const kicked = newcomer();
    const removes = [await enter(kicked)];
    const kicks = [kicked.identity.publicKey];
    const kick = await mls.stageCommit(group, { ...NO_CHANGE, removes, kicks });
    if (kick.kind !== 'staged') throw new Error(kick.reason);
    const bytes = (await mls.keyPackage(kicked, joinRequest(1n))).keyPackage;
    expect((await inspect(bytes)).kind).toBe('acceptable');
    await mls.apply(group, kick.commit.staged);
    expect(await inspect(bytes)).toEqual({ kind: 'kicked', signatureKey: kicked.identity.publicKey });
    // A plan that adds it all the same is none that receivers would accept.
    const adds = [bytes];
    expect(await mls.stageCommit(group, { ...NO_CHANGE, adds })).toEqual({
      kind: 'refused',
      reason: 'an Add of a kicked key',
    });
  });

  test('brings keys that neither a leaf nor a parent of the tree has', async () => {
    const joiners = await Promise.all([newcomer(), newcomer(), newcomer()].map(madeBy));
    const added = await mls.stageCommit(group, { ...NO_CHANGE, adds: joiners.map(encoded) });
    if (added.kind !== 'staged') throw new Error(added.reason);
    await mls.apply(group, added.commit.staged);
    const next = await mls.stageCommit(group, NO_CHANGE);
    if (next.kind !== 'staged') throw new Error(next.reason);
    await mls.apply(group, next.commit.staged);
    const tree = decodeGroupRecord(await mls.serialise(group))?.state.ratchetTree ?? [];
    const keys = tree.flatMap((node) => {
      if (node === undefined) return [];
      return [node.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey];
    });
    expect(keys.length).toBeGreaterThan(4);
    for (const key of keys) {
      for (const craft of [{ leaf: { hpkePublicKey: key } }, { keyPackage: { initKey: key } }]) {
        expect(await inspect(await craftKeyPackage(newcomer(), craft))).toEqual({
          kind: 'refused',
          reason: 'an Add with a key that is in use',
        });
      }
    }
  });
});

test('a plan is refused for what a Commit may not add', async () => {
  const stranger = makeMembership(creator.groupId, new Uint8Array(randomBytes(32)));
  const unproven = await mls.stageCommit(group, { ...NO_CHANGE, adds: [encoded(await madeBy(stranger))] });
  expect(unproven).toEqual({
    kind: 'refused',
    reason: 'an Add without proof of the invitation (forged)',
  });
  // Kicked and added by one Commit.
  const joiner = newcomer();
  const removes = [await enter(joiner)];
  const { keyPackage } = await mls.keyPackage(joiner, joinRequest(1n));
  const plan = { adds: [keyPackage], removes, kicks: [joiner.identity.publicKey] };
  expect(await mls.stageCommit(group, plan)).toEqual({ kind: 'refused', reason: 'an Add of a kicked key' });
});

describe('the join of a KeyPackage', () => {
  const commitTo = async (...adds: Uint8Array[]): Promise<void> => {
    const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds });
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    await mls.apply(group, outcome.commit.staged);
  };
  const update = async (times: number): Promise<void> => {
    for (let done = 0; done < times; done += 1) await commitTo();
  };
  const refusal = async (keyPackage: Uint8Array): Promise<string> => {
    const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds: [keyPackage] });
    return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
  };
  const made = async (member: MlsMembership, request: KeyPackageRequest): Promise<Uint8Array> =>
    (await mls.keyPackage(member, request)).keyPackage;

  test('is let in for eight epochs after the one that it is as of, and not before that', async () => {
    const joiner = newcomer();
    const ahead = await made(joiner, joinRequest(1n));
    expect(await inspect(ahead)).toEqual({ kind: 'early', asOf: 1n });
    expect(await refusal(ahead)).toBe('an Add as of an epoch that has not begun');
    const keyPackage = await made(joiner, joinRequest(0n));
    await update(8);
    expect(await inspect(keyPackage)).toMatchObject({ kind: 'acceptable', asOf: 0n });
    await update(1);
    const reason = 'an Add as of an epoch that is long past';
    expect([await inspect(keyPackage), await refusal(keyPackage)]).toEqual([
      { kind: 'refused', reason },
      reason,
    ]);
  });

  test('is let in once, with whichever of its KeyPackages', async () => {
    const joiner = newcomer();
    const request = joinRequest(0n);
    await commitTo(await made(joiner, request));
    // Made before the Welcome came, as of the epochs that came meanwhile.
    for (const asOf of [0n, 1n]) {
      const late = await made(joiner, { ...request, asOf: epoch(asOf) });
      const verdict = await inspect(late);
      if (verdict.kind !== 'answered') throw new Error(verdict.kind);
      const fingerprint = fingerprintOf(joiner.identity.publicKey, nodeGroupCrypto);
      expect(verdict.senderId).toEqual(senderIdOf(fingerprint, request.joinId));
      expect(await refusal(late)).toBe('an Add of a join that is in the tree');
    }
  });

  test('replaces an older one of the same key only', async () => {
    const joiner = newcomer();
    await update(3);
    const before = await made(joiner, joinRequest(2n));
    const same = await made(joiner, joinRequest(3n));
    await commitTo(await made(joiner, joinRequest(3n)));
    const reason = 'an Add that is older than the member it replaces';
    for (const old of [before, same]) expect(await inspect(old)).toEqual({ kind: 'refused', reason });
    expect((await inspect(await made(joiner, joinRequest(4n)))).kind).toBe('acceptable');
  });

  test('is told by its leaf, in one place and form', async () => {
    const value = encodeLeafJoin(joinRequest(0n));
    const join = (extensionData: Uint8Array) => ({ extensionType: LEAF_JOIN_EXTENSION, extensionData });
    for (const extensions of [[], [join(value), join(value)]]) {
      const crafted = await craftKeyPackage(newcomer(), { leaf: { extensions } });
      expect(await inspect(crafted)).toEqual({
        kind: 'refused',
        reason: 'proof of the invitation is malformed',
      });
    }
    const short = await craftKeyPackage(newcomer(), { leaf: { extensions: [join(value.subarray(1))] } });
    const reason = 'a leaf that does not say which join it is of';
    expect([await inspect(short), await refusal(short)]).toEqual([{ kind: 'refused', reason }, reason]);
  });
});
