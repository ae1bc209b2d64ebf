import { afterEach, describe, expect, test } from 'vitest';
import type { GroupHandle, StageOutcome } from '../../../src/protocol/group/mls.ts';
import { ed25519PublicKey } from '../../../src/io/crypto/raw-keys.ts';
import { TsMlsAdapter } from '../../../src/main/mls/ts-mls-adapter.ts';
import { millis, unixMillis } from '../../../src/protocol/units.ts';
import { freshSigner, LocalCounterClient } from '../../harness/counter/local-client.ts';
import { MemoryCounterStore } from '../../harness/counter/memory-store.ts';
import { MeetingRoom, MemoryStore, until } from '../../harness/group/meeting-room.ts';
import type { Person } from '../../harness/group/meeting-room.ts';
import { MemoryRelay } from '../../harness/group/memory-relay.ts';

const people: Person[] = [];
afterEach(async () => {
  await Promise.all(people.map((person) => person.member.suspend()));
  people.length = 0;
});

/** A disk that is full until it is not. */
class FullStore extends MemoryStore {
  full = true;
  attempts = 0;
  override save(bytes: Uint8Array): Promise<void> {
    this.attempts += 1;
    return this.full ? Promise.reject(new Error('no space left')) : super.save(bytes);
  }
}

/** MLS that fails as its worker would, and says what it has forgotten. */
class FailingMls extends TsMlsAdapter {
  readonly forgotten: GroupHandle[] = [];
  override stageCommit(): Promise<StageOutcome> {
    return Promise.reject(new Error('out of memory'));
  }
  override forget(handle: GroupHandle): Promise<void> {
    this.forgotten.push(handle);
    return super.forget(handle);
  }
}

function setUp(mls: TsMlsAdapter = new TsMlsAdapter()) {
  const relay = new MemoryRelay('keeps');
  const signer = freshSigner();
  const counters = new MemoryCounterStore();
  const room = new MeetingRoom({
    mls,
    connect: () => relay.connect(),
    counter: () => new LocalCounterClient(counters, signer, millis(1_000), () => unixMillis(Date.now())),
    receiptKey: signer.publicKey,
  });
  const enter = async (store: MemoryStore = new MemoryStore()): Promise<Person> => {
    const seed = new Uint8Array(32).fill(people.length + 1);
    const person = await room.enter({ identity: { seed, publicKey: ed25519PublicKey(seed) }, store });
    people.push(person);
    return person;
  };
  return { enter };
}
const failing = ({ events }: Person) => events.filter(({ kind }) => kind === 'store-failing');

describe('a store that fails', () => {
  test('is told once and tried again; nothing is lost', async () => {
    const { enter } = setUp();
    const store = new FullStore();
    const anna = await enter(store);
    await until(() => store.attempts >= 2, 'it is tried again');
    expect(failing(anna).length).toBe(1);
    expect(anna.epochs).toEqual([]);
    store.full = false;
    await until(() => anna.epochs.length === 1, 'the group is made');
    expect(store.bytes).toBeDefined();
    expect(anna.faults).toEqual([]);
  });

  test('is left alone after the end', async () => {
    const { enter } = setUp();
    const store = new FullStore();
    const anna = await enter(store);
    await until(() => store.attempts === 1, 'it is tried');
    await anna.member.suspend();
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(store.attempts).toBe(1);
    expect(anna.faults).toEqual([]);
  });
});

test('a fault of our own ends the membership: keys are forgotten, then it is told, once', async () => {
  const mls = new FailingMls();
  const { enter } = setUp(mls);
  const anna = await enter();
  await until(() => anna.epochs.length === 1, 'created');
  anna.member.requestUpdate();
  await until(() => anna.faults.length > 0, 'the fault is told');
  expect(mls.forgotten.length).toBe(1);
  const { length } = anna.events;
  anna.member.requestUpdate();
  await anna.member.leave();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(anna.events.length).toBe(length);
  expect(anna.faults.map(({ message }) => message)).toEqual(['out of memory']);
});
