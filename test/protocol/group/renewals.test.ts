/** Fresh keys of leaves: when they are due, whose turn it is, and that nothing waits for them. */
import { describe, expect, test } from 'vitest';
import { Renewals } from '../../../src/protocol/group/coordination/renewals.ts';
import { DEFAULT_TIMING } from '../../../src/protocol/group/coordination/timing.ts';
import type { Fingerprint, SenderId } from '../../../src/protocol/group/names.ts';
import { leafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import { epoch, millis } from '../../../src/protocol/units.ts';
import { seededRandom } from '../../harness/moqt/wire.ts';
import { Simulation } from '../../harness/group/simulation.ts';

const { renewAfter, renewPause, renewWithAdd, step } = DEFAULT_TIMING;
const OWN = leafIndex(2);
const member = (leaf: number, asOf = leaf): Member => ({
  leaf: leafIndex(leaf),
  signatureKey: new Uint8Array(32).fill(leaf),
  fingerprint: new Uint8Array(32).fill(leaf) as Fingerprint,
  senderId: new Uint8Array([leaf]) as SenderId,
  asOf: epoch(BigInt(asOf)),
});
const roster = [member(0), member(1), member(2), member(3)];
const none = { added: [], removed: [] };
/** Somebody commits. */
const commit = (
  renewals: Renewals,
  at: number,
  by: number,
  of: Partial<Parameters<Renewals['epochBegan']>[0]> & { epoch: ReturnType<typeof epoch> },
): void => {
  const begun = { change: none, committer: leafIndex(by), renews: true, byUs: by === 2, ...of };
  renewals.epochBegan(begun, millis(at));
};
const due = (renewals: Renewals, of = roster, present: (leaf: number) => boolean = () => true) =>
  renewals.dueAt(of, OWN, ({ leaf }) => present(leaf));
const since = (at: number, isResumed = false): Renewals =>
  new Renewals(DEFAULT_TIMING, millis(at), isResumed);

describe('the key of our leaf is renewed', () => {
  test('when it is an hour old, counted from the last time', () => {
    const renewals = since(1_000);
    expect(due(renewals, [member(2)])).toBe(1_000 + renewAfter);
    commit(renewals, 50_000, 2, { epoch: epoch(5n), change: { added: [], removed: [member(3)] } });
    expect(due(renewals, [member(2)])).toBe(50_000 + renewAfter);
    commit(renewals, 90_000, 2, { epoch: epoch(6n), renews: false });
    expect(due(renewals, [member(2)])).toBe(50_000 + renewAfter);
  });

  test('soon after a membership was taken up again: the key may be of any age', () => {
    expect(due(since(1_000, true), [member(2)])).toBe(1_000 + renewPause);
  });

  test('when somebody asks, once, and not before a pause after the last one', () => {
    const renewals = since(0);
    renewals.ask(millis(100_000));
    renewals.ask(millis(110_000));
    expect(due(renewals, [member(2)])).toBe(100_000);
    commit(renewals, 99_000, 0, { epoch: epoch(5n) });
    expect(due(renewals, [member(2)])).toBe(99_000 + renewPause);
    commit(renewals, 130_000, 2, { epoch: epoch(6n) });
    expect(due(renewals, [member(2)])).toBe(130_000 + renewAfter);
  });

  test('in no epoch in which MLS refused to', () => {
    const renewals = since(0);
    renewals.ask(millis(100_000));
    renewals.refused();
    expect(due(renewals)).toBeUndefined();
    commit(renewals, 200_000, 0, { epoch: epoch(5n), renews: false });
    expect(due(renewals, [member(2)])).toBe(100_000);
  });

  test('with an Add where it is ten minutes old, or nobody knows', () => {
    const renewals = since(0);
    const ages = [renewWithAdd - 1, renewWithAdd].map((at) => renewals.isOld(millis(at)));
    expect([...ages, since(0, true).isOld(millis(0))]).toEqual([false, true, true]);
  });
});

describe('a turn', () => {
  test('comes later for each member that is present and has an older key', () => {
    // As of 0 and 1, ours as of 2, and 3.
    expect(due(since(0))).toBe(renewAfter + 2 * step);
    expect(due(since(0), roster, (leaf) => leaf !== 0)).toBe(renewAfter + step);
    // Of one epoch: in the order of leaves.
    const together = [0, 1, 2, 3].map((leaf) => member(leaf, 7));
    expect(due(since(0), together)).toBe(renewAfter + 2 * step);
  });

  test('does not wait for one that has just had its own, nor for a newcomer, nor for the leaf of somebody else', () => {
    const renewals = since(0);
    commit(renewals, renewAfter - 1_000, 0, { epoch: epoch(5n) });
    expect(due(renewals)).toBe(renewAfter - 1_000 + renewPause + step);
    const newcomer = { ...member(1), asOf: epoch(6n) };
    const change = { added: [newcomer], removed: [member(1)] };
    commit(renewals, renewAfter, 3, { epoch: epoch(7n), renews: false, change });
    expect(due(renewals, [member(0), newcomer, member(2), member(3)])).toBe(renewAfter - 1_000 + renewPause);
  });

  test('that was asked for does not wait for keys that are not old, and once where nobody knows', () => {
    const renewals = since(0);
    renewals.ask(millis(100_000));
    expect(due(renewals)).toBe(100_000 + step);
    const changes = [0, 1].map((leaf) => ({ added: [member(leaf)], removed: [] }));
    for (const [at, change] of changes.entries())
      commit(renewals, 50_000, 3, { epoch: epoch(BigInt(5 + at)), renews: false, change });
    expect(due(renewals)).toBe(100_000);
  });
});

describe('what puts it off', () => {
  test('is a renewal, or an Add with one, and no removal, however many there are', () => {
    const renewals = since(0);
    const change = { added: [], removed: [member(3)] };
    for (let at = 0; at < renewAfter; at += 10_000)
      commit(renewals, at, 0, { epoch: epoch(BigInt(at)), change });
    expect(due(renewals, [member(2)])).toBe(renewAfter);
    const added = { added: [member(3)], removed: [] };
    commit(renewals, renewAfter, 0, { epoch: epoch(9_000_000n), change: added });
    expect(due(renewals, [member(2)])).toBe(renewAfter + renewPause);
  });

  test('is nobody twice: a member that renews again and again does not keep us from it', () => {
    const renewals = since(0);
    for (let at = 0; at <= renewAfter + 100_000; at += 10_000)
      commit(renewals, at, 0, { epoch: epoch(BigInt(at)) });
    expect(due(renewals, [member(2)])).toBe(renewAfter - 10_000 + renewPause);
  });
});

/** Twelve members of which all keys are due together, after ten minutes so that a run is short. */
function twelve(seed = 0): { simulation: Simulation; random: () => number } {
  const names = Array.from({ length: 12 }, (_, at) => `m${String(at)}`);
  const simulation = new Simulation('fenced', names, { renewAfter: millis(600_000) });
  const random = seededRandom(seed);
  for (const device of simulation.devices) {
    simulation.start(device);
    simulation.settle(Math.floor(random() * 3_000));
  }
  simulation.settle(60_000);
  return { simulation, random };
}
const gaps = (times: readonly number[]): number[] =>
  times.slice(1).map((time, at) => time - (times[at] ?? 0));

describe('twelve members', () => {
  test.each([1, 3])(
    'renew their keys one by one, never within 30 s, and asks change nothing of that: seed %i',
    (seed) => {
      const { simulation, random } = twelve(seed);
      for (let minute = 0; minute < 25; minute += 1) {
        const device = simulation.devices[Math.floor(random() * 12)];
        if (device !== undefined && random() < 0.5) simulation.input(device, { kind: 'renew' });
        simulation.settle(60_000);
      }
      expect(simulation.outcome().broken).toBeUndefined();
      const { renewals } = simulation;
      expect(Math.min(...gaps(renewals.map(({ at }) => at)))).toBeGreaterThanOrEqual(renewPause);
      // Everybody, and more than once.
      for (const { name } of simulation.devices)
        expect(renewals.filter(({ by }) => by === name).length, name).toBeGreaterThanOrEqual(2);
    },
  );

  test('take the oldest key first', () => {
    const { simulation } = twelve();
    const before = simulation.renewals.length;
    simulation.settle(600_000 + 12 * 31_000);
    const order = simulation.renewals.slice(before, before + 12).map(({ by }) => by);
    simulation.settle(600_000);
    const again = simulation.renewals.slice(before + 12, before + 24).map(({ by }) => by);
    expect([new Set(order).size, again]).toEqual([12, order]);
  });

  test('let somebody in, and remove somebody, at once while all wait to renew', () => {
    const { simulation } = twelve();
    const [first, ...others] = simulation.devices;
    if (first === undefined) throw new Error('twelve devices');
    simulation.settle(600_000);
    expect(simulation.renewals.length).toBeGreaterThan(0);
    const sizes = (): (number | undefined)[] => others.map(({ view }) => view?.size);
    simulation.start(simulation.add('late'));
    simulation.settle(3_000);
    expect(new Set(sizes())).toEqual(new Set([13]));
    simulation.kick(first, 'late');
    simulation.settle(2_000);
    expect(new Set(sizes())).toEqual(new Set([12]));
    expect(Math.min(...gaps(simulation.renewals.map(({ at }) => at)))).toBeGreaterThanOrEqual(renewPause);
  });
});
