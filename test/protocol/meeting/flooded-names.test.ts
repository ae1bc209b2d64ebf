/**
 * Who floods the names of a member: another member with what it cannot sign, as it has the keys of all tracks and no other leaf's,
 * or whoever has the link with tracks in which there is nothing.
 */
import { expect, test } from 'vitest';
import { encodeControlMessage } from '../../../src/protocol/group/control.ts';
import {
  classifyTrack,
  controlTrack,
  groupNamespace,
  mediaTrack,
  type GroupName,
  type GroupTrack,
  type SenderId,
} from '../../../src/protocol/group/names.ts';
import { encodeStatement } from '../../../src/protocol/meeting/statement.ts';
import {
  controlInstance,
  INSTANCE_BYTES,
  mediaInstance,
} from '../../../src/protocol/meeting/track-instance.ts';
import type { FullTrackName } from '../../../src/protocol/moqt/model.ts';
import { Forger } from '../../harness/simulation/forger.ts';
import { Intruder, passOf } from '../../harness/simulation/intruder.ts';
import { meetLive } from '../../harness/simulation/meet.ts';
import { SimulatedMeeting, type SimulatedMember } from '../../harness/simulation/simulated-meeting.ts';
import { FORGED, heard, own, talk, three } from './who-speaks-scene.ts';

const NOTHING = { after: undefined, sealed: [] };
const UNSIGNED = encodeControlMessage({
  kind: 'statement',
  statement: encodeStatement(0, { control: NOTHING, catalog: NOTHING, audio: NOTHING, video: NOTHING }),
  signature: new Uint8Array(64),
});
/** All that a flood does is done once in so many ms. */
const STEP_MS = 20;

/** Sends as somebody under names of its own making. */
class Flood {
  readonly #world: SimulatedMeeting;
  readonly #forger: Forger;
  readonly #victim: SimulatedMember;
  readonly #newEvery: number;
  readonly #perStep: number;
  #steps = 0;
  #live: Readonly<Record<'control' | 'audio', FullTrackName>>[] = [];

  /**
   * @param newEvery - steps after which there is another name.
   * @param perStep - statements, under the four newest names.
   */
  constructor(
    world: SimulatedMeeting,
    member: SimulatedMember,
    victim: SimulatedMember,
    newEvery: number,
    perStep: number,
  ) {
    this.#world = world;
    this.#forger = new Forger(world, member);
    this.#victim = victim;
    this.#newEvery = newEvery;
    this.#perStep = perStep;
    for (let count = 0; count < 4; count += 1) this.#begin();
    this.#forger.run();
  }

  step(): void {
    this.#steps += 1;
    const steps = this.#steps;
    for (let count = 0; count < this.#perStep; count += 1) {
      const tracks = this.#live.at(-1 - (count % 4));
      if (tracks === undefined) throw new Error('it has begun');
      this.#forger.forge(tracks.control, 'control', steps, UNSIGNED, count);
      this.#forger.forge(tracks.audio, 'audio', steps, FORGED, count);
    }
    if (steps % this.#newEvery === 0) this.#begin();
  }

  #begin(): void {
    const instance = this.#world.fresh();
    const track = (kind: 'control' | 'audio'): FullTrackName =>
      this.#forger.newTrack(this.#victim, kind, instance);
    const tracks = { control: track('control'), audio: track('audio') };
    for (const each of Object.values(tracks)) this.#forger.announce(each);
    this.#live = [...this.#live, tracks];
  }
}

/** Lets time pass while somebody floods. */
function pass(
  flood: Flood,
  world: SimulatedMeeting,
  duration: number,
  ...speakers: readonly SimulatedMember[]
): void {
  for (let passed = 0; passed < duration; passed += STEP_MS) {
    flood.step();
    talk(world, STEP_MS, ...speakers);
  }
}

test.each([
  ['few names many times', Infinity, 5],
  ['ever new names', 2, 8],
])(
  'who comes back from an outage is heard though somebody sends under %s as them',
  (_, newEvery, perStep) => {
    const world = new SimulatedMeeting();
    const [ana, bo, mal] = three(world);
    talk(world, 1_000, bo);
    // No time of its first statement is a lucky one.
    for (const silent of [6_000, 6_150, 6_300, 6_450]) {
      world.cut(bo, 20_000);
      world.pass(silent);
      const flood = new Flood(world, mal, bo, newEvery, perStep);
      for (const isBack of [false, true])
        while ((bo.view.connection.kind === 'connected') !== isBack) pass(flood, world, STEP_MS);
      pass(flood, world, 1_000, bo);
      const before = own(ana, bo);
      pass(flood, world, 500, bo);
      expect(own(ana, bo) - before).toBeGreaterThan(20);
    }
    expect([heard(ana, bo), world.broken]).toEqual([0, []]);
  },
);

test('who begins anew is told apart from few names, however often they are used', () => {
  const world = new SimulatedMeeting();
  const [ana, bo, mal] = three(world);
  talk(world, 1_000, bo);
  const flood = new Flood(world, mal, bo, Infinity, 5);
  for (const away of [300, 700]) {
    bo.kill();
    pass(flood, world, away);
    bo.start();
    while (!world.agree()) pass(flood, world, STEP_MS);
    bo.goLive();
    pass(flood, world, 1_500, bo);
    const before = own(ana, bo);
    pass(flood, world, 500, bo);
    expect(own(ana, bo) - before).toBeGreaterThan(20);
  }
  expect([heard(ana, bo), world.broken]).toEqual([0, []]);
});

test('a newcomer hears who was there before it, though a member sends under ever new names as them', () => {
  const world = new SimulatedMeeting();
  const [, bo, mal] = three(world);
  talk(world, 1_000, bo);
  // Of whom the newcomer has heard nothing when the flood begins.
  world.cut(bo, 20_000);
  const cutAt = world.agenda.now;
  const cy = world.join('Cy');
  world.until('Cy is in', () => cy.group?.participants.length === 4);
  world.pass(cutAt + 6_300 - world.agenda.now);
  const flood = new Flood(world, mal, bo, 2, 8);
  for (const isBack of [false, true])
    while ((bo.view.connection.kind === 'connected') !== isBack) pass(flood, world, STEP_MS);
  pass(flood, world, 1_000, bo);
  const before = own(cy, bo);
  pass(flood, world, 500, bo);
  expect([own(cy, bo) - before > 20, world.broken]).toEqual([true, []]);
});

/** Somebody who has the meeting's link, and no keys. */
class Stranger extends Intruder {
  readonly #group: GroupName;

  constructor(world: SimulatedMeeting, group: GroupName) {
    super(world, passOf(world));
    this.#group = group;
  }

  /** Follows what is offered in the meeting. */
  look(): void {
    this.session.subscribeTracks(groupNamespace(this.#group), { forward: false });
    this.run();
  }

  /** Who was let in last, as far as the relay offers Welcomes. */
  get newcomer(): SenderId | undefined {
    return this.requests('publish')
      .map(({ track }) => classifyTrack(this.#group, track))
      .filter((track): track is Extract<GroupTrack, { kind: 'welcome' }> => track.kind === 'welcome')
      .at(-1)?.recipient;
  }

  /** Offers tracks in somebody's name, and waits for no answer. */
  claim(sender: SenderId, instance: Uint8Array): void {
    this.offer(controlTrack(this.#group, sender, controlInstance(instance)), []);
    this.offer(mediaTrack(this.#group, sender, mediaInstance('audio', instance)), []);
  }
}

function freshBytes(world: SimulatedMeeting, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, world.fresh());
  return bytes;
}

function groupOf({ group }: SimulatedMember): GroupName {
  if (group === undefined) throw new Error('is in no group');
  return group.group;
}

test('a newcomer is heard though somebody with the link alone offers tracks by the hundred in its name', () => {
  const world = new SimulatedMeeting();
  const [ana] = meetLive(world, 'Ana', 'Bo');
  if (ana === undefined) throw new Error('nobody came');
  const strangers = [1, 2, 3].map(() => new Stranger(world, groupOf(ana)));
  const [looking] = strangers;
  looking?.look();
  const before = looking?.newcomer;
  const cy = world.join('Cy');
  while (looking?.newcomer === before) world.pass(1);
  const sender = looking?.newcomer;
  if (sender === undefined) throw new Error('nobody came');
  // While the newcomer offers its own, and before the first object of those.
  for (let passed = 0; passed < 120; passed += 1) {
    for (let count = 0; count < 5; count += 1)
      strangers[passed % 3]?.claim(sender, freshBytes(world, INSTANCE_BYTES));
    world.pass(1);
  }
  world.until('Cy is in', () => world.agree());
  cy.goLive();
  talk(world, 1_000, cy);
  const named = ana.view.group?.participants.map(({ displayName }) => displayName);
  expect([own(ana, cy) > 20, named?.at(-1)]).toEqual([true, 'Cy']);
});
