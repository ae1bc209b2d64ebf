import { randomBytes } from 'node:crypto';
import type { Capabilities } from 'ts-mls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { capabilitiesOf, credentialOf, SUITE_NAMES } from '../../../src/main/mls/client-config.ts';
import { decodeKeyPackage } from '../../../src/main/mls/mls-messages.ts';
import type { MlsMembership, MlsPort } from '../../../src/main/mls/mls-port.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { startMlsWorker } from '../../../src/main/mls/worker-mls-port.ts';
import type { GroupHandle, MlsSuite } from '../../../src/protocol/group/mls.ts';
import { craftKeyPackage } from '../../harness/group/crafted-key-package.ts';
import type { Craft } from '../../harness/group/crafted-key-package.ts';
import { founding, joinRequest, makeMembership, NO_CHANGE } from '../../harness/group/membership.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { addOf, addsOf, rogueCommit } from '../../harness/group/rogue-commit.ts';
import { SMALL_ORDER } from '../../harness/group/small-order.ts';

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const without = (change: Partial<Capabilities>): Craft => ({
  leaf: { capabilities: { ...capabilitiesOf(0x0001), ...change } },
});
/** Says in its leaf what its own capabilities leave out. */
const DISAGREEING: Craft = {
  leafExtensions: [{ extensionType: 0xfafa, extensionData: Uint8Array.of(1) }],
};
const WRONG_CREDENTIAL: Craft = {
  leaf: { credential: { credentialType: 'basic', identity: new Uint8Array(32) } },
};
/** The neutral point of Edwards25519 in two of its encodings, and one of the points of order 2. */
const FORGEABLE = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(bytesOf);
const NO_POINT = bytesOf('0200000000000000000000000000000000000000000000000000000000000000');

const FAULTS: [string, Craft, string][] = [
  ['an extension that its capabilities leave out', DISAGREEING, 'an extension beyond its capabilities'],
  [
    'no capability for its credential',
    without({ credentials: ['x509'] }),
    'a credential beyond its capabilities',
  ],
  ['no capability for its version', without({ versions: [] }), 'another version of MLS'],
  ['no capability for its suite', without({ ciphersuites: [] }), 'another cipher suite'],
  [
    'no capability for the meeting parameters',
    without({ extensions: [0xf0c2, 0xf0c3] }),
    'no support for an extension of the group',
  ],
  [
    'an identity that is not its fingerprint',
    WRONG_CREDENTIAL,
    'a credential or signature that does not verify',
  ],
  [
    'a certificate for its credential',
    {
      leaf: {
        credential: { credentialType: 'x509', certificates: [Uint8Array.of(1)] },
        capabilities: { ...capabilitiesOf(0x0001), credentials: ['basic', 'x509'] },
      },
    },
    'a credential or signature that does not verify',
  ],
  ['no proof of the invitation', { keyPackage: { extensions: [] } }, 'proof of the invitation is malformed'],
  [
    'another suite',
    { keyPackage: { cipherSuite: 'MLS_256_XWING_AES256GCM_SHA512_Ed25519' } },
    'another cipher suite',
  ],
  [
    'another suite, though it supports it',
    {
      keyPackage: { cipherSuite: 'MLS_256_XWING_AES256GCM_SHA512_Ed25519' },
      ...without({ ciphersuites: [SUITE_NAMES[0x0001], SUITE_NAMES[0x0053]] }),
    },
    'another cipher suite',
  ],
  ...FORGEABLE.map((key, at): [string, Craft, string] => [
    `a signature key under which anybody signs anything ${String(at)}`,
    {
      leaf: { signaturePublicKey: key, credential: credentialOf(key) },
      // R is the neutral point and S is 0.
      signature: new Uint8Array(64).with(0, 1),
    },
    'a credential or signature that does not verify',
  ]),
  [
    'a signature key that is no point',
    {
      leaf: { signaturePublicKey: NO_POINT, credential: credentialOf(NO_POINT) },
      signature: new Uint8Array(64).with(0, 1),
    },
    'a credential or signature that does not verify',
  ],
  ...SMALL_ORDER.flatMap((key, at): [string, Craft, string][] => [
    [
      `leaf key of small order ${String(at)}`,
      { leaf: { hpkePublicKey: key } },
      'an Add with a key that nothing can be sealed to',
    ],
    [
      `init key of small order ${String(at)}`,
      { keyPackage: { initKey: key } },
      'an Add with a key that nothing can be sealed to',
    ],
  ]),
  [
    'a leaf key that is too short',
    { leaf: { hpkePublicKey: new Uint8Array(31).fill(9) } },
    'an Add with a key that nothing can be sealed to',
  ],
  [
    'an empty init key',
    { keyPackage: { initKey: new Uint8Array(0) } },
    'an Add with a key that nothing can be sealed to',
  ],
];

describe.each<[string, () => MlsPort]>([
  ['in this thread', () => new TsMlsAdapter()],
  [
    'in a worker',
    () => startMlsWorker({ script: new URL('../../harness/group/mls-worker-source.mjs', import.meta.url) }),
  ],
])('hostile KeyPackages for MLS %s', (_, open) => {
  let mls: MlsPort;
  beforeAll(() => {
    mls = open();
  });
  afterAll(() => mls.close());

  const start = async (suite: MlsSuite = 0x0001) => {
    const groupId = new Uint8Array(randomBytes(16));
    const secret = new Uint8Array(randomBytes(32));
    const newcomer = (): MlsMembership => makeMembership(groupId, secret, suite);
    const { group } = await mls.createGroup(newcomer(), founding());
    const enter = async (): Promise<GroupHandle> => {
      const joiner = newcomer();
      const { keyPackage } = await mls.keyPackage(joiner, joinRequest());
      const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds: [keyPackage] });
      if (outcome.kind !== 'staged') throw new Error(outcome.reason);
      await mls.apply(group, outcome.commit.staged);
      const joined = await mls.join(joiner, outcome.commit.welcomes[0]?.welcome ?? new Uint8Array(0));
      if (joined.kind !== 'joined') throw new Error(joined.reason);
      return joined.group;
    };
    return { group, newcomer, enter };
  };
  /** Whatever was rejected on the side would have ended the thread by the time of the next turn. */
  const canStillCommit = async (group: GroupHandle, newcomer: MlsMembership): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    const { keyPackage } = await mls.keyPackage(newcomer, joinRequest());
    const outcome = await mls.stageCommit(group, { ...NO_CHANGE, adds: [keyPackage] });
    expect(outcome).toMatchObject({ kind: 'staged' });
  };

  test.each(FAULTS)('%s: refused when it is looked at, and in a plan', async (_name, craft, reason) => {
    const { group, newcomer } = await start();
    const keyPackage = await craftKeyPackage(newcomer(), craft);
    expect(await mls.inspectKeyPackage(group, keyPackage)).toEqual({ kind: 'refused', reason });
    const plan = { ...NO_CHANGE, adds: [keyPackage] };
    expect(await mls.stageCommit(group, plan)).toMatchObject({ kind: 'refused' });
    await canStillCommit(group, newcomer());
  });

  test.each([
    ['that contradict their own capabilities', DISAGREEING],
    ['whose credentials are not theirs', WRONG_CREDENTIAL],
  ])('two in one plan %s are refused, and MLS lives on', async (_name, craft) => {
    const { group, newcomer } = await start();
    const adds = [await craftKeyPackage(newcomer(), craft), await craftKeyPackage(newcomer(), craft)];
    expect(await mls.stageCommit(group, { ...NO_CHANGE, adds })).toMatchObject({ kind: 'refused' });
    await canStillCommit(group, newcomer());
  });

  test('two in a Commit of a member that lets them pass are refused, and MLS lives on', async () => {
    const { group, newcomer, enter } = await start();
    const rogue = await enter();
    const adds = [
      await craftKeyPackage(newcomer(), WRONG_CREDENTIAL),
      await craftKeyPackage(newcomer(), WRONG_CREDENTIAL),
    ];
    const member = newcomer();
    const commit = await rogueCommit(mls, rogue, await addsOf(member, ...adds), member);
    expect(await mls.processCommit(group, commit)).toEqual({
      kind: 'refused',
      reason: 'Could not validate credential',
      author: leafIndex(1),
    });
    await canStillCommit(group, newcomer());
  });

  test('a leaf key of small order in a member’s Commit is refused, so that others can be removed later', async () => {
    const { group, newcomer, enter } = await start();
    const rogue = await enter();
    const member = newcomer();
    const keyPackage = await craftKeyPackage(member, { leaf: { hpkePublicKey: new Uint8Array(32) } });
    const commit = await rogueCommit(mls, rogue, await addsOf(member, keyPackage), member);
    expect(await mls.processCommit(group, commit)).toEqual({
      kind: 'refused',
      reason: 'an Add with a key that nothing can be sealed to',
      author: leafIndex(1),
    });
  });

  test('one that copies another joiner’s key costs that one nothing but a Commit of its own', async () => {
    const { group, newcomer } = await start();
    const honest = await mls.keyPackage(newcomer(), joinRequest());
    const { proposalType, ...add } = addOf(honest.keyPackage);
    if (!('add' in add)) throw new Error(String(proposalType));
    const { hpkePublicKey } = add.add.keyPackage.leafNode;
    const copy = await craftKeyPackage(newcomer(), { leaf: { hpkePublicKey } });
    // Alone it is as good as any; together they would be refused by all who receive the Commit.
    expect((await mls.inspectKeyPackage(group, copy)).kind).toBe('acceptable');
    const both = { ...NO_CHANGE, adds: [honest.keyPackage, copy] };
    expect(await mls.stageCommit(group, both)).toEqual({
      kind: 'refused',
      reason: 'an Add with a key that is in use',
    });
    const alone = { ...NO_CHANGE, adds: [honest.keyPackage] };
    expect(await mls.stageCommit(group, alone)).toMatchObject({ kind: 'staged' });
  });

  test('suite 0x53 refuses keys that are none of its own', async () => {
    const { group, newcomer } = await start(0x0053);
    const { leafNode } = decodeKeyPackage((await mls.keyPackage(newcomer(), joinRequest())).keyPackage)!;
    // The half of X25519 comes last.
    const withHalf = (half: Uint8Array): Uint8Array => {
      const key = leafNode.hpkePublicKey.slice();
      key.set(half, key.length - half.length);
      return key;
    };
    for (const hpkePublicKey of [
      new Uint8Array(32).fill(9),
      new Uint8Array(1216).fill(0xff),
      ...SMALL_ORDER.map(withHalf),
    ]) {
      const keyPackage = await craftKeyPackage(newcomer(), { leaf: { hpkePublicKey } });
      expect(await mls.inspectKeyPackage(group, keyPackage)).toMatchObject({
        reason: 'an Add with a key that nothing can be sealed to',
      });
    }
  });
});
