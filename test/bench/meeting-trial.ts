/**
 * One trial of a meeting of real engines through real services, without windows: capture, encoding and painting are not in
 * it. As a program it runs one trial and prints it as JSON, so that `pair.ts` can run trials of two checkouts in turn.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createInvitation } from '../../src/main/invitations.ts';
import { HeadlessMember } from '../harness/meeting/headless-member.ts';
import { startServices, type RunningServices } from '../harness/meeting/services.ts';

/** What one trial measures. */
export interface MeetingTrial {
  /** From the click on Join until one is a member, in ms. */
  readonly membership: number;
  /** From the click on Join to the first frame that was opened, in ms. */
  readonly join: number;
  /** From a good-bye to the last object that is sealed under a key that the leaver knows, in ms. */
  readonly leave: number;
  /** CPU time of one member's engine in a meeting of {@link CROWD} that all speak and show, in ms per second. */
  readonly cpu: number;
}

/** Members of the meeting whose CPU time is measured. */
export const CROWD = 6;
/** Compiling the code is not what a member costs. */
const WARM_UP_MS = 4_000;
const CROWD_MS = 8_000;
const AUDIO = new Uint8Array(120).fill(7);
const VIDEO = new Uint8Array(3_000).fill(9);
const AUDIO_EVERY_MS = 20;
const VIDEO_EVERY_MS = 66;

/** Measures joining, leaving and a small crowd; about 20 seconds. */
export async function meetingTrial(services: RunningServices): Promise<MeetingTrial> {
  return { ...(await joinAndLeave(services)), cpu: await crowd(services) };
}

async function joinAndLeave(services: RunningServices): Promise<Omit<MeetingTrial, 'cpu'>> {
  const link = createInvitation(services.servers, 'Bench', 'classical');
  const host = new HeadlessMember('Host', link);
  await until('the meeting is open', () => host.size === 1);
  const stop = talk(host);
  const hostId = host.id ?? '';
  const clicked = performance.now();
  const guest = new HeadlessMember('Guest', link);
  await until('the guest is a member', () => guest.size === 2);
  const membership = performance.now() - clicked;
  await until('the guest hears', () => guest.chunksFrom(hostId, 'audio').length > 0);
  const join = performance.now() - clicked;

  const before = host.epoch ?? 0n;
  const left = performance.now();
  const leaving = guest.meeting.leave();
  // From there on everything the host sends is sealed with keys that the guest never had.
  await until('the keys have changed', () => (host.epoch ?? 0n) > before);
  const leave = performance.now() - left;
  await leaving;
  stop();
  await host.meeting.leave();
  return { membership, join, leave };
}

async function crowd(services: RunningServices): Promise<number> {
  const link = createInvitation(services.servers, 'Bench', 'classical');
  const members: HeadlessMember[] = [];
  for (let index = 0; index < CROWD; index += 1) {
    members.push(new HeadlessMember(`Member ${String(index)}`, link));
    await until('all are members', () => members.every(({ size }) => size === members.length));
  }
  for (const member of members)
    member.meeting.watch(members.flatMap(({ id }) => (id === undefined || id === member.id ? [] : [id])));
  const stops = members.map(talk);
  await until('all hear and see all', () =>
    members.every((member) => others(member, members).every(Boolean)),
  );
  await sleep(WARM_UP_MS);
  const before = process.cpuUsage();
  const begun = performance.now();
  await sleep(CROWD_MS);
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - begun) / 1000;
  for (const stop of stops) stop();
  await Promise.all(members.map(({ meeting }) => meeting.leave()));
  return (user + system) / 1000 / CROWD / seconds;
}

function others(member: HeadlessMember, members: readonly HeadlessMember[]): boolean[] {
  return members
    .filter((other) => other !== member)
    .flatMap(({ id = '' }) =>
      (['audio', 'video'] as const).map((media) => member.chunksFrom(id, media).length > 0),
    );
}

/** Speaks and shows as one does at a desk. @returns stops it. */
function talk(member: HeadlessMember): () => void {
  member.goLive();
  const timers = [
    setInterval(() => {
      member.speak(AUDIO);
    }, AUDIO_EVERY_MS),
    setInterval(() => {
      member.show(VIDEO);
    }, VIDEO_EVERY_MS),
  ];
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}

/** Waits, to the millisecond. @throws {Error} after a minute. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not in a minute: ${what}`);
    await sleep(1);
  }
}

if (process.argv[1] === import.meta.filename) {
  const services = await startServices();
  process.stdout.write(`${JSON.stringify(await meetingTrial(services))}\n`);
  await services.close();
  process.exit(0);
}
