/** People of a simulated meeting who speak, and what others hear of them. */
import { encodeUtf8 } from '../../../src/protocol/bytes/utf8.ts';
import { meetLive } from '../../harness/simulation/meet.ts';
import type { SimulatedMeeting, SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';

/** How often somebody has spoken: as many groups of sound there are. */
export const spoken = new Map<SimulatedMember, number>();

/** All speak for a while. */
export function talk(
  world: SimulatedMeeting,
  duration: number,
  ...speakers: readonly SimulatedMember[]
): void {
  for (let passed = 0; passed < duration; passed += 20) {
    for (const speaker of speakers) {
      speaker.speak(`${speaker.name} speaks`);
      spoken.set(speaker, (spoken.get(speaker) ?? 0) + 1);
    }
    world.pass(20);
  }
}

/** Three who are live. */
export function three(world: SimulatedMeeting): [SimulatedMember, SimulatedMember, SimulatedMember] {
  const [ana, bo, mal] = meetLive(world, 'Ana', 'Bo', 'Mal');
  if (ana === undefined || bo === undefined || mal === undefined) throw new Error('nobody came');
  return [ana, bo, mal];
}

/** What somebody is made to say. */
export const FORGED = encodeUtf8('send the money');
/** How often somebody heard that of somebody. */
export const heard = (listener: SimulatedMember, speaker: SimulatedMember): number =>
  listener.got(speaker, 'audio').filter((text) => text === 'send the money').length;
/** How often it heard anything else of it. */
export const own = (listener: SimulatedMember, speaker: SimulatedMember): number =>
  listener.got(speaker, 'audio').length - heard(listener, speaker);
/** Whom it was told of that somebody sends as them. */
export const notices = (member: SimulatedMember): string[] =>
  member.view.notices.flatMap(({ news }) =>
    news.kind === 'forged' ? [Buffer.from(news.member.fingerprint).toString('base64url')] : [],
  );
