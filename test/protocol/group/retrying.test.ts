import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { LockOutcome } from '../../../src/protocol/counter/client.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

/** Longer than any wait of the coordinator's own. */
const LATER = millis(DEFAULT_TIMING.backoffMost + 3_000);
const GRANTED: LockOutcome = {
  kind: 'granted',
  token: undefined,
  attempt: 0,
  expiresInMs: millis(10_000),
};

/** What a counter answers that has no time now. */
const busy: [string, () => { kind: 'busy'; retryLaterMs: typeof LATER }][] = [
  ['busy', () => ({ kind: 'busy', retryLaterMs: LATER })],
];
const locks: [string, () => LockOutcome][] = [
  ['locked by somebody else', () => ({ kind: 'locked', retryLaterMs: LATER })],
  ...busy,
];
/** Gives an answer, and from then on the lock. */
const once = (answer: () => LockOutcome): (() => LockOutcome) => {
  const answers = [answer()];
  return () => answers.shift() ?? GRANTED;
};
const timesOf = (asks: readonly { readonly at: number }[]): number[] => asks.map(({ at }) => at);

describe('the counter says when to ask again, and is not asked before', () => {
  test.each(locks)('%s while a Commit is to be made', (_, answer) => {
    const member = new OneCoordinator('plain', { lock: once(answer) });
    member.startAsMember();
    member.input({ kind: 'update' });
    const [asked] = timesOf(member.asked('lock'));
    member.run(LATER - 1);
    expect(timesOf(member.asked('lock'))).toEqual([asked]);
    member.run(1);
    expect(timesOf(member.asked('lock'))).toEqual([asked, (asked ?? 0) + LATER]);
    expect(member.epochs.at(-1)?.epoch).toBe(1n);
  });

  test.each(locks)('%s while somebody else may be making the group', (_, answer) => {
    const seeker = new OneCoordinator('plain', { lock: once(answer) });
    seeker.current = undefined;
    seeker.startJoining();
    const [asked] = timesOf(seeker.asked('lock'));
    seeker.run(LATER - 1);
    expect(timesOf(seeker.asked('lock'))).toEqual([asked]);
    seeker.run(1);
    expect(timesOf(seeker.asked('lock'))).toEqual([asked, (asked ?? 0) + LATER]);
  });

  test.each(locks)('%s when a creation that a crash interrupted goes on', (_, answer) => {
    const creator = new OneCoordinator('plain', { lock: once(answer) });
    creator.current = undefined;
    creator.startAsMember(true);
    const [asked] = timesOf(creator.asked('lock'));
    creator.run(LATER - 1);
    expect(timesOf(creator.asked('lock'))).toEqual([asked]);
    creator.run(1);
    expect(timesOf(creator.asked('lock'))).toEqual([asked, (asked ?? 0) + LATER]);
    expect(creator.epochs.at(-1)?.epoch).toBe(0n);
  });

  test.each(busy)('%s when it is asked what is missing', (_, answer) => {
    const member = new OneCoordinator('fenced', { history: answer });
    member.startAsMember();
    const [asked] = timesOf(member.asked('history'));
    member.run(LATER - 1);
    expect(timesOf(member.asked('history'))).toEqual([asked]);
    member.run(1);
    expect(timesOf(member.asked('history'))).toEqual([asked, (asked ?? 0) + LATER]);
  });

  test.each(busy)('%s when a joiner asks for a receipt', (_, answer) => {
    const joiner = new OneCoordinator('fenced', { history: answer });
    joiner.startJoining();
    const welcome = { epoch: epoch(1n), object: 0, payload: new Uint8Array([1]) };
    joiner.input({ kind: 'welcome-object', object: welcome });
    joiner.run(DEFAULT_TIMING.receipt);
    const [asked] = timesOf(joiner.asked('history'));
    joiner.run(LATER - 1);
    expect(timesOf(joiner.asked('history'))).toEqual([asked]);
    joiner.run(1);
    expect(timesOf(joiner.asked('history'))).toEqual([asked, (asked ?? 0) + LATER]);
  });
});

describe('a KeyPackage', () => {
  test('on the track of another SenderId than its own is not added', () => {
    const member = new OneCoordinator('plain');
    member.startAsMember();
    const [key, other] = [new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)];
    const payload = member.otherMls(key).makeKeyPackage().keyPackage;
    const claim = (of: Uint8Array, join = 0) => senderIdOf(fingerprintOf(of, crypto), joinId(join));
    member.input({ kind: 'key-package', sender: claim(other), payload });
    member.run(1_000);
    const anotherJoin = member.otherMls(key).makeKeyPackage().keyPackage;
    member.input({ kind: 'key-package', sender: claim(key, 1), payload: anotherJoin });
    member.run(1_000);
    expect(member.asked('inspect-key-package').length).toBe(2);
    expect(member.asked('stage')).toEqual([]);
  });
});
