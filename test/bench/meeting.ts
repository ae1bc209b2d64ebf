/**
 * Joining and leaving a meeting of real engines through real services: from the click to the first opened frame, and from a
 * good-bye to the last object that is sealed with the old key. No windows: capture, encoding and painting are not in it.
 */
import { createInvitation } from '../../src/main/invitations.ts';
import { eventually, HeadlessMember } from '../harness/meeting/headless-member.ts';
import { startServices } from '../harness/meeting/services.ts';
import { median, rounded, type Figure, type Say } from './figure.ts';

const ROUNDS = 5;
const FRAME = new Uint8Array(1_200).fill(7);
const FRAME_EVERY_MS = 20;
/** DAVE lets a leaver read for about two seconds; the goal is a quarter of it. */
const LEAVE_GOAL_MS = 500;

/** Measures; takes about half a minute. */
export async function meetingFigures(say: Say): Promise<Figure[]> {
  const services = await startServices();
  const joins: number[] = [];
  const memberships: number[] = [];
  const leaves: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      say(`meeting: round ${String(round + 1)} of ${String(ROUNDS)}`);
      const link = createInvitation(services.servers, 'Bench', 'classical');
      const host = new HeadlessMember('Host', link);
      await eventually('the meeting is open', () => host.size === 1);
      host.goLive();
      const talking = setInterval(() => {
        host.speak(FRAME);
      }, FRAME_EVERY_MS);
      const clicked = performance.now();
      const guest = new HeadlessMember('Guest', link);
      const hostId = host.id ?? '';
      await eventually('the guest is a member', () => guest.size === 2, 30);
      memberships.push(performance.now() - clicked);
      await eventually('the guest hears', () => guest.chunksFrom(hostId, 'audio').length > 0, 30);
      joins.push(performance.now() - clicked);

      const before = host.epoch ?? 0n;
      const left = performance.now();
      const leaving = guest.meeting.leave();
      await eventually('the keys have changed', () => (host.epoch ?? 0n) > before, 30);
      // From here on everything the host sends is sealed with keys that the guest never had.
      leaves.push(performance.now() - left);
      await leaving;
      clearInterval(talking);
      await host.meeting.leave();
    }
  } finally {
    await services.close();
  }
  const [join, membership, leave] = [median(joins), median(memberships), median(leaves)];
  return [
    {
      name: 'join click to first opened frame',
      value: rounded(join),
      unit: 'ms',
      against: `${String(rounded(membership))} ms until member`,
      goal: '≤ 1.25 × until member',
      met: join <= 1.25 * membership,
    },
    {
      name: 'leave to the last object under the old key',
      value: rounded(leave),
      unit: 'ms',
      against: 'DAVE, about 2,000 ms by its document',
      goal: `≤ ${String(LEAVE_GOAL_MS)}`,
      met: leave <= LEAVE_GOAL_MS,
    },
  ];
}
