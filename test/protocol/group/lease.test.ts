/** In fenced mode: who keeps the meeting alive, and who learns that it is elsewhere. */
import { describe, expect, test } from 'vitest';
import { nodeGroupCrypto as crypto } from '../../../src/main/mls/node-group-crypto.ts';
import type { AliveOutcome } from '../../../src/protocol/counter/client.ts';
import { fingerprintOf, groupNameOf, senderIdOf } from '../../../src/protocol/group/names.ts';
import type { RoomKey } from '../../../src/protocol/group/room-keys.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { joinId } from '../../harness/group/membership.ts';
import { OneCoordinator } from './one-coordinator.ts';

/** Nobody renews a key meanwhile, which would be a sign of life. */
const NO_RENEWALS = { renewPause: millis(3_600_000) };
const OTHER_KEY = new Uint8Array(32).fill(2);
const room = new Uint8Array(32).fill(1) as RoomKey;
const named = (generation: number) => groupNameOf(room, generation, crypto);
const renewals = (member: OneCoordinator): number[] => member.asked('alive').map(({ at }) => at);
const moves = (member: OneCoordinator): string[] =>
  member.events.map(({ kind }) => kind).filter((kind) => kind === 'generation' || kind === 'moved');

function alone(answers: ConstructorParameters<typeof OneCoordinator>[1] = {}): OneCoordinator {
  const member = new OneCoordinator('fenced', answers, undefined, NO_RENEWALS);
  member.startAsMember();
  return member;
}
function letIn(member: OneCoordinator): void {
  const { keyPackage } = member.otherMls(OTHER_KEY).makeKeyPackage(epoch(0n), joinId(2));
  const sender = senderIdOf(fingerprintOf(OTHER_KEY, crypto), joinId(2));
  member.input({ kind: 'key-package', sender, payload: keyPackage });
  member.run(1_000);
  expect(member.epochs.at(-1)?.roster.length).toBe(2);
}
/** A member of a later generation than the first. */
function inGeneration(generation: number, elsewhere: number | undefined): OneCoordinator {
  const member = new OneCoordinator('fenced', {}, undefined, NO_RENEWALS);
  member.elsewhere = elsewhere;
  const { group, ...created } = member.mls.createGroup(named(generation), joinId(1));
  const senderId = senderIdOf(fingerprintOf(OTHER_KEY, crypto), joinId(1));
  member.resume({
    record: {
      generation,
      senderId,
      creating: false,
      log: [],
      recipients: [],
      joins: { since: epoch(0n), past: [], known: [] },
    },
    handle: group,
    ...created,
    staged: undefined,
  });
  return member;
}

describe('the lease of a meeting', () => {
  test('is renewed by its first member when a third of it has passed, again and again', () => {
    const member = alone();
    member.run(90_000);
    expect(renewals(member).map((at) => Math.round(at / 1_000))).toEqual([20, 40, 60, 80]);
    const [asked] = member.asked('alive');
    expect(asked?.input).toMatchObject({ group: member.group, val: 0n });
  });

  test('is not while something else is a sign of life', () => {
    const member = alone();
    member.run(15_000);
    letIn(member);
    member.run(15_000);
    expect(renewals(member)).toEqual([]);
  });

  test('is tried again when the counter does not answer, and the counter is asked what is missing when it is ahead', () => {
    const answers: AliveOutcome[] = [
      { kind: 'unreachable', reason: 'away' },
      { kind: 'counter-error', current: epoch(1n) },
    ];
    const member: OneCoordinator = alone({
      alive: ({ val }) =>
        answers.shift() ?? {
          kind: 'ok',
          current: val,
          meeting: { generation: 0, lease: { leftMs: millis(60_000), ofMs: millis(60_000) } },
        },
    });
    member.run(20_000);
    expect(renewals(member)).toEqual([20_000]);
    const before = member.asked('history').length;
    member.run(500);
    expect(renewals(member).slice(0, 2)).toEqual([20_000, 20_500]);
    expect(member.asked('history').length).toBeGreaterThan(before);
  });
});

describe('a member whose meeting is elsewhere', () => {
  test('joins the lower generation as a newcomer, and says so', () => {
    const member = inGeneration(3, 1);
    member.run(5_000);
    expect(moves(member)).toEqual(['generation', 'moved']);
    expect(member.asked('erase').length).toBe(1);
    expect(member.asked('enter-group').at(-1)?.input.group).toEqual(named(1));
  });

  test.each([3, 5])('stays where its own is the lowest that is alive: %s', (elsewhere) => {
    const member = inGeneration(3, elsewhere);
    member.run(30_000);
    expect([moves(member), member.asked('erase')]).toEqual([[], []]);
  });

  test('joins the meeting as a newcomer when its own never comes back', () => {
    const member = alone({ alive: () => ({ kind: 'gone' }) });
    member.elsewhere = 1;
    member.run(20_000);
    expect(moves(member)).toEqual(['generation', 'moved']);
    expect(member.asked('enter-group').at(-1)?.input.group).toEqual(named(1));
  });
});

test('who leaves others behind does not close the meeting, the last one does', () => {
  const member = alone();
  letIn(member);
  member.leave();
  expect(member.asked('close')).toEqual([]);
  const last = alone();
  last.leave();
  expect(last.asked('close').map(({ input }) => input)).toMatchObject([{ group: last.group, val: 0n }]);
});
