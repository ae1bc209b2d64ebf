/** What a member does with KeyPackages, with signs that it misses something, and with its own log. */
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { CounterMode, HistoryOutcome } from '../../../src/protocol/counter/client.ts';
import type { GroupInput } from '../../../src/protocol/group/coordination/context.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { fingerprintOf, fingerprintOfSender, senderIdOf } from '../../../src/protocol/group/names.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import type { Epoch } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

const { batch, receipt, history, historyLeast, historyPerMember, grace, resend } = DEFAULT_TIMING;
type Knock = Extract<GroupInput, { kind: 'key-package' }>;

function knock(member: OneCoordinator, number: number): Knock {
  const key = new Uint8Array(32)
    .fill(7)
    .with(0, number % 256)
    .with(1, number >> 8);
  const sender = senderIdOf(fingerprintOf(key, crypto), joinId());
  return { kind: 'key-package', sender, payload: member.otherMls(key).makeKeyPackage().keyPackage };
}
/** A member that has made a group and is alone in it, in epoch 0. */
function alone(
  mode: CounterMode,
  answers: ConstructorParameters<typeof OneCoordinator>[1] = {},
): OneCoordinator {
  const member = new OneCoordinator(mode, answers);
  member.startCreating();
  member.run(1);
  return member;
}
/** A member in epoch 1 with others. */
function together(mode: CounterMode, others = 1): OneCoordinator {
  const member = alone(mode);
  for (let each = 0; each < others; each += 1) member.input(knock(member, 100 + each));
  member.run(batch);
  expect(member.epochs.at(-1)?.roster.length).toBe(1 + others);
  return member;
}
const kindsFrom = (member: OneCoordinator, from: number): string[] =>
  member.asks.slice(from).map(({ ask }) => ask.kind);
const timesOf = (asks: readonly { readonly at: number }[], from = 0): number[] =>
  asks.map(({ at }) => at).filter((at) => at >= from);

describe('a KeyPackage', () => {
  test('that comes again before its turn is inspected once', () => {
    const member = alone('plain');
    const input = knock(member, 9);
    member.hold('inspect-key-package');
    for (let times = 0; times < 3; times += 1) member.input(input);
    member.release();
    member.run(batch - 1);
    member.input(input);
    expect(member.asked('inspect-key-package').length).toBe(1);
    member.run(1);
    expect(member.epochs.at(-1)?.roster.length).toBe(2);
  });

  test('is read as it came, whatever becomes of the bytes', () => {
    const member = alone('plain');
    member.hold('inspect-key-package');
    member.input(knock(member, 8));
    const input = knock(member, 9);
    const before = input.payload.slice();
    member.input(input);
    input.payload.fill(0);
    member.release();
    expect(member.asked('inspect-key-package').at(-1)?.input.keyPackage).toEqual(before);
  });

  test('that MLS refuses is not inspected again', () => {
    const member = alone('plain', { 'inspect-key-package': () => ({ kind: 'refused', reason: 'bad' }) });
    const input = knock(member, 9);
    for (let times = 0; times < 3; times += 1) member.input(input);
    member.run(1_000);
    expect(member.asked('inspect-key-package').length).toBe(1);
    expect(member.asked('stage')).toEqual([]);
    expect(member.events.map(({ kind }) => kind)).not.toContain('kicked-asks');
  });

  test('of somebody who was kicked is told, and not let in', () => {
    const signatureKey = new Uint8Array(32).fill(5);
    const member = alone('plain', { 'inspect-key-package': () => ({ kind: 'kicked', signatureKey }) });
    member.input(knock(member, 9));
    member.run(1_000);
    expect(member.events.at(-1)).toEqual({ kind: 'kicked-asks', signatureKey });
    expect(member.asked('stage')).toEqual([]);
  });

  test('under a name that is no SenderId is not let in', () => {
    const member = alone('plain');
    const input = knock(member, 9);
    member.input({ ...input, sender: input.sender.subarray(1) as typeof input.sender });
    member.run(1_000);
    expect(member.asked('inspect-key-package').length).toBe(1);
    expect(member.asked('stage')).toEqual([]);
  });

  test('waits with 256 at most; whoever finds no room is taken when it asks again', () => {
    const member = alone('plain', { 'inspect-key-package': () => ({ kind: 'refused', reason: 'bad' }) });
    member.hold('inspect-key-package');
    const inputs = Array.from({ length: 300 }, (_, number) => knock(member, number));
    for (const input of inputs) member.input(input);
    member.release();
    // One was being inspected while 256 waited.
    expect(member.asked('inspect-key-package').length).toBe(257);
    for (const input of inputs) member.input(input);
    expect(member.asked('inspect-key-package').length).toBe(300);
  });

  test('is remembered with 4,096 at most', () => {
    const member = alone('plain', { 'inspect-key-package': () => ({ kind: 'refused', reason: 'bad' }) });
    const plainKnock = (number: number): Knock => ({
      ...first,
      payload: new Uint8Array([number % 256, number >> 8]),
    });
    const first = knock(member, 0);
    for (let number = 0; number < 4_096; number += 1) member.input(plainKnock(number));
    member.input(plainKnock(0));
    expect(member.asked('inspect-key-package').length).toBe(4_096);
    member.input(plainKnock(5_000));
    member.input(plainKnock(0));
    expect(member.asked('inspect-key-package').length).toBe(4_098);
  });
});

test('whoever was kicked while it waited is not let in, and others are not kept waiting', () => {
  const member = new OneCoordinator('plain');
  const key = new Uint8Array(32).fill(7).with(0, 9).with(1, 0);
  member.otherOrganisers = [fingerprintOf(key, crypto)];
  member.startCreating();
  member.run(1);
  const other = member.otherMls(key);
  member.input({ ...knock(member, 9), payload: other.makeKeyPackage().keyPackage });
  member.run(batch);
  const [welcome] = member.asked('publish-commit')[0]?.input.welcomes ?? [];
  const joined = other.join(welcome?.welcome ?? new Uint8Array(0));
  if (joined.kind !== 'joined') throw new Error(joined.reason);
  const input = knock(member, 10);
  member.input(input);
  const kicks = [new Uint8Array(32).fill(7).with(0, 10).with(1, 0)];
  const staged = other.stage(joined.group, { adds: [], removes: [], kicks });
  if (staged.kind !== 'staged') throw new Error(staged.reason);
  member.current = epoch(2n);
  const object = { epoch: epoch(2n), object: 0, payload: staged.commit.commit };
  member.input({ kind: 'commit-object', object });
  member.run(1_000);
  expect(member.epochs.at(-1)).toMatchObject({ epoch: 2n, parameters: { kickedKeys: kicks } });
  expect(member.asked('stage').length).toBe(1);
  // A kick closes the door.
  const next = knock(member, 11);
  member.input(next);
  member.input({ kind: 'admit', fingerprint: fingerprintOfSender(next.sender)! });
  member.run(2_000);
  expect(member.epochs.at(-1)?.roster.length).toBe(3);
});

describe.each(['fenced', 'plain'] as const)('a joiner that asks again, in %s mode,', (mode) => {
  /** Lets somebody in, as attempt `attempt`. */
  function letIn() {
    const member = alone(mode);
    const input = knock(member, 9);
    member.input(input);
    member.run(batch);
    const [sent] = member.asked('publish-commit');
    const [receipted] = member.asked('publish-receipt');
    if (sent === undefined) throw new Error('nothing sent');
    return { member, input, sent: sent.input, receipt: receipted?.input.receipt };
  }

  test('is sent its Welcome once more: the same bytes at the same place', () => {
    const { member, input, sent, receipt: receipted } = letIn();
    expect(sent.welcomes.map(({ recipient }) => recipient)).toEqual([input.sender]);
    member.input(input);
    expect(member.asked('republish-welcome').map((asked) => asked.input)).toEqual([
      { group: member.group, epoch: 1n, attempt: 0, delivery: sent.welcomes[0], receipt: receipted },
    ]);
    expect(receipted === undefined).toBe(mode === 'plain');
    member.input(input);
    expect(member.asked('republish-welcome').length).toBe(2);
  });

  test('faster than it can be sent is sent it once', () => {
    const { member, input } = letIn();
    member.hold('republish-welcome');
    for (let times = 0; times < 4; times += 1) member.input(input);
    member.release();
    // One was on its way, one waited.
    expect(member.asked('republish-welcome').length).toBe(2);
  });
});

describe('about leaves', () => {
  test('that nobody has nothing is done', () => {
    const member = together('plain');
    const from = member.asks.length;
    for (const kind of ['member-left', 'member-vanished'] as const)
      member.input({ kind, leaf: leafIndex(7) });
    member.run(grace + 1);
    expect(kindsFrom(member, from)).not.toContain('stage');
  });

  test('that nobody has, or that is ours, the member is not even called', () => {
    const wakesOf = (leaf: number | undefined): number[] => {
      const member = together('plain');
      if (leaf === 0) member.kick(0);
      for (const kind of ['member-left', 'member-vanished'] as const)
        if (leaf !== undefined) member.input({ kind, leaf: leafIndex(leaf) });
      const from = member.now;
      member.run(2 * grace);
      return member.wakes.filter((at) => at > from);
    };
    expect(wakesOf(7)).toEqual(wakesOf(undefined));
    expect(wakesOf(0)).toEqual(wakesOf(undefined));
  });

  test('who left is removed, who is kicked is barred as well', () => {
    const member = together('plain', 2);
    member.input({ kind: 'member-left', leaf: leafIndex(1) });
    member.kick(2);
    member.run(batch);
    expect(member.asked('stage').at(-1)?.input.plan).toEqual({
      adds: [],
      removes: [1, 2],
      kicks: [member.epochs.at(-2)?.roster[2]?.signatureKey],
    });
  });

  test('who is heard again in time stays', () => {
    const member = together('plain');
    member.input({ kind: 'member-vanished', leaf: leafIndex(1) });
    member.run(grace - 1);
    member.input({ kind: 'member-alive', leaf: leafIndex(1) });
    const from = member.asks.length;
    member.run(grace);
    expect(kindsFrom(member, from)).not.toContain('stage');
  });

  test('what was asked is tried again a step later where it cannot be done any more', () => {
    const member = together('plain');
    // Its plan has nothing to do: who vanished is heard again when its grace has ended, before our turn.
    member.input({ kind: 'member-vanished', leaf: leafIndex(1) });
    member.run(grace);
    member.input({ kind: 'member-alive', leaf: leafIndex(1) });
    member.run(60_000);
    expect(member.asked('stage').length).toBe(1);
  });
});

describe('a member asks what it has missed', () => {
  test.each([
    [0, historyLeast],
    [9, historyLeast],
    [14, 15 * historyPerMember],
    [99, history],
    [120, history],
  ])('with %d others every %d ms, though nothing seems to be missing', (others, wait) => {
    const member = together('fenced', others);
    member.input({ kind: 'reconnected' });
    const from = member.now;
    member.run(3 * wait);
    expect(timesOf(member.asked('history'), from)).toEqual([0, 1, 2, 3].map((times) => from + times * wait));
  });

  test('by FETCH and from the log, from the next epoch on, at its start and when the relay is reached again', () => {
    const member = alone('fenced');
    expect(member.asked('fetch-commits').map(({ input }) => input)).toEqual([
      { group: member.group, from: 1n },
    ]);
    expect(member.asked('history').map(({ input }) => input)).toEqual([{ group: member.group, from: 1n }]);
    member.run(10 * historyLeast);
    expect(member.asked('fetch-commits').length).toBe(1);
    const asked = member.asked('history').length;
    member.input({ kind: 'reconnected' });
    expect(member.asked('fetch-commits').length).toBe(2);
    expect(member.asked('history').length).toBe(asked + 1);
  });

  test('0.7 s after the first sign of it, then after pauses that double to 20 s; by FETCH once', () => {
    const member = together('plain');
    member.run(history - member.now + 1);
    const [from, fetched] = [member.now, member.asked('fetch-commits').length];
    member.input({
      kind: 'commit-object',
      object: { epoch: epoch(3n), object: 0, payload: new Uint8Array([1]) },
    });
    member.run(30_000);
    const asked = timesOf(
      member.asked('probe').filter(({ input }) => Buffer.from(input.group).equals(member.group)),
      from,
    ).map((at) => at - from);
    expect(asked.slice(0, 5)).toEqual([0, 1, 3, 7, 15].map((times) => receipt + times * receipt));
    expect(member.asked('fetch-commits').length).toBe(fetched + 1);
  });

  test('0.7 s after something was sealed in a later epoch', () => {
    const member = together('fenced');
    member.run(10);
    const from = member.now;
    member.input({ kind: 'epoch-hint', epoch: epoch(2n) });
    member.run(receipt - 1);
    expect(timesOf(member.asked('history'), from)).toEqual([]);
    member.run(1);
    expect(timesOf(member.asked('history'), from)).toEqual([from + receipt]);
    expect(timesOf(member.asked('fetch-commits'), from)).toEqual([from + receipt]);
  });

  test('and takes what FETCH brings, without asking further', () => {
    const sent: Uint8Array[] = [];
    const member = alone('plain', {
      'fetch-commits': () => sent.map((payload) => ({ epoch: epoch(2n), object: 0, payload })),
    });
    const input = knock(member, 9);
    const other = member.otherMls(new Uint8Array(32).fill(7).with(0, 9).with(1, 0));
    const own = other.makeKeyPackage();
    member.input({ ...input, payload: own.keyPackage });
    member.run(batch);
    const [welcome] = member.asked('publish-commit')[0]?.input.welcomes ?? [];
    const joined = other.join(welcome?.welcome ?? new Uint8Array(0));
    if (joined.kind !== 'joined') throw new Error(joined.reason);
    const staged = other.stage(joined.group, { adds: [], removes: [], kicks: [] });
    if (staged.kind !== 'staged') throw new Error(staged.reason);
    sent.push(staged.commit.commit);
    const from = member.now;
    member.input({ kind: 'epoch-hint', epoch: epoch(2n) });
    member.run(receipt);
    expect(member.epochs.at(-1)?.epoch).toBe(2n);
    expect(timesOf(member.asked('probe'), from)).toEqual([]);
    // It is we who know since when, and the epoch that is announced says who made it.
    expect(member.events.at(-1)).toMatchObject({ kind: 'epoch', by: 1, receipt: undefined });
  });
});

describe('after something that was missing has come', () => {
  test('the next that is missing is asked for after 0.7 s again, and hints are believed as before', () => {
    const member: OneCoordinator = new OneCoordinator('fenced', {
      history: () => ({ kind: 'ok', current: member.current, entries: member.logged, nextFrom: undefined }),
    });
    member.startCreating();
    const key = new Uint8Array(32).fill(7);
    const other = member.otherMls(key);
    const sender = senderIdOf(fingerprintOf(key, crypto), joinId());
    member.input({ kind: 'key-package', sender, payload: other.makeKeyPackage().keyPackage });
    member.run(batch);
    const [welcome] = member.asked('publish-commit')[0]?.input.welcomes ?? [];
    const joined = other.join(welcome?.welcome ?? new Uint8Array(0));
    const previous = member.asked('publish-receipt')[0]?.input.receipt;
    if (joined.kind !== 'joined' || previous === undefined) throw new Error('not joined');
    const staged = other.stage(joined.group, { adds: [], removes: [], kicks: [] });
    if (staged.kind !== 'staged') throw new Error(staged.reason);
    const { commit, transcript } = staged.commit;
    member.run(1);
    member.input({ kind: 'epoch-hint', epoch: epoch(2n) });
    member.current = epoch(2n);
    const logged = member.receipt(epoch(2n), transcript, { commit, previous });
    member.logged = [{ epoch: epoch(2n), attempt: 0, commit, receipt: logged }];
    member.run(receipt);
    expect(member.epochs.at(-1)?.epoch).toBe(2n);
    const from = member.now;
    member.input({ kind: 'epoch-hint', epoch: epoch(3n) });
    member.run(receipt);
    expect(timesOf(member.asked('history'), from + 1)).toEqual([from + receipt]);
  });
});

describe('the counter’s log', () => {
  /** A member whose counter answers so, once it is asked the second time. */
  function memberWith(answer: (from: Epoch) => HistoryOutcome): OneCoordinator {
    let asked = 0;
    const member: OneCoordinator = new OneCoordinator('fenced', {
      history: ({ from }) => {
        asked += 1;
        if (asked > 1) return answer(from);
        return { kind: 'ok', current: member.current, entries: [], nextFrom: undefined };
      },
    });
    member.startCreating();
    member.run(historyLeast);
    return member;
  }

  test('that goes on where it cannot be followed makes a member ask to be let in again', () => {
    const member = memberWith(() => ({ kind: 'ok', current: epoch(5n), entries: [], nextFrom: undefined }));
    const kinds = kindsFrom(member, 0);
    expect(member.asked('forget-group')[0]?.input.handle).toBe(member.asked('save')[0]?.input.handle);
    expect(kinds.slice(kinds.indexOf('forget-group')).slice(0, 3)).toEqual([
      'forget-group',
      'erase',
      'enter-group',
    ]);
    expect(member.events).toContainEqual({ kind: 'generation', generation: 0 });
    const [before, after] = member.asked('enter-group').slice(-2);
    expect(after?.input.group).toEqual(before?.input.group);
    expect(after?.input.senderId).not.toEqual(before?.input.senderId);
  });

  test('that has the next Commit is followed, page by page', () => {
    const made: Uint8Array[] = [];
    const commits: { commit: Uint8Array; receipt: Uint8Array }[] = [];
    const member: OneCoordinator = new OneCoordinator('fenced', {
      history: ({ from }) => {
        const at = Number(from) - 2;
        const next = commits[at];
        const entries = next === undefined ? [] : [{ epoch: from, attempt: 0, ...next }];
        const nextFrom = at + 1 < commits.length ? epoch(from + 1n) : undefined;
        return { kind: 'ok', current: member.current, entries, nextFrom };
      },
    });
    member.startCreating();
    const key = new Uint8Array(32).fill(7).with(0, 9).with(1, 0);
    const other = member.otherMls(key);
    const sender = senderIdOf(fingerprintOf(key, crypto), joinId());
    member.input({ kind: 'key-package', sender, payload: other.makeKeyPackage().keyPackage });
    member.run(batch);
    const [welcome] = member.asked('publish-commit')[0]?.input.welcomes ?? [];
    const joined = other.join(welcome?.welcome ?? new Uint8Array(0));
    if (joined.kind !== 'joined') throw new Error(joined.reason);
    let previous = member.asked('publish-receipt')[0]?.input.receipt;
    for (let of = 2n; of < 5n; of += 1n) {
      const staged = other.stage(joined.group, { adds: [], removes: [], kicks: [] });
      if (staged.kind !== 'staged' || previous === undefined) throw new Error('not staged');
      const { commit, transcript } = staged.commit;
      other.apply(joined.group, staged.commit.staged);
      previous = member.receipt(epoch(of), transcript, { commit, previous });
      commits.push({ commit, receipt: previous });
      made.push(transcript);
    }
    member.current = epoch(4n);
    const from = member.now;
    member.run(historyLeast);
    expect(member.epochs.map((view) => view.epoch)).toEqual([0n, 1n, 2n, 3n, 4n]);
    expect(member.epochs.at(-1)?.transcript).toEqual(made.at(-1));
    // The pages follow each other at once, and nothing follows the last.
    const times = timesOf(member.asked('history'), from);
    expect([new Set(times.slice(0, 3)).size, times.length]).toEqual([1, 3]);
  });
});

describe('in plain mode a counter that is ahead', () => {
  test('is looked at every second, and for 10 s, in which the Commit may still come; then the member joins again', () => {
    const member = alone('plain');
    member.run(history);
    const from = member.now - 1;
    member.current = epoch(1n);
    member.run(history + grace - 2);
    const asked = timesOf(
      member.asked('probe').filter(({ input }) => Buffer.from(input.group).equals(member.group)),
      from + 1,
    ).map((at) => at - from);
    expect(asked.slice(0, 4)).toEqual([0, 1, 2, 3].map((times) => history + times * resend));
    expect(member.asked('forget-group')).toEqual([]);
    member.run(1);
    expect(member.asked('forget-group').length).toBe(1);
    expect(member.events).toContainEqual({ kind: 'generation', generation: 0 });
  });

  test('and is caught up with starts the wait anew', () => {
    const member = alone('plain');
    member.run(history);
    member.current = epoch(1n);
    member.run(history + grace - 100);
    member.current = epoch(0n);
    member.run(resend + 100);
    member.current = epoch(1n);
    member.run(history + grace - 2 * resend);
    expect(member.asked('forget-group')).toEqual([]);
  });

  test('that is not reached is asked again later', () => {
    const member = alone('plain', { probe: () => ({ kind: 'busy', retryLaterMs: millis(9_000) }) });
    member.run(10_000);
    const ours = member.asked('probe').filter(({ input }) => Buffer.from(input.group).equals(member.group));
    expect(timesOf(ours)).toEqual([0, 9_000]);
    expect(member.events.at(-1)).toEqual({ kind: 'status', step: 'counter-unreachable' });
  });
});

describe('a joiner', () => {
  const KEY = new Uint8Array(32).fill(7).with(0, 9).with(1, 0);
  const asks = (member: OneCoordinator, asOf: bigint, join = 0): Knock => ({
    kind: 'key-package',
    sender: senderIdOf(fingerprintOf(KEY, crypto), joinId(join)),
    payload: member.otherMls(KEY).makeKeyPackage(asOf, joinId(join)).keyPackage,
  });

  test('that has seen an epoch which we have not is let in when it asks again after we have', () => {
    const member = alone('plain');
    const early = asks(member, 1n);
    member.input(early);
    member.run(1_000);
    expect(member.epochs.length).toBe(1);
    // What it has seen makes us look for what we miss.
    expect(member.asked('probe').length).toBeGreaterThan(1);
    member.input({ kind: 'update' });
    member.run(batch);
    expect(member.epochs.at(-1)?.epoch).toBe(1n);
    member.input(early);
    member.run(batch);
    expect(member.epochs.at(-1)?.roster.length).toBe(2);
  });

  test('that asks on, since its Welcome is lost, is sent that again and not let in twice', () => {
    const member = alone('plain');
    member.input(asks(member, 0n));
    member.run(batch);
    const [{ input: first } = { input: undefined }] = member.asked('publish-commit');
    const again = asks(member, 1n);
    member.input(again);
    member.input(again);
    member.run(2_000);
    expect(member.epochs.at(-1)).toMatchObject({ epoch: 1n, roster: [{}, { asOf: 0n }] });
    const sent = member.asked('republish-welcome').map(({ input }) => input.delivery);
    expect([...new Set(sent)]).toEqual(first?.welcomes);
  });

  test('that begins a new join replaces its leaf, provided that the counter has moved', () => {
    const member = alone('plain');
    member.input(asks(member, 0n));
    member.run(batch);
    member.input(asks(member, 0n, 1));
    member.run(5_000);
    expect(member.epochs.at(-1)?.epoch).toBe(1n);
    member.input(asks(member, 1n, 1));
    member.run(batch + 1_000);
    const [, replaced, ...others] = member.epochs.at(-1)?.roster ?? [];
    expect([replaced?.asOf, replaced?.senderId, others]).toEqual([
      1n,
      senderIdOf(fingerprintOf(KEY, crypto), joinId(1)),
      [],
    ]);
  });

  /** A member with another; the joiner has been in, and is gone again. */
  const afterIts = (end: (member: OneCoordinator) => void): { member: OneCoordinator; replay: Knock[] } => {
    const member = alone('plain');
    const replay = [asks(member, 0n), asks(member, 1n)];
    member.input(replay[0]!);
    member.run(batch);
    const leaf = member.epochs.at(-1)?.roster.at(-1)?.leaf;
    expect(leaf).toBe(1);
    end(member);
    member.run(batch + 1_000);
    expect(member.epochs.at(-1)?.roster.length).toBe(1);
    return { member, replay };
  };
  const leaves = (member: OneCoordinator): void => {
    member.input({ kind: 'member-left', leaf: leafIndex(1) });
  };

  test.each<[string, (member: OneCoordinator) => void]>([
    ['left', leaves],
    ['was removed for good', (member) => member.kick(1)],
  ])('that %s is not brought back by its KeyPackages, used or not', (_, end) => {
    const { member, replay } = afterIts(end);
    for (let of = 0; of < 12; of += 1) {
      for (const each of replay) member.input(each);
      // Other members look at them for the first time, too.
      member.input(asks(member, 0n));
      member.input(asks(member, 1n));
      member.run(2_000);
      member.input({ kind: 'update' });
      member.run(2_000);
      expect(member.epochs.at(-1)?.roster.length).toBe(1);
    }
    expect(member.epochs.at(-1)?.epoch).toBe(14n);
  });

  test('that left comes back with a new join, as of an epoch that has begun since', () => {
    const { member } = afterIts(leaves);
    member.input(asks(member, 0n, 1));
    member.run(2_000);
    expect(member.epochs.at(-1)?.roster.length).toBe(1);
    member.input(asks(member, 2n, 1));
    member.run(2_000);
    expect(member.epochs.at(-1)?.roster.length).toBe(2);
  });

  test('that left is remembered over a restart', () => {
    const { member, replay } = afterIts(leaves);
    const { handle, record } = member.asked('save').at(-1)!.input;
    expect(record.joins).toEqual({
      since: 0n,
      past: [{ gone: 2n, senderId: replay[0]!.sender, asOf: 0n }],
      known: [fingerprintOfSender(replay[0]!.sender)],
    });
    const again = new OneCoordinator('plain', {}, member);
    const { group: _, ...restored } = again.mls.restore(again.mls.serialise(handle));
    again.resume({ ...restored, handle, record });
    again.input(asks(again, 1n));
    again.run(3_000);
    expect(again.epochs.at(-1)?.roster.length).toBe(1);
  });

  test('whose KeyPackage is older than our membership has to ask anew', () => {
    const { member } = afterIts(leaves);
    const { handle, record } = member.asked('save').at(-1)!.input;
    const newer = new OneCoordinator('plain', {}, member);
    const { group: _, ...restored } = newer.mls.restore(newer.mls.serialise(handle));
    newer.resume({
      ...restored,
      handle,
      record: { ...record, joins: { since: epoch(2n), past: [], known: [] } },
    });
    newer.input(asks(newer, 1n, 5));
    newer.run(3_000);
    expect(newer.epochs.at(-1)?.roster.length).toBe(1);
    newer.input(asks(newer, 2n, 5));
    newer.run(3_000);
    expect(newer.epochs.at(-1)?.roster.length).toBe(2);
  });
});
