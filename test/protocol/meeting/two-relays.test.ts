/** Meetings whose invitation names two relays: whoever was at the second while the others were at the first comes back to them. */
import { expect, test } from 'vitest';
import { meet } from '../../harness/simulation/meet.ts';
import {
  policyOf,
  RELAY,
  SECOND_AUTHORITY,
  SECOND_RELAY,
  SimulatedMeeting,
} from '../../harness/simulation/simulated-meeting.ts';

function meetingWithTwoRelays(seed: number): SimulatedMeeting {
  return new SimulatedMeeting({
    seed,
    secondPolicy: policyOf(SECOND_AUTHORITY),
    relays: [
      { url: RELAY, pass: true },
      { url: SECOND_RELAY, pass: true },
    ],
  });
}

const isAtFirst = ({ view }: { readonly view: SimulatedMeeting['members'][number]['view'] }): boolean =>
  view.connection.kind === 'connected' && view.connection.relay === RELAY;

test.each([9_000, 10_000, 11_000, 12_000, 14_000, 30_000])(
  'whose network was away for %i ms is with the others again',
  (duration) => {
    const world = meetingWithTwoRelays(duration);
    const [ana, bo, cy] = meet(world, 'Ana', 'Bo', 'Cy');
    if (ana === undefined || bo === undefined || cy === undefined) throw new Error('three came');
    bo.reachesRelay = false;
    world.cut(bo, duration);
    world.pass(duration);
    bo.reachesRelay = true;
    world.until(
      'all are together',
      () => world.agree([ana, bo, cy]) && world.members.every(isAtFirst),
      120_000,
    );
    expect(world.broken).toEqual([]);
  },
);

test('when the first relay is back all come back to it, and so does whoever comes then', () => {
  const world = meetingWithTwoRelays(1);
  const [ana, bo] = meet(world, 'Ana', 'Bo');
  if (ana === undefined || bo === undefined) throw new Error('two came');
  world.killRelay();
  world.until(
    'all are at the second',
    () =>
      world.members.every(
        ({ view }) => view.connection.kind === 'connected' && view.connection.relay === SECOND_RELAY,
      ),
    60_000,
  );
  world.pass(30_000);
  expect(world.agree([ana, bo])).toBe(true);
  world.startRelay();
  const cy = world.join('Cy');
  world.until(
    'all are together',
    () => world.agree([ana, bo, cy]) && world.members.every(isAtFirst),
    180_000,
  );
  expect(world.broken).toEqual([]);
});
