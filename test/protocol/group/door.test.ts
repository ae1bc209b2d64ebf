import { expect, test } from 'vitest';
import { Door } from '../../../src/protocol/group/coordination/door.ts';
import { PastJoins } from '../../../src/protocol/group/coordination/past-joins.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import type { WaitingJoin } from '../../../src/protocol/group/coordination/waiting-join.ts';
import type { Admission } from '../../../src/protocol/group/meeting-parameters.ts';
import type { EpochView } from '../../../src/protocol/group/mls.ts';
import { leafIndex } from '../../../src/protocol/group/roster.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { testParameters } from '../../harness/group/membership.ts';
import { person } from '../meeting/people.ts';

const ANA = person(0);
const BO = person(1);
/** In another join than the one that was declined. */
const BO_AGAIN = person(1, 2);

/** A group that Ana organises, in an epoch. */
function view(admission: Admission, roster = [ANA]): EpochView {
  return {
    groupId: new Uint8Array(16),
    epoch: epoch(1n),
    transcript: new Uint8Array(32),
    epochAuthenticator: new Uint8Array(32),
    epochKey: new Uint8Array(32),
    suite: 0x0001,
    ownLeaf: leafIndex(0),
    roster,
    parameters: { ...testParameters, admission, organisers: [ANA.fingerprint] },
  };
}

/** A door at which Bo was declined. */
function declined(): Door {
  const past = new PastJoins({ since: epoch(0n), past: [], known: [] });
  const door = new Door(DEFAULT_TIMING, past, view('ask'));
  const join: WaitingJoin = {
    ...BO,
    ref: new Uint8Array(32),
    keyPackage: new Uint8Array(1),
    displayName: 'Bo',
    since: millis(0),
  };
  door.decline(join.fingerprint, join.senderId, millis(0));
  return door;
}

test('whoever was declined asks in vain', () => {
  const door = declined();
  door.enter(view('ask'));
  const asks = (of: typeof BO, at: number): boolean => door.isDeclined(of.senderId, millis(at));
  expect([asks(BO, 1), asks(BO_AGAIN, 1)]).toEqual([true, true]);
  expect([asks(BO, DEFAULT_TIMING.declined), asks(BO_AGAIN, DEFAULT_TIMING.declined)]).toEqual([true, false]);
});

test('whoever was declined comes in once the door is open', () => {
  const door = declined();
  door.enter(view('open'));
  expect([BO, BO_AGAIN].map(({ senderId }) => door.isDeclined(senderId, millis(1)))).toEqual([false, false]);
});

test('whom another organiser has let in may come again', () => {
  const door = declined();
  door.enter(view('ask', [ANA, BO]));
  expect(door.isDeclined(BO_AGAIN.senderId, millis(1))).toBe(false);
});
