import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { equal } from '../../../src/protocol/bytes/equal.ts';
import type { LockToken } from '../../../src/protocol/counter/client.ts';
import { parseReceipt } from '../../../src/protocol/counter/receipt.ts';
import type { GroupHandle, StagedCommit } from '../../../src/protocol/group/mls.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import type { Epoch } from '../../../src/protocol/units.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { fakeEpochKey, type FakeMls } from '../../harness/group/fake-mls.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

const OTHER_KEY = new Uint8Array(32).fill(2);
const CY_KEY = new Uint8Array(32).fill(3);
const WRONG = new Uint8Array(32).fill(9);
const BROKEN = { kind: 'line-broken', author: undefined };

/** Two members in epoch 1: ours, with the counter in fenced mode, and another whose Commits come by `deliver`. */
function setUp(
  receiptOf?: (member: OneCoordinator, transcript: Uint8Array, commit: Uint8Array) => Uint8Array,
) {
  const receipts: Uint8Array[] = [];
  let begun = 0n;
  const member: OneCoordinator = new OneCoordinator('fenced', {
    // Another generation is somebody else's to open.
    lock: ({ request }) =>
      request.val === 0n
        ? { kind: 'locked', retryLaterMs: millis(60_000) }
        : { kind: 'granted', token: 'token' as LockToken, attempt: 0, expiresInMs: millis(10_000) },
    increment: ({ request }) => {
      if (request.mode === 'plain') throw new Error('fenced');
      const { val, transcript, commit } = request;
      const receipt =
        begun > 0n && receiptOf !== undefined
          ? receiptOf(member, transcript, commit)
          : member.receipt(val, transcript, { commit, previous: receipts.at(-1) });
      begun = val;
      receipts.push(receipt);
      member.current = val;
      return { kind: 'ok', receipt };
    },
  });
  // Both organise, so that either may kick.
  member.otherOrganisers = [fingerprintOf(OTHER_KEY, crypto)];
  member.startAsMember();
  const other: FakeMls = member.otherMls(OTHER_KEY);
  const sender = senderIdOf(fingerprintOf(OTHER_KEY, crypto), joinId());
  member.input({ kind: 'key-package', sender, payload: other.makeKeyPackage().keyPackage });
  member.run(100);
  const [delivery] = member.asked('publish-commit')[0]?.input.welcomes ?? [];
  const joined = other.join(delivery?.welcome ?? new Uint8Array(0));
  if (joined.kind !== 'joined') throw new Error(joined.reason);
  const stage = (): StagedCommit => {
    const outcome = other.stage(joined.group, { adds: [], removes: [], kicks: [] });
    if (outcome.kind !== 'staged') throw new Error(outcome.reason);
    return outcome.commit;
  };
  const deliver = (at: Epoch, commit: Uint8Array, receipt: Uint8Array): void => {
    member.current = at;
    member.input({ kind: 'commit-object', object: { epoch: at, object: 0, payload: commit } });
    member.input({ kind: 'commit-object', object: { epoch: at, object: 1, payload: receipt } });
    member.run(100);
  };
  const last = (): Uint8Array => receipts.at(-1) ?? new Uint8Array(0);
  return { member, other, group: joined.group satisfies GroupHandle, stage, deliver, last };
}
const kinds = ({ events }: OneCoordinator): string[] => events.map(({ kind }) => kind);

describe('somebody’s Commit', () => {
  test('is applied when its receipt names it and follows ours', () => {
    const { member, stage, deliver, last } = setUp();
    const { commit, transcript, epoch: at } = stage();
    deliver(at, commit, member.receipt(at, transcript, { commit, previous: last() }));
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n, 2n]);
    expect(kinds(member)).not.toContain('equivocation');
  });

  test('that leads to another transcript than its receipt says breaks the line, and nobody is proven to have done it', () => {
    const { member, stage, deliver, last } = setUp();
    const { commit, nextKey, epoch: at } = stage();
    deliver(at, commit, member.receipt(at, WRONG, { commit, previous: last(), nextKey }));
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n]);
    expect(member.asked('apply').length).toBe(1);
    expect(member.events).toContainEqual(BROKEN);
  });

  test('that leads to another epoch key than its receipt says breaks the line, and nobody is proven to have done it', () => {
    const { member, stage, deliver, last } = setUp();
    const { commit, transcript, epoch: at } = stage();
    deliver(at, commit, member.receipt(at, transcript, { commit, previous: last(), nextKey: WRONG }));
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n]);
    expect(member.asked('apply').length).toBe(1);
    expect(member.events).toContainEqual(BROKEN);
  });

  test('whose receipt does not follow ours is an equivocation, and nothing is applied any more', () => {
    const { member, stage, deliver } = setUp();
    const { commit, transcript, epoch: at } = stage();
    const elsewhere = member.receipt(epoch(1n), WRONG);
    deliver(at, commit, member.receipt(at, transcript, { commit, previous: elsewhere }));
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n]);
    expect(member.events).toContainEqual({ kind: 'equivocation', epoch: at });
  });

  test('that kicks somebody is remembered before the epoch is saved that it begins', () => {
    const { member, other, group, deliver, last } = setUp();
    const cy = member.otherMls(CY_KEY);
    const sender = senderIdOf(fingerprintOf(CY_KEY, crypto), joinId());
    member.input({ kind: 'key-package', sender, payload: cy.makeKeyPackage(1n).keyPackage });
    member.run(100);
    const { commit: joins } = member.asked('publish-commit').at(-1)?.input ?? { commit: WRONG };
    const seen = other.process(group, joins);
    if (seen.kind !== 'staged') expect.unreachable();
    const { view } = other.apply(group, seen.staged);
    expect(member.asked('remember-kicked')).toEqual([]);

    const leaf = view.roster.find(({ signatureKey }) => equal(signatureKey, CY_KEY))?.leaf;
    const kick = other.stage(group, { adds: [], removes: leaf === undefined ? [] : [leaf], kicks: [CY_KEY] });
    if (kick.kind !== 'staged') expect.unreachable();
    const { commit, transcript, epoch: at } = kick.commit;
    const before = member.asks.length;
    deliver(at, commit, member.receipt(at, transcript, { commit, previous: last() }));
    expect(member.epochs.at(-1)?.epoch).toBe(at);
    const kindsOf = member.asks.slice(before).map(({ ask }) => ask.kind);
    expect(kindsOf.filter((each) => ['apply', 'remember-kicked', 'save'].includes(each))).toEqual([
      'apply',
      'remember-kicked',
      'save',
    ]);
    expect(member.asked('remember-kicked')[0]?.input.keys).toEqual([CY_KEY]);
  });

  test('is not applied for a receipt of another group of the same counter', () => {
    const { member, stage, deliver, last } = setUp();
    const { commit, transcript, epoch: at } = stage();
    const group = new Uint8Array(16);
    deliver(at, commit, member.receipt(at, transcript, { commit, previous: last(), group }));
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n]);
    expect(member.asked('process')).toEqual([]);
    expect(kinds(member)).not.toContain('equivocation');
  });

  test('is not applied for a receipt that names another Commit', () => {
    const { member, stage, deliver, last } = setUp();
    const { commit, transcript, epoch: at } = stage();
    deliver(at, commit, member.receipt(at, transcript, { commit: WRONG, previous: last() }));
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n]);
    expect(member.asked('process')).toEqual([]);
  });
});

describe('our own Commit', () => {
  test('is merged with the receipt that the counter gave for it', () => {
    const { member } = setUp((of, transcript, commit) => {
      const previous = of.asked('publish-receipt').at(-1)?.input.receipt;
      return of.receipt(epoch(2n), transcript, { commit, previous });
    });
    member.input({ kind: 'update' });
    member.run(100);
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n, 2n]);
  });

  test.each(['transcript', 'epoch key'])(
    'that the counter signed with another %s breaks the line, and nobody is proven to have done it',
    (what) => {
      const { member } = setUp((of, transcript, commit) => {
        const previous = of.asked('publish-receipt').at(-1)?.input.receipt;
        const nextKey = what === 'epoch key' ? WRONG : fakeEpochKey(transcript);
        const signed = what === 'transcript' ? WRONG : transcript;
        return of.receipt(epoch(2n), signed, { commit, previous, nextKey });
      });
      member.input({ kind: 'update' });
      member.run(100);
      expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n]);
      expect(member.events).toContainEqual(BROKEN);
    },
  );

  test('of which nothing is staged here says that our state is too old: it is erased, and we join again', () => {
    const { member, other, group, deliver, last } = setUp();
    const staged = other.stage(group, { adds: [], removes: [], kicks: [] });
    if (staged.kind !== 'staged') expect.unreachable();
    // Ours, of a process after the one whose state is back.
    const ours = { ...(JSON.parse(Buffer.from(staged.commit.commit).toString()) as object), committer: 0 };
    const commit = new Uint8Array(Buffer.from(JSON.stringify(ours)));
    const at = epoch(2n);
    const before = member.asks.length;
    deliver(at, commit, member.receipt(at, WRONG, { commit, previous: last() }));
    const asked = member.asks.slice(before).map(({ ask }) => ask.kind);
    expect(asked.slice(0, 4)).toEqual(['process', 'forget-group', 'erase', 'enter-group']);
    expect(member.events).toContainEqual({ kind: 'generation', generation: 0 });
    // Nowhere else: the line goes on.
    expect(asked).not.toContain('room');
  });

  test('that the counter chained to another past is an equivocation', () => {
    const { member } = setUp((of, transcript, commit) => of.receipt(epoch(2n), transcript, { commit }));
    member.input({ kind: 'update' });
    member.run(100);
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n]);
    expect(kinds(member)).toContain('equivocation');
  });
});

test('the log that rests on disk has each receipt with its Commit', () => {
  const { member, stage, deliver, last } = setUp();
  const { commit, transcript, epoch: at } = stage();
  const receipt = member.receipt(at, transcript, { commit, previous: last() });
  deliver(at, commit, receipt);
  const { log } = member.asked('save').at(-1)?.input.record ?? { log: [] };
  expect(log.map((entry) => [parseReceipt(entry.receipt).epoch, entry.epoch])).toEqual([
    [1n, 1n],
    [2n, 2n],
  ]);
  expect(log.at(-1)).toEqual({ epoch: 2n, receipt, commit });
});

describe('in fenced mode', () => {
  test('a Commit with a receipt that nobody can process breaks the line: we wait for the meeting to move, and join again in the end', () => {
    const { member, deliver, last } = setUp();
    const commit = new Uint8Array(Buffer.from(JSON.stringify({ group: 'other' })));
    deliver(epoch(2n), commit, member.receipt(epoch(2n), WRONG, { commit, previous: last() }));
    expect(member.asked('process').length).toBe(1);
    expect(member.events).toContainEqual(BROKEN);
    // Whatever is wanted, and whoever comes: our place is kept, and nothing else is done in it.
    const before = member.asks.length;
    member.input({ kind: 'update' });
    member.run(DEFAULT_TIMING.broken - 1_000);
    expect(member.asks.slice(before)).toEqual([]);
    expect(member.asked('remember-kicked')).toEqual([]);
    member.run(2_000);
    const kinds = member.asks.slice(before).map(({ ask }) => ask.kind);
    expect(kinds.slice(0, 3)).toEqual(['forget-group', 'erase', 'room']);
    expect(member.events).toContainEqual({ kind: 'generation', generation: 1 });
    // Where the meeting is, the counter says: here it goes on without us.
    expect(member.asked('publish-key-package').at(-1)?.input.group).toEqual(member.group);
  });

  test.each([true, false])(
    'a place in a line that is broken is given up when that is wanted (joins again: %s)',
    (rejoins) => {
      const { member, deliver, last } = setUp();
      member.input({ kind: 'abandon', rejoins });
      member.run(1_000);
      expect(member.asked('erase')).toEqual([]);
      const commit = new Uint8Array(Buffer.from(JSON.stringify({ group: 'other' })));
      deliver(epoch(2n), commit, member.receipt(epoch(2n), WRONG, { commit, previous: last() }));
      member.input({ kind: 'abandon', rejoins });
      member.run(100);
      expect(member.asked('erase')).toHaveLength(1);
      if (rejoins) expect(member.events).toContainEqual({ kind: 'generation', generation: 1 });
      else expect(member.events.at(-1)).toEqual({ kind: 'stopped', reason: 'line-broken' });
    },
  );

  test('whoever signed a Commit that breaks a rule is named, and remembered as kicked', () => {
    const { member, stage, deliver, last } = setUp();
    const rogue = { ...(JSON.parse(Buffer.from(stage().commit).toString()) as object), removes: [7] };
    const commit = new Uint8Array(Buffer.from(JSON.stringify(rogue)));
    deliver(epoch(2n), commit, member.receipt(epoch(2n), WRONG, { commit, previous: last() }));
    const author = member.epochs.at(-1)?.roster.find(({ signatureKey }) => equal(signatureKey, OTHER_KEY));
    expect(author).toBeDefined();
    expect(member.events).toContainEqual({ kind: 'line-broken', author });
    expect(member.asked('remember-kicked').map(({ input }) => input.keys)).toEqual([[OTHER_KEY]]);
  });

  test('an epoch says who made it, when by the counter’s clock, and who came and went', () => {
    const { member, stage, deliver, last } = setUp();
    const { commit, transcript, epoch: at } = stage();
    deliver(at, commit, member.receipt(at, transcript, { commit, previous: last() }));
    const epochs = member.events.flatMap((event) => (event.kind === 'epoch' ? [event] : []));
    expect(epochs.map(({ by, receipt }) => [by, receipt?.receipt.time])).toEqual([
      [undefined, undefined],
      [0, 1_000_000],
      [1, 1_000_000],
    ]);
    expect(epochs.map(({ change }) => [change.added.length, change.removed.length])).toEqual([
      [0, 0],
      [1, 0],
      [0, 0],
    ]);
  });

  test('whoever was let in by somebody else waits for us no more', () => {
    const { member, other, group, deliver, last } = setUp();
    const key = new Uint8Array(32).fill(3);
    const payload = member.otherMls(key).makeKeyPackage().keyPackage;
    const sender = senderIdOf(fingerprintOf(key, crypto), joinId());
    member.input({ kind: 'key-package', sender, payload });
    const staged = other.stage(group, { adds: [payload], removes: [], kicks: [] });
    if (staged.kind !== 'staged') throw new Error(staged.reason);
    const { commit, transcript, epoch: at } = staged.commit;
    deliver(at, commit, member.receipt(at, transcript, { commit, previous: last() }));
    member.run(5_000);
    expect(member.epochs.at(-1)?.roster.length).toBe(3);
    expect(member.asked('stage').length).toBe(1);
  });

  test('our Commit that lost is forgotten with the epoch, and what it was to do is done in the next', () => {
    const { member, stage, deliver, last } = setUp();
    member.hold('lock');
    member.input({ kind: 'update' });
    const { commit, transcript, epoch: at } = stage();
    deliver(at, commit, member.receipt(at, transcript, { commit, previous: last() }));
    member.release();
    member.run(1_000);
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n, 2n]);
    const commits = member.asked('publish-commit').map(({ input }) => input.epoch);
    expect(commits).toEqual([1n, 3n]);
    expect(member.asked('stage').length).toBe(3);
  });
});

test.each([
  [true, { kind: 'stopped', reason: 'kicked' }],
  [false, { kind: 'status', step: 'waiting-for-member' }],
])('a Commit with its receipt that removes us (for good: %s) ends our membership', (kick, last) => {
  const scene = setUp();
  const { member, other, group, deliver } = scene;
  const kicks = kick ? [new Uint8Array(32).fill(1)] : [];
  const staged = other.stage(group, { adds: [], removes: [leafIndex(0)], kicks });
  if (staged.kind !== 'staged') throw new Error(staged.reason);
  const { commit, transcript, epoch: at } = staged.commit;
  deliver(at, commit, member.receipt(at, transcript, { commit, previous: scene.last() }));
  expect(member.events.at(-1)).toEqual(last);
  expect(member.asked('erase')).toHaveLength(1);
});

test('a second receipt of an epoch that we are still in is an equivocation, wherever it comes from', () => {
  for (const from of ['track', 'log'] as const) {
    const { member, stage, last } = setUp();
    const { commit, transcript, epoch: at } = stage();
    const one = member.receipt(at, transcript, { commit: WRONG, previous: last() });
    const two = member.receipt(at, WRONG, { commit, previous: last() });
    member.input({ kind: 'commit-object', object: { epoch: at, object: 1, payload: one } });
    if (from === 'track')
      member.input({ kind: 'commit-object', object: { epoch: at, object: 3, payload: two } });
    else {
      member.current = at;
      member.logged = [{ epoch: at, attempt: 0, commit, receipt: two }];
      member.run(3_000);
    }
    expect(member.events.at(-1)).toEqual({ kind: 'equivocation', epoch: at });
  }
});
