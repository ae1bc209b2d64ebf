/** Random misfortune by seed: whatever happens, there is one line of epochs, nothing is opened twice, and all meet again. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SimulatedMeeting, type SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';

/**
 * One misfortune; each ends before anybody may be taken for gone. Deaths are not among them: who comes back takes the
 * KeyPackages that a relay still has for new ones, and has others replaced.
 */
type Misfortune =
  | { readonly kind: 'cut'; readonly whom: number; readonly duration: number }
  | { readonly kind: 'relay'; readonly duration: number }
  | { readonly kind: 'counter'; readonly duration: number }
  | { readonly kind: 'join' };

const SIZE = 4;
const whom = fc.nat(SIZE - 1);
const misfortune: fc.Arbitrary<Misfortune> = fc.oneof(
  fc.record({ kind: fc.constant('cut' as const), whom, duration: fc.integer({ min: 100, max: 9_000 }) }),
  fc.record({ kind: fc.constant('relay' as const), duration: fc.integer({ min: 1, max: 5_000 }) }),
  fc.record({ kind: fc.constant('counter' as const), duration: fc.integer({ min: 1, max: 10_000 }) }),
  fc.record({ kind: fc.constant('join' as const) }),
);
const script = fc.record({
  seed: fc.nat(),
  lossPercent: fc.constantFrom(0, 2, 10),
  events: fc.array(fc.record({ after: fc.integer({ min: 1, max: 5_000 }), what: misfortune }), {
    maxLength: 6,
  }),
});

function run({
  seed,
  lossPercent,
  events,
}: typeof script extends fc.Arbitrary<infer Script> ? Script : never): void {
  const world = new SimulatedMeeting({ seed, network: { latency: 20, lossPercent } });
  const members: SimulatedMember[] = [];
  for (let at = 0; at < SIZE; at += 1) {
    members.push(world.join(String(at)));
    world.until('it is in', () => world.agree(members));
  }
  for (const { after, what } of events) {
    world.pass(after);
    befall(world, members, what);
  }
  // Sessions that are dead are noticed by their silence.
  world.pass(15_000);
  world.until('all have met again', () => world.agree(members) && members.every(isConnected), 120_000);
  for (const member of members) member.goLive();
  world.pass(1_000);
  const before = members.map((by) => members.map((other) => by.got(other, 'audio').length));
  for (let at = 0; at < 5; at += 1) {
    for (const member of members) member.speak(`${member.name}:${String(at)}`);
    world.pass(20);
  }
  world.pass(3_000);
  members.forEach((by, row) => {
    members.forEach((other, column) => {
      if (by === other) return;
      // Each packet is a stream of its own: one that was lost comes after those behind it.
      const got = by.got(other, 'audio').slice(before[row]?.[column]).sort();
      expect(got).toEqual(Array.from({ length: 5 }, (_, at) => `${other.name}:${String(at)}`));
    });
  });
  expect(world.broken).toEqual([]);
}

const isConnected = ({ view }: SimulatedMember): boolean => view.connection.kind === 'connected';

function befall(world: SimulatedMeeting, members: SimulatedMember[], what: Misfortune): void {
  switch (what.kind) {
    case 'cut':
      world.cut(members[what.whom]!, what.duration);
      return;
    case 'relay':
      if (world.relay === undefined) return;
      world.killRelay();
      world.agenda.after(what.duration, () => {
        world.startRelay();
      });
      return;
    case 'counter':
      world.counter.reachable = false;
      world.agenda.after(what.duration, () => {
        world.counter.reachable = true;
      });
      return;
    case 'join':
      members.push(world.join(String(members.length)));
      return;
  }
}

test('members meet again after any few misfortunes that end', () => {
  fc.assert(fc.property(script, run), { numRuns: Number(process.env.CHAOS_RUNS ?? 25) });
});
