import { afterEach, describe, expect, test } from 'vitest';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { millis, unixMillis } from '../../../src/protocol/units.ts';
import { freshSigner, LocalCounterClient } from '../../harness/counter/local-client.ts';
import { MemoryCounterStore } from '../../harness/counter/memory-store.ts';
import { agree, MeetingRoom, until } from '../../harness/group/meeting-room.ts';
import type { Person } from '../../harness/group/meeting-room.ts';
import { MemoryRelay } from '../../harness/group/memory-relay.ts';
import type { RelayKind } from '../../harness/group/memory-relay.ts';

const LOCK_MS = millis(1_000);
const people: Person[] = [];
afterEach(async () => {
  for (const person of people) expect(person.faults).toEqual([]);
  await Promise.all(people.map((person) => person.member.suspend()));
  people.length = 0;
});

function setUp(kind: RelayKind, mode: 'fenced' | 'plain' = 'fenced') {
  const relay = new MemoryRelay(kind);
  const signer = freshSigner();
  const counters = new MemoryCounterStore();
  const room = new MeetingRoom({
    mls: new TsMlsAdapter(),
    connect: () => relay.connect(),
    counter: () => new LocalCounterClient(counters, signer, LOCK_MS, () => unixMillis(Date.now())),
    receiptKey: mode === 'fenced' ? signer.publicKey : undefined,
    mode,
  });
  const enter = async (before?: Person): Promise<Person> => {
    const person = await room.enter(before);
    people.push(person);
    return person;
  };
  return { relay, room, enter, counters, signer };
}
const last = (person: Person) => {
  const epoch = person.epochs.at(-1);
  if (epoch === undefined) throw new Error('no epoch yet');
  return epoch;
};

describe.each<[RelayKind, 'fenced' | 'plain']>([
  ['keeps', 'fenced'],
  ['turns', 'fenced'],
  ['keeps', 'plain'],
  ['turns', 'plain'],
])('members over a relay that %s, counter in %s mode', (kind, mode) => {
  test('one creates, others join, one leaves, all agree', async () => {
    const { enter } = setUp(kind, mode);
    const anna = await enter();
    await until(() => agree([anna], 1), 'the first creates');
    const ben = await enter();
    await until(() => agree([anna, ben], 2), 'the second joins');
    const [cleo, dan] = await Promise.all([enter(), enter()]);
    await until(() => agree([anna, ben, cleo, dan], 4), 'two join at once');
    const before = last(anna);
    const { ownLeaf } = last(ben);
    await ben.member.leave();
    expect(ben.store.bytes).toBeUndefined();
    for (const person of [anna, cleo, dan]) person.member.memberLeft(ownLeaf);
    await until(() => agree([anna, cleo, dan], 3), 'one is removed');
    const after = last(anna);
    expect(after.epoch).toBeGreaterThan(before.epoch);
    expect(after.masterKey).not.toEqual(before.masterKey);
    expect(after.change.removed.map(({ leaf }) => leaf)).toEqual([ownLeaf]);
    expect(ben.events.at(-1)).toEqual({ kind: 'stopped', reason: 'left' });
  });

  test('one is killed: others remove it; it comes back with its state and is let in again', async () => {
    const { enter } = setUp(kind, mode);
    const anna = await enter();
    await until(() => agree([anna], 1), 'created');
    const ben = await enter();
    await until(() => agree([anna, ben], 2), 'joined');
    const cleo = await enter();
    await until(() => agree([anna, ben, cleo], 3), 'joined');
    // The creator goes, so that the others commit without the first leaf.
    const { ownLeaf } = last(anna);
    await anna.kill();
    for (const person of [ben, cleo]) person.member.memberVanished(ownLeaf);
    await until(() => agree([ben, cleo], 2), 'the dead one is removed');
    const again = await enter(anna);
    await until(() => agree([ben, cleo, again], 3), 'it joins again');
    expect(last(again).senderId).not.toEqual(last(anna).senderId);
  });

  test('a removal before our eyes is final, until somebody asks to join again', async () => {
    const { enter } = setUp(kind, mode);
    const anna = await enter();
    await until(() => agree([anna], 1), 'created');
    const ben = await enter();
    await until(() => agree([anna, ben], 2), 'joined');
    await until(() => last(ben).epoch === 1n, 'in');
    await new Promise((resolve) => setTimeout(resolve, 100));
    anna.member.kick(last(ben).ownLeaf);
    await until(() => ben.events.at(-1)?.kind === 'stopped', 'it is out');
    expect(ben.events.at(-1)).toEqual({ kind: 'stopped', reason: 'kicked' });
    const again = await enter(ben);
    await until(() => anna.events.some(({ kind: each }) => each === 'kicked-asks'), 'it is not let in');
    expect(again.epochs).toEqual([]);
    expect(last(anna).roster.length).toBe(1);
  });

  test('a restart within the grace resumes the membership in its epoch', async () => {
    const { enter } = setUp(kind, mode);
    const anna = await enter();
    await until(() => agree([anna], 1), 'created');
    const ben = await enter();
    await until(() => agree([anna, ben], 2), 'joined');
    await ben.kill();
    anna.member.requestUpdate();
    await until(() => last(anna).epoch === 2n, 'an epoch passes meanwhile');
    const again = await enter(ben);
    await until(() => agree([anna, again], 2), 'caught up');
    // Where neither relay nor counter keeps Commits there is nothing to catch up with: it has joined again.
    const keepsCommits = kind === 'keeps' || mode === 'fenced';
    if (keepsCommits) expect(last(again).senderId).toEqual(last(ben).senderId);
    expect(again.epochs[0]?.epoch).toBe(1n);
  });
});
