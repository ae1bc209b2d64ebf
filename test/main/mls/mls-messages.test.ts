import { createHash, randomBytes } from 'node:crypto';
import { encodeMlsMessage } from 'ts-mls';
import { describe, expect, test } from 'vitest';
import {
  decodeKeyPackage,
  decodeWhole,
  MLS_LIMITS,
  nameOf,
  planToProposals,
} from '../../../src/main/mls/mls-messages.ts';
import type { MlsMembership } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { decodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import {
  encodeMeetingParameters,
  MAX_KICKED_KEYS,
  MEETING_PARAMETERS_EXTENSION,
} from '../../../src/protocol/group/meeting-parameters.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { craftKeyPackage } from '../../harness/group/crafted-key-package.ts';
import {
  founding,
  joinRequest,
  makeMembership,
  NO_CHANGE,
  testParameters,
} from '../../harness/group/membership.ts';

const membership = makeMembership(randomBytes(16), randomBytes(32));
const keyPackageOf = async (member: MlsMembership): Promise<Uint8Array> =>
  (await new TsMlsAdapter().keyPackage(member, joinRequest())).keyPackage;
const privateMessage = (bytes: number): Uint8Array =>
  encodeMlsMessage({
    version: 'mls10',
    wireformat: 'mls_private_message',
    privateMessage: {
      groupId: membership.groupId,
      epoch: 0n,
      contentType: 'commit',
      authenticatedData: new Uint8Array(0),
      encryptedSenderData: new Uint8Array(0),
      ciphertext: new Uint8Array(bytes),
    },
  });

describe('a message', () => {
  test('takes up all of its bytes', async () => {
    const bytes = await keyPackageOf(membership);
    expect(decodeWhole(bytes)?.wireformat).toBe('mls_key_package');
    expect(decodeWhole(Uint8Array.of(...bytes, 0))).toBeUndefined();
    for (let length = 0; length < bytes.length; length += 1) {
      expect(decodeWhole(bytes.subarray(0, length))).toBeUndefined();
    }
  });

  test('shares no memory with the bytes that it was read from', async () => {
    const bytes = await keyPackageOf(membership);
    const decoded = decodeKeyPackage(bytes);
    bytes.fill(0);
    expect(decoded?.leafNode.signaturePublicKey).toEqual(membership.identity.publicKey);
  });

  test('of another kind is no KeyPackage', () => {
    expect(decodeWhole(privateMessage(10))?.wireformat).toBe('mls_private_message');
    expect(decodeKeyPackage(privateMessage(10))).toBeUndefined();
  });

  test('with a KeyPackage has at most 32 KiB', async () => {
    const sized = async (bytes: number): Promise<Uint8Array> => {
      const filler = { extensionType: 0xfafa, extensionData: new Uint8Array(bytes) };
      return craftKeyPackage(membership, { keyPackage: { extensions: [filler] } });
    };
    // Lengths take two bytes each here; four from 16 KiB on.
    const rest = (await sized(20_000)).length - 20_000;
    const largest = await sized(MLS_LIMITS.keyPackage - rest);
    expect(largest.length).toBe(32 * 1024);
    expect(decodeKeyPackage(largest)).toBeDefined();
    expect(decodeKeyPackage(await sized(MLS_LIMITS.keyPackage - rest + 1))).toBeUndefined();
  });
});

/** An organiser stays. */
const nobody = (): undefined => undefined;

describe('a plan', () => {
  const kicked = { ...testParameters, kickedKeys: [new Uint8Array(32).fill(1)] };

  test('that changes nothing has no proposals', () => {
    expect(planToProposals(NO_CHANGE, kicked, nobody)).toEqual([]);
  });

  test('gives its removals, additions and kicked keys as proposals, by value', async () => {
    const joiner = await keyPackageOf(membership);
    const keyPackage = decodeKeyPackage(joiner);
    const another = new Uint8Array(32).fill(2);
    const planned = planToProposals(
      { adds: [joiner], removes: [leafIndex(3)], kicks: [another] },
      kicked,
      nobody,
    );
    const kickedKeys = [...kicked.kickedKeys, another];
    const parameters = { ...testParameters, kickedKeys, admission: 'ask' } as const;
    const extensionData = encodeMeetingParameters(parameters);
    expect(planned).toEqual([
      { proposalType: 'remove', remove: { removed: 3 } },
      { proposalType: 'add', add: { keyPackage } },
      {
        proposalType: 'group_context_extensions',
        groupContextExtensions: {
          extensions: [{ extensionType: MEETING_PARAMETERS_EXTENSION, extensionData }],
        },
      },
    ]);
  });

  test('to kick a key that is kicked already does not change the parameters', () => {
    const again = { ...NO_CHANGE, kicks: [new Uint8Array(32).fill(1)] };
    expect(planToProposals(again, kicked, nobody)).toEqual([]);
  });

  test('with an Add of something else cannot be carried out', () => {
    expect(planToProposals({ ...NO_CHANGE, adds: [privateMessage(10)] }, kicked, nobody)).toEqual({
      kind: 'refused',
      reason: 'an Add of something that is not a KeyPackage',
    });
  });

  test('to kick more keys than a meeting can have cannot be carried out', () => {
    const full = (keys: number) => ({
      ...testParameters,
      kickedKeys: Array.from({ length: keys }, (_, at) => new Uint8Array(32).fill(at >> 8, 1).fill(at, 0, 1)),
    });
    const kick = { ...NO_CHANGE, kicks: [new Uint8Array(32).fill(255)] };
    expect(planToProposals(kick, full(MAX_KICKED_KEYS - 1), nobody)).toHaveLength(1);
    expect(planToProposals(kick, full(MAX_KICKED_KEYS), nobody)).toEqual({
      kind: 'refused',
      reason: 'more kicked keys than a meeting can have',
    });
  });
});

test('a roster names each member by leaf and keys, over leaves that became empty', async () => {
  const mls = new TsMlsAdapter();
  const { groupId, joinProofKey } = membership;
  const members = Array.from({ length: 4 }, () => makeMembership(groupId, joinProofKey));
  const [first, ...joiners] = members;
  if (first === undefined) throw new Error('four members');
  const { group } = await mls.createGroup(first, founding());
  const packages = await Promise.all(joiners.map(keyPackageOf));
  const change = async (plan: typeof NO_CHANGE | Parameters<typeof mls.stageCommit>[1]) => {
    const outcome = await mls.stageCommit(group, plan);
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    return (await mls.apply(group, outcome.commit.staged)).view.roster;
  };
  const all = await change({ ...NO_CHANGE, adds: packages });
  expect(all.map(({ leaf, signatureKey }) => [leaf, signatureKey])).toEqual(
    members.map(({ identity }, leaf) => [leaf, identity.publicKey]),
  );
  for (const { signatureKey, fingerprint } of all) {
    expect(fingerprint).toEqual(new Uint8Array(createHash('sha256').update(signatureKey).digest()));
  }
  expect(all.slice(1).map(({ senderId, asOf }) => [decodeUtf8(senderId), asOf])).toEqual(
    packages.map((bytes) => {
      const leaf = decodeKeyPackage(bytes)!.leafNode;
      const join = leaf.extensions[0]!.extensionData;
      const fingerprint = createHash('sha256').update(leaf.signaturePublicKey).digest();
      return [Buffer.concat([fingerprint, join.subarray(8)]).toString('base64url'), 0n];
    }),
  );
  const left = await change({ ...NO_CHANGE, removes: [leafIndex(2)] });
  expect(left.map(({ leaf }) => leaf)).toEqual([0, 1, 3]);
});

test('what is thrown has a name, whatever it is', () => {
  expect(nameOf(new TypeError('no key'))).toBe('no key');
  expect(nameOf('no key')).toBe('no key');
});
