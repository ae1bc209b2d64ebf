/** Who was a member and is gone is brought back by nobody who repeats what it once sent, whatever its members have forgotten. */
import { expect, test } from 'vitest';
import { DEFAULT_TIMING } from '../../src/protocol/group/coordination/timing.ts';
import { classifyTrack } from '../../src/protocol/group/names.ts';
import { millis } from '../../src/protocol/units.ts';
import { passOf } from '../harness/simulation/intruder.ts';
import { meet } from '../harness/simulation/meet.ts';
import type { SimulatedMember } from '../harness/simulation/simulated-meeting.ts';
import { Records, Spy } from './spy.ts';
import { WatchedMeeting } from './watched-meeting.ts';

/** More than the epochs for which a KeyPackage is good. */
const EPOCHS = 10;

/** Restarts a member, which no longer knows what it has looked at, and waits until it is in the meeting again. */
function restart(world: WatchedMeeting, member: SimulatedMember): void {
  member.kill();
  member.start();
  world.until(`${member.name} is back`, () => member.isRunning && member.group !== undefined);
}

test.each<[string, (bo: SimulatedMember) => void]>([
  [
    'left',
    (bo) => {
      bo.feed({ kind: 'leave' });
    },
  ],
  [
    'vanished',
    (bo) => {
      bo.kill();
    },
  ],
])('who %s does not come back by KeyPackages that are repeated to members that were restarted', (_, end) => {
  const world = new WatchedMeeting({ timing: { ...DEFAULT_TIMING, renewPause: millis(100) } });
  const [ana] = meet(world, 'Ana') as [SimulatedMember];
  const group = ana.group!.group;
  const records = new Records();
  const relay = new Spy(world, [passOf(world)], [group], records);
  const [bo] = meet(world, 'Bo') as [SimulatedMember];
  end(bo);
  world.until('Bo is out', () => ana.group?.participants.length === 1);
  let inspected = 0;
  ana.meddle = (ask, moment) => {
    if (ask === 'inspect-key-package' && moment === 'before') inspected += 1;
    return undefined;
  };
  for (let begun = 0; begun < EPOCHS; begun += 1) {
    restart(world, ana);
    for (const track of records.tracks)
      if (classifyTrack(group, track).kind === 'key-packages') relay.offer(track, records.of(track));
    world.pass(2_000);
    const { epoch = 0n } = ana;
    ana.feed({ kind: 'renew' });
    world.until('an epoch begins', () => (ana.epoch ?? 0n) > epoch);
    expect(ana.group?.participants.length).toBe(1);
  }
  expect(inspected).toBeGreaterThanOrEqual(EPOCHS);
  expect(world.broken).toEqual([]);
});
