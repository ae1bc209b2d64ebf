import { beforeEach, expect, test } from 'vitest';
import type { MeetingCore } from '../../../src/protocol/meeting/core.ts';
import type { AskId, MeetingEffect } from '../../../src/protocol/meeting/effects.ts';
import { millis } from '../../../src/protocol/units.ts';
import { effectsOf, meetingCore, TIME_ORIGIN } from '../../harness/meeting/core.ts';

const ENDED: MeetingEffect = { kind: 'ended' };

let core: MeetingCore;
beforeEach(() => {
  core = meetingCore();
});

test('effects are performed in order, and an ask is one of them', () => {
  core.emit(ENDED);
  core.ask({ kind: 'store', ask: { kind: 'load' } });
  core.emit(ENDED);
  expect(effectsOf(core).map(({ kind }) => kind)).toEqual(['ended', 'store', 'ended']);
  expect(core.poll()).toBeUndefined();
});

test('an answer goes to who asked, once; any other is ignored', () => {
  const [first, second] = [1, 2].map(() => core.ask<string>({ kind: 'store', ask: { kind: 'load' } }));
  const ids = effectsOf(core).flatMap((effect) => ('id' in effect ? [effect.id] : []));
  expect(new Set(ids).size).toBe(2);
  const [one, two] = ids;
  if (one === undefined || two === undefined) throw new Error('two were asked');
  core.answer(two, 'to the second');
  core.answer(two, 'again');
  core.answer(99 as AskId, 'to nobody');
  expect([first?.settled, second?.settled]).toEqual([undefined, { value: 'to the second' }]);
  core.answer(one, 'to the first');
  expect(first?.settled).toEqual({ value: 'to the first' });
});

test('a mark that something changed is taken once', () => {
  expect([core.hasChanged, core.takeChanged()]).toEqual([false, false]);
  core.changed();
  core.changed();
  expect([core.hasChanged, core.takeChanged(), core.hasChanged, core.takeChanged()]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test('the wall clock follows the machine, in whole milliseconds', () => {
  core.tasks.advance(millis(1_000.6));
  expect(core.wallClock).toBe(TIME_ORIGIN + 1_001);
});
