/** How people of a simulated meeting come together. */
import type { SimulatedMeeting, SimulatedMember } from './simulated-meeting.ts';

/** Lets people in one by one. */
export function meet(world: SimulatedMeeting, ...names: readonly string[]): SimulatedMember[] {
  return names.map((name) => {
    const member = world.join(name);
    world.until(`${name} is in`, () => world.agree());
    return member;
  });
}

/** Lets people in one by one; then all send sound and pictures. */
export function meetLive(world: SimulatedMeeting, ...names: readonly string[]): SimulatedMember[] {
  const members = meet(world, ...names);
  for (const member of members) member.goLive();
  return members;
}
