/** In plain mode: looking for newer generations of the room: who is alone follows, who is not says so. */
import { expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { CounterFailure } from '../../../src/protocol/counter/client.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import { fingerprintOf, groupNameOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { epoch } from '../../../src/protocol/units.ts';
import { OneCoordinator } from './one-coordinator.ts';
import { joinId } from '../../harness/group/membership.ts';

const { lonely, healthy } = DEFAULT_TIMING;
const OTHER_KEY = new Uint8Array(32).fill(2);
const room = new Uint8Array(32).fill(1) as RoomKey;
const named = (generation: number): string =>
  Buffer.from(groupNameOf(room, generation, crypto)).toString('hex');

/** A member of generation 0, where the counter knows all generations up to `newest`. */
function memberWith(rooms: { newest: number; failure?: CounterFailure }): OneCoordinator {
  const member: OneCoordinator = new OneCoordinator('plain', {
    probe: ({ group }) => {
      const exists = Array.from({ length: rooms.newest + 1 }, (_, at) => named(at)).includes(
        Buffer.from(group).toString('hex'),
      );
      return rooms.failure ?? { kind: 'ok', current: exists ? (member.current ?? epoch(0n)) : undefined };
    },
  });
  member.startAsMember();
  return member;
}
function letIn(member: OneCoordinator): void {
  const { keyPackage } = member.otherMls(OTHER_KEY).makeKeyPackage();
  const sender = senderIdOf(fingerprintOf(OTHER_KEY, crypto), joinId());
  member.input({ kind: 'key-package', sender, payload: keyPackage });
  member.run(1_000);
  expect(member.epochs.at(-1)?.roster.length).toBe(2);
}
const probes = (member: OneCoordinator): [number, string][] =>
  member
    .asked('probe')
    .map(({ at, input }): [number, string] => [at, Buffer.from(input.group).toString('hex')])
    // Its own counter it looks at besides.
    .filter(([, group]) => group !== named(0));
const said = (member: OneCoordinator) =>
  member.events.filter(({ kind }) => kind === 'generation' || kind === 'newer-generation');

test('a lonely member follows the living group: it forgets its own and joins the newest', () => {
  const rooms = { newest: 0 };
  const member = memberWith(rooms);
  member.run(lonely);
  expect(probes(member)).toEqual([[lonely, named(1)]]);
  rooms.newest = 3;
  member.run(lonely);
  expect(said(member)).toEqual([{ kind: 'generation', generation: 1 }]);
  const kinds = member.asks.map(({ ask }) => ask.kind);
  expect(kinds.slice(kinds.indexOf('forget-group'))).toEqual(
    expect.arrayContaining(['forget-group', 'erase', 'enter-group', 'make-key-package']),
  );
  expect(kinds.lastIndexOf('erase')).toBeGreaterThan(kinds.lastIndexOf('save'));
  const { group } = member.asked('publish-key-package').at(-1)?.input ?? {};
  expect(group).toEqual(groupNameOf(room, 3, crypto));
});

test('a lonely member looks every 15 s and stays where there is no other group', () => {
  const member = memberWith({ newest: 0 });
  member.run(3 * lonely);
  expect(probes(member)).toEqual([1, 2, 3].map((at) => [at * lonely, named(1)]));
  expect(said(member)).toEqual([]);
  expect(member.asked('forget-group')).toEqual([]);
});

test('a lonely member stays while the counter does not answer', () => {
  const member = memberWith({ newest: 1, failure: { kind: 'unreachable', reason: 'away' } });
  member.run(4 * lonely);
  expect(probes(member).length).toBe(4);
  expect(said(member)).toEqual([]);
});

test('a member with others stays, looks every minute, and says once that there is a newer generation', () => {
  const rooms = { newest: 0 };
  const member = memberWith(rooms);
  letIn(member);
  member.run(lonely);
  expect(probes(member).map(([at]) => at)).toEqual([lonely]);
  member.run(healthy);
  expect(probes(member).map(([at]) => at)).toEqual([lonely, lonely + healthy]);
  expect(said(member)).toEqual([]);
  rooms.newest = 1;
  member.run(5 * healthy);
  expect(probes(member).length).toBe(7);
  expect(said(member)).toEqual([{ kind: 'newer-generation', generation: 1 }]);
  expect(member.asked('forget-group')).toEqual([]);
});
