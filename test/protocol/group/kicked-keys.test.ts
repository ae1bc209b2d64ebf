/** Whoever remembers a kick is in no group with the kicked key, in whichever generation of the room. */
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { ByteWriter } from '../../../src/protocol/bytes/byte-writer.ts';
import { concat } from '../../../src/protocol/bytes/concat.ts';
import { KickedKeys } from '../../../src/protocol/group/coordination/kicked-keys.ts';
import {
  encodeMeetingParameters,
  MEETING_PARAMETERS_EXTENSION,
} from '../../../src/protocol/group/meeting-parameters.ts';
import type { MasterKey } from '../../../src/protocol/group/mls.ts';
import { encodeContext, encodeVector } from '../../../src/protocol/group/mls-bytes.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { joinId } from '../../harness/group/membership.ts';
import { OneCoordinator } from './one-coordinator.ts';

const KICKED = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);
const TAKEN = { kind: 'stopped', reason: 'kicked-is-there' };

/** What the counter logs for epoch 0 of a group that somebody makes. */
function genesisOf(founder: Uint8Array): Uint8Array {
  const parameters = encodeMeetingParameters({
    secureObjectsSuite: 4,
    profile: '01',
    mode: 'plain',
    receiptKey: undefined,
    kickedKeys: [],
    admission: 'open',
    organisers: [fingerprintOf(founder, crypto)],
  });
  const extension = concat(
    new ByteWriter().u16(MEETING_PARAMETERS_EXTENSION).finish(),
    encodeVector(parameters),
  );
  return encodeContext({
    suite: 1,
    groupId: new Uint8Array(16),
    epoch: epoch(0n),
    treeHash: new Uint8Array(32),
    transcript: new Uint8Array(0),
    extensions: encodeVector(extension),
  });
}

/** A joiner of a group that somebody has made, with what it remembers of the room. */
function joinerOf(founder: Uint8Array, kickedKeys: readonly Uint8Array[], isAnswered = () => true) {
  const joiner: OneCoordinator = new OneCoordinator('fenced', {
    history: () => {
      if (!isAnswered()) return { kind: 'unreachable', reason: 'away' };
      const commit = genesisOf(founder);
      const receipt = joiner.receipt(epoch(0n), new Uint8Array(0), { commit });
      const entries = [{ epoch: epoch(0n), attempt: 0, commit, receipt }];
      return { kind: 'ok', current: epoch(0n), entries, nextFrom: undefined };
    },
  });
  joiner.kickedKeys = kickedKeys;
  joiner.startJoining();
  joiner.run(100);
  return joiner;
}

describe('a generation that a kicked key has begun', () => {
  test('is told by the counter’s log, before its members hear of us', () => {
    const joiner = joinerOf(KICKED, [OTHER, KICKED]);
    expect(joiner.events.at(-1)).toEqual(TAKEN);
    expect(joiner.asked('publish-key-package')).toEqual([]);
    expect(joiner.asked('create-group')).toEqual([]);
  });

  test.each([
    ['who remembers another key', [OTHER], 1],
    ['who remembers nothing, and asks for no log', [], 0],
  ])('is joined by somebody %s', (_, remembered, asks) => {
    const joiner = joinerOf(KICKED, remembered);
    expect(joiner.asked('publish-key-package')).toHaveLength(1);
    expect(joiner.asked('history')).toHaveLength(asks);
  });

  test('is not joined while the log cannot be read, which is said and tried again', () => {
    let isAnswered = false;
    const joiner = joinerOf(OTHER, [KICKED], () => isAnswered);
    joiner.run(20_000);
    expect(joiner.events.at(-1)).toEqual({ kind: 'status', step: 'counter-unreachable' });
    expect(joiner.asked('publish-key-package')).toEqual([]);
    isAnswered = true;
    joiner.run(10_000);
    expect(joiner.asked('publish-key-package').length).toBeGreaterThan(0);
  });

  test('is not told by what is no GroupContext', () => {
    const kicked = new KickedKeys([KICKED], crypto);
    const genesis = genesisOf(KICKED);
    expect(kicked.haveBegun(genesis)).toBe(true);
    for (const bytes of [new Uint8Array(0), genesis.subarray(1), genesis.subarray(0, -1), KICKED])
      expect(kicked.haveBegun(bytes)).toBe(false);
  });
});

describe('a group that has a kicked key', () => {
  test.each([
    ['as a member', KICKED, OTHER],
    ['as an organiser who is away', OTHER, KICKED],
  ])('%s is not entered, and its key erased', (_, member, organiser) => {
    const masterKey = new Uint8Array(32).fill(1) as MasterKey;
    const joiner: OneCoordinator = new OneCoordinator('plain', {
      join: () => {
        const others = [fingerprintOf(organiser, crypto)];
        const { group, view } = joiner.otherMls(member).createGroup(joiner.group, joinId(), others);
        return { kind: 'joined', group, view: { ...view, epoch: epoch(1n) }, masterKey };
      },
    });
    joiner.kickedKeys = [KICKED];
    joiner.startJoining();
    joiner.input({ kind: 'welcome-object', object: { epoch: epoch(1n), object: 0, payload: OTHER } });
    expect(joiner.events.at(-1)).toEqual(TAKEN);
    expect([joiner.epochs, joiner.asked('forget-group').length]).toEqual([[], 1]);
    expect(masterKey).toEqual(new Uint8Array(32));
  });
});

describe('a member', () => {
  test('lets nobody in whom it remembers as kicked, and says that it asked', () => {
    const member = new OneCoordinator('plain');
    member.kickedKeys = [KICKED];
    member.startAsMember();
    const sender = senderIdOf(fingerprintOf(KICKED, crypto), joinId());
    const { keyPackage } = member.otherMls(KICKED).makeKeyPackage();
    member.input({ kind: 'key-package', sender, payload: keyPackage });
    member.run(1_000);
    expect(member.events).toContainEqual({ kind: 'kicked-asks', signatureKey: KICKED });
    expect(member.asked('stage')).toEqual([]);
  });

  test('leaves where others let such a one in, and announces no key of that epoch', () => {
    const member = new OneCoordinator('plain');
    member.kickedKeys = [KICKED];
    member.startAsMember();
    const other = member.otherMls(OTHER);
    const sender = senderIdOf(fingerprintOf(OTHER, crypto), joinId());
    member.input({ kind: 'key-package', sender, payload: other.makeKeyPackage().keyPackage });
    member.run(1_000);
    const joined = other.join(member.asked('publish-commit')[0]?.input.welcomes[0]?.welcome ?? OTHER);
    if (joined.kind !== 'joined') expect.unreachable();
    const { keyPackage } = member.otherMls(KICKED).makeKeyPackage(1n);
    const staged = other.stage(joined.group, { adds: [keyPackage], removes: [], kicks: [] });
    if (staged.kind !== 'staged') expect.unreachable();
    const { commit: payload } = staged.commit;
    const saves = member.asked('save').length;
    member.input({ kind: 'commit-object', object: { epoch: epoch(2n), object: 0, payload } });
    expect(member.events.at(-1)).toEqual(TAKEN);
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n]);
    expect([member.asked('save').length, member.asked('erase').length]).toEqual([saves, 1]);
  });
});

test('a kick of somebody who goes before it is made closes the door, and lets it in no more', () => {
  const member = new OneCoordinator('plain');
  member.otherOrganisers = [fingerprintOf(OTHER, crypto)];
  member.startAsMember();
  const other = member.otherMls(OTHER);
  const [senderOfOther, senderOfKicked] = [OTHER, KICKED].map((key) =>
    senderIdOf(fingerprintOf(key, crypto), joinId()),
  );
  if (senderOfOther === undefined || senderOfKicked === undefined) expect.unreachable();
  member.input({ kind: 'key-package', sender: senderOfOther, payload: other.makeKeyPackage().keyPackage });
  member.run(1_000);
  const joined = other.join(member.asked('publish-commit')[0]?.input.welcomes[0]?.welcome ?? OTHER);
  if (joined.kind !== 'joined') expect.unreachable();
  const { group } = joined;
  const deliver = (plan: { adds: Uint8Array[]; removes: number[] }): void => {
    const staged = other.stage(group, { adds: plan.adds, removes: plan.removes.map(leafIndex), kicks: [] });
    if (staged.kind !== 'staged') expect.unreachable();
    other.apply(group, staged.commit.staged);
    const { epoch: at, commit: payload } = staged.commit;
    member.input({ kind: 'commit-object', object: { epoch: at, object: 0, payload } });
  };
  deliver({ adds: [member.otherMls(KICKED).makeKeyPackage(1n).keyPackage], removes: [] });
  member.kick(2);
  // The others were faster: it has left, and nobody has barred it.
  deliver({ adds: [], removes: [2] });
  expect(member.epochs.at(-1)).toMatchObject({
    epoch: 3n,
    parameters: { kickedKeys: [], admission: 'open' },
  });
  const { keyPackage } = member.otherMls(KICKED).makeKeyPackage(3n, new Uint8Array(8).fill(9));
  const sender = senderIdOf(fingerprintOf(KICKED, crypto), joinId(9));
  member.input({ kind: 'key-package', sender, payload: keyPackage });
  member.run(5_000);
  expect(member.events).toContainEqual({ kind: 'kicked-asks', signatureKey: KICKED });
  const plans = member.asked('stage').map(({ input }) => input.plan);
  expect(plans.slice(1)).toMatchObject([{ adds: [], removes: [], settings: { admission: 'ask' } }]);
  expect(member.epochs.at(-1)?.parameters.admission).toBe('ask');

  // Where others let it in all the same, it is out at once, and for good.
  const closed = member.asked('publish-commit').at(-1)?.input.commit ?? OTHER;
  const seen = other.process(group, closed);
  if (seen.kind !== 'staged') expect.unreachable();
  other.apply(group, seen.staged);
  deliver({ adds: [keyPackage], removes: [] });
  member.run(1_000);
  expect(member.epochs.at(-1)?.parameters.kickedKeys).toEqual([KICKED]);
});
