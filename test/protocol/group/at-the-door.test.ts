/** The door of one coordinator, whose surroundings are a script. */
import { expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import { MAX_AT_DOOR } from '../../../src/protocol/group/coordination/door.ts';
import type { Caller } from '../../../src/protocol/group/coordination/door.ts';
import type { GroupInput } from '../../../src/protocol/group/coordination/context.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { fingerprintOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import { joinId } from '../../harness/group/membership.ts';
import { OneCoordinator } from './one-coordinator.ts';

const { batch, step, callerSilent, declined } = DEFAULT_TIMING;
const keyOf = (number: number): Uint8Array =>
  new Uint8Array(32)
    .fill(7)
    .with(0, number % 256)
    .with(1, number >> 8);
const fingerprint = (number: number) => fingerprintOf(keyOf(number), crypto);

/** The KeyPackage of somebody's first, second… join as it arrives. */
function knock(one: OneCoordinator, number: number, join = 0): Extract<GroupInput, { kind: 'key-package' }> {
  const now = one.epochs.at(-1)?.epoch;
  const payload = one
    .otherMls(keyOf(number))
    .makeKeyPackage(now, joinId(join), `P${String(number)}`).keyPackage;
  return { kind: 'key-package', sender: senderIdOf(fingerprint(number), joinId(join)), payload };
}
/** The only member of a group, which has closed its door. */
function closed(): OneCoordinator {
  const one = new OneCoordinator('fenced');
  one.startCreating();
  one.input({ kind: 'admission', admission: 'ask' });
  one.run(batch);
  expect(one.epochs.at(-1)?.parameters.admission).toBe('ask');
  return one;
}
const doorOf = ({ events }: OneCoordinator): readonly Caller[] =>
  events.flatMap((event) => (event.kind === 'door' ? [event.callers] : [])).at(-1) ?? [];
const namesAt = (one: OneCoordinator): (string | undefined)[] =>
  doorOf(one).map(({ displayName }) => displayName);
const size = (one: OneCoordinator): number | undefined => one.epochs.at(-1)?.roster.length;

test('a Commit for a decision is made once, and none where all is as it is wanted', () => {
  const one = closed();
  expect(one.asked('stage')).toHaveLength(1);
  one.input({ kind: 'admission', admission: 'ask' });
  one.input({ kind: 'organiser', fingerprint: fingerprint(5), isOrganiser: true });
  one.input({ kind: 'organiser', fingerprint: fingerprint(5), isOrganiser: false });
  one.input({ kind: 'admit', fingerprint: fingerprint(5) });
  one.run(20_000);
  expect(one.asked('stage')).toHaveLength(1);
  one.input({ kind: 'admission', admission: 'open' });
  one.input({ kind: 'admission', admission: 'ask' });
  one.run(20_000);
  expect(one.asked('stage')).toHaveLength(1);
});

test('whoever is admitted is let in at once, and those beside it are not', () => {
  const one = closed();
  for (const number of [1, 2]) one.input(knock(one, number));
  one.run(10_000);
  expect([namesAt(one), size(one)]).toEqual([['P1', 'P2'], 1]);
  one.input({ kind: 'admit', fingerprint: fingerprint(2) });
  expect(namesAt(one)).toEqual(['P1']);
  one.run(batch);
  expect([namesAt(one), size(one)]).toEqual([['P1'], 2]);
});

test('those who open the door let in all who wait there', () => {
  const one = closed();
  for (const number of [1, 2, 3]) one.input(knock(one, number));
  one.input({ kind: 'admission', admission: 'open' });
  // The Commit that opens it finds it closed.
  one.run(batch + 1);
  expect(one.epochs.at(-1)?.parameters.admission).toBe('open');
  expect(namesAt(one)).toEqual([]);
  one.run(step);
  expect(size(one)).toBe(4);
});

test('who was declined is not looked at again, with that join ever and with others for a while', () => {
  const one = closed();
  const first = knock(one, 1);
  one.input(first);
  one.input({ kind: 'decline', fingerprint: fingerprint(1) });
  expect(namesAt(one)).toEqual([]);
  const looked = one.asked('inspect-key-package').length;
  one.run(declined - 1_000);
  one.input(first);
  one.input(knock(one, 1, 1));
  expect(one.asked('inspect-key-package')).toHaveLength(looked);
  one.run(1_001);
  one.input(first);
  expect(namesAt(one)).toEqual([]);
  one.input(knock(one, 1, 1));
  expect(namesAt(one)).toEqual(['P1']);
});

test('who is not heard for long has gone; not while there was nothing to hear', () => {
  const one = closed();
  const first = knock(one, 1);
  one.input(first);
  one.run(callerSilent - 1_000);
  one.input(first);
  one.run(2_000);
  expect(namesAt(one)).toEqual(['P1']);
  one.input({ kind: 'disconnected' });
  one.run(2 * callerSilent);
  one.input({ kind: 'reconnected' });
  one.run(callerSilent - 1);
  expect(namesAt(one)).toEqual(['P1']);
  one.run(1);
  expect(namesAt(one)).toEqual([]);
  one.input(first);
  expect(namesAt(one)).toEqual(['P1']);
});

test('a crowd at the door keeps out nobody who may come in', () => {
  const one = closed();
  one.input(knock(one, 1));
  one.input({ kind: 'admit', fingerprint: fingerprint(1) });
  one.run(batch);
  for (let number = 2; number < 2 + MAX_AT_DOOR + 10; number += 1) one.input(knock(one, number));
  expect(doorOf(one)).toHaveLength(MAX_AT_DOOR);
  // A member that lost its disk.
  one.input(knock(one, 1, 1));
  one.run(batch + step);
  expect(one.asked('stage').at(-1)?.input.plan).toMatchObject({ removes: [1] });
  expect([size(one), doorOf(one).length]).toEqual([2, MAX_AT_DOOR]);
  // Once somebody has left, there is room for the next who asks.
  one.input({ kind: 'decline', fingerprint: fingerprint(2) });
  one.input(knock(one, 500));
  expect(namesAt(one)).toHaveLength(MAX_AT_DOOR);
  expect(namesAt(one)).toContain('P500');
});

test('what is up to organisers is not done by a member who is none, which is told', () => {
  const one = new OneCoordinator('plain');
  one.startAsMember();
  one.input(knock(one, 1));
  one.run(batch);
  one.input({ kind: 'organiser', fingerprint: fingerprint(1), isOrganiser: true });
  one.run(batch);
  const own = one.epochs[0]!.roster[0]!.fingerprint;
  one.input({ kind: 'organiser', fingerprint: own, isOrganiser: false });
  one.run(batch);
  expect(one.epochs.at(-1)?.parameters.organisers).toEqual([fingerprint(1)]);
  const [stages, told] = [one.asked('stage').length, one.events.length];
  for (const input of [
    { kind: 'kick', signatureKey: keyOf(1) },
    { kind: 'admit', fingerprint: fingerprint(2) },
    { kind: 'decline', fingerprint: fingerprint(2) },
    { kind: 'admission', admission: 'ask' },
    { kind: 'organiser', fingerprint: own, isOrganiser: true },
  ] as const)
    one.input(input);
  one.run(10_000);
  expect(one.asked('stage')).toHaveLength(stages);
  expect(one.events.slice(told).map(({ kind }) => kind)).toEqual(
    Array.from({ length: 5 }, () => 'not-organiser'),
  );
});
