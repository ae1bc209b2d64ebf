/** Many members in virtual time. `CROWD_SIMULATION=all` has 200 of them too, which takes minutes and gigabytes. */
import { expect, test } from 'vitest';
import { SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';

const sizes = process.env.CROWD_SIMULATION === 'all' ? [25, 100, 200] : [25, 100];

test.each(sizes)(
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
  600_000,
);
