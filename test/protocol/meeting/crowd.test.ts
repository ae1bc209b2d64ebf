/** Many members in virtual time. */
import { expect, test } from 'vitest';
import { SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';

test.each([25, 200])(
  '%i members meet and hear who speaks',
  (size) => {
    const world = new SimulatedMeeting();
    const first = world.join('0');
    world.until('the room is open', () => world.agree());
    const members = [first, ...Array.from({ length: size - 1 }, (_, at) => world.join(String(at + 1)))];
    world.until('all agree', () => world.agree(members), 120_000);
    first.goLive();
    world.pass(1_000);
    for (let at = 0; at < 5; at += 1) {
      first.speak(`word ${String(at)}`);
      world.pass(20);
    }
    world.pass(200);
    for (const by of members) if (by !== first) expect(by.got(first, 'audio')).toHaveLength(5);
    expect(world.broken).toEqual([]);
  },
  120_000,
);
