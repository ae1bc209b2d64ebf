/** Whatever comes in, in whatever order: a meeting throws at nothing, ends when told, and then is silent. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ConnectionId } from '../../../src/protocol/meeting/effects.ts';
import type { MeetingInput } from '../../../src/protocol/meeting/inputs.ts';
import type { StreamHandle, TransportEvent } from '../../../src/protocol/moqt/transport.ts';
import { SimulatedMeeting } from '../../harness/simulation/simulated-meeting.ts';

/** Connections that are there, were there, or never will be. */
const connection = fc.nat(4).map((id) => id as ConnectionId);
const stream = fc.nat(40).map((handle) => handle as StreamHandle);
const bytes = fc.uint8Array({ maxLength: 40 });
const code = fc.nat(20);

const event: fc.Arbitrary<TransportEvent> = fc.oneof(
  fc.record({
    kind: fc.constant('closed' as const),
    code,
    reason: fc.constant(''),
    by: fc.constantFrom('peer' as const, 'timeout' as const, 'local' as const),
  }),
  fc.record({
    kind: fc.constant('stream-opened' as const),
    stream,
    direction: fc.constantFrom('uni' as const, 'bidi' as const),
  }),
  fc.record({ kind: fc.constant('data' as const), stream, bytes, fin: fc.boolean() }),
  fc.record({ kind: fc.constant('reset' as const), stream, code }),
  fc.record({ kind: fc.constant('stop-sending' as const), stream, code }),
  fc.record({ kind: fc.constant('drained' as const), stream, queued: fc.nat() }),
  fc.record({ kind: fc.constant('datagram' as const), bytes }),
);

const person = fc.constantFrom('Ana', 'Bo', 'nobody');
const input: fc.Arbitrary<MeetingInput> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('transport' as const), connection, event }) },
  fc.record({
    kind: fc.constant('connected' as const),
    connection,
    established: fc.record({
      transport: fc.constant('quic' as const),
      protocol: fc.constantFrom('moqt-18', 'h3'),
      path: fc.constant('/'),
      authority: fc.constant('relay.test'),
    }),
  }),
  fc.record({ kind: fc.constant('connect-failed' as const), connection, reason: fc.constant('refused') }),
  fc.record({ kind: fc.constant('queued' as const), connection, stream, bytes: fc.nat() }),
  fc.record({ kind: fc.constant('flushed' as const), connection }),
  fc.record({
    kind: fc.constant('sending' as const),
    sending: fc.record({ microphone: fc.boolean(), camera: fc.boolean() }),
  }),
  fc.record({ kind: fc.constant('watch' as const), participants: fc.array(person) }),
  fc.record({ kind: fc.constant('rename' as const), displayName: fc.string() }),
  fc.record({ kind: fc.constant('kick' as const), participant: person }),
  fc.record({
    kind: fc.constant('feedback' as const),
    feedback: fc.record({ kind: fc.constant('keyframe-needed' as const), participant: person }),
  }),
  fc.constantFrom<MeetingInput>(
    { kind: 'announce' },
    { kind: 'leave' },
    { kind: 'suspend' },
    { kind: 'fault' },
  ),
);
const script = fc.record({
  mode: fc.constantFrom('plain' as const, 'fenced' as const),
  inputs: fc.array(fc.tuple(fc.nat(300), input), { maxLength: 30 }),
});

test('a meeting takes any input at any time', () => {
  fc.assert(
    fc.property(script, ({ mode, inputs }) => {
      const world = new SimulatedMeeting({ mode });
      const [ana, bo] = [world.join('Ana'), world.join('Bo')];
      const ids = new Map([ana, bo].map(({ name, id }) => [name, id]));
      const named = (name: string): string => ids.get(name) ?? name;
      bo.goLive();
      for (const [after, odd] of inputs) {
        world.pass(after);
        if (odd.kind === 'kick') bo.feed({ ...odd, participant: named(odd.participant) });
        else if (odd.kind === 'watch') bo.feed({ ...odd, participants: odd.participants.map(named) });
        else bo.feed(odd);
        bo.speak('hello');
      }
      bo.feed({ kind: 'leave' });
      world.until('Bo has ended', () => bo.hasEnded, 10_000);
      world.pass(1_000);
      for (const [, odd] of inputs) bo.feed(odd);
      world.pass(1_000);
      expect(world.broken.filter((fault) => fault.startsWith('Bo'))).toEqual([]);
    }),
    { numRuns: Number(process.env.CHAOS_RUNS ?? 100) },
  );
});
