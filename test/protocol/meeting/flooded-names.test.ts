/** A member that floods the names of another with what it cannot sign: it has the keys of all tracks, and no other leaf's. */
import { expect, test } from 'vitest';
import { encodeControlMessage } from '../../../src/protocol/group/control.ts';
import { encodeStatement } from '../../../src/protocol/meeting/statement.ts';
import type { FullTrackName } from '../../../src/protocol/moqt/model.ts';
import { Forger } from '../../harness/simulation/forger.ts';
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
