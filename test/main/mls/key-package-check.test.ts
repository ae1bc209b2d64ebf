import { randomBytes } from 'node:crypto';
import { encodeMlsMessage } from 'ts-mls';
import type { KeyPackage } from 'ts-mls';
import { makeKeyPackageRef, signKeyPackage } from 'ts-mls/keyPackage.js';
import { beforeEach, describe, expect, test } from 'vitest';
import { suiteImplementation } from '../../../src/main/mls/client-config.ts';
import { decodeGroupRecord } from '../../../src/main/mls/group-state-codec.ts';
import { decodeKeyPackage } from '../../../src/main/mls/mls-messages.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import type { GroupHandle } from '../../../src/protocol/group/mls.ts';
import { craftKeyPackage } from '../../harness/group/crafted-key-package.ts';
import { makeMembership, testParameters, wallClock } from '../../harness/group/membership.ts';

const NO_CHANGE = { adds: [], removes: [], kicks: [] };

let mls: TsMlsAdapter;
let creator: MlsMembership;
let group: GroupHandle;
beforeEach(async () => {
  mls = new TsMlsAdapter();
  creator = makeMembership(new Uint8Array(randomBytes(16)), new Uint8Array(randomBytes(32)));
  group = (await mls.createGroup(creator, testParameters, wallClock())).group;
});

const newcomer = (): MlsMembership => makeMembership(creator.groupId, creator.joinProofKey);
const inspect = (bytes: Uint8Array) => mls.inspectKeyPackage(group, bytes, wallClock());
const encoded = (keyPackage: KeyPackage): Uint8Array =>
  encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage });
const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 9 ? byte ^ 1 : byte));
async function madeBy(member: MlsMembership): Promise<KeyPackage> {
  const keyPackage = decodeKeyPackage((await mls.keyPackage(member, wallClock())).keyPackage);
  if (keyPackage === undefined) throw new Error('the adapter makes KeyPackages');
  return keyPackage;
}

describe('a KeyPackage that is looked at', () => {
  test('and acceptable is named by its reference and signature key', async () => {
    const joiner = newcomer();
    const keyPackage = await madeBy(joiner);
    const { hash } = await suiteImplementation(0x0001);
    expect(await inspect(encoded(keyPackage))).toEqual({
      kind: 'acceptable',
      ref: await makeKeyPackageRef(keyPackage, hash),
      signatureKey: joiner.identity.publicKey,
    });
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
    const kick = await mls.stageCommit(group, { ...NO_CHANGE, kicks: [kicked.identity.publicKey] });
    if (kick.kind !== 'staged') throw new Error(kick.reason);
    const bytes = encoded(await madeBy(kicked));
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
  const plan = { adds: [encoded(await madeBy(joiner))], removes: [], kicks: [joiner.identity.publicKey] };
  expect(await mls.stageCommit(group, plan)).toEqual({ kind: 'refused', reason: 'an Add of a kicked key' });
});
