import { describe, expect, test } from 'vitest';
import { describeMeeting, type MeetingContext } from '../../../src/main/meeting/meeting-state.ts';
import type { Attention, MeetingEnd, MeetingView } from '../../../src/protocol/meeting/view.ts';

const context: MeetingContext = {
  invitation: {} as MeetingContext['invitation'],
  link: 'conclave://join/x',
  since: 0,
  displayName: 'Ana',
  names: new Map(),
};

/** A meeting that we are not in. @param end - undefined while one waits to be let in. */
function outside(end: MeetingEnd | undefined, ...attention: readonly Attention[]): MeetingView {
  return {
    step: 'member',
    connection: { kind: 'connecting', relay: 'moqt://relay.test/', attempt: 1 },
    group: undefined,
    history: [],
    absence: { kind: 'none' },
    attention: new Set(attention),
    sending: { microphone: false, camera: false },
    unreadableObjects: 0,
    end,
  };
}

describe('whoever left', () => {
  test('is told that the keys are erased', () => {
    expect(describeMeeting(outside('left'), context)).toMatchObject({
      kind: 'ended',
      reason: 'left',
      sentence: 'You left the meeting. Your keys for it are erased.',
    });
  });

  test('is not told so where the disk still has them', () => {
    const state = describeMeeting(outside('left', 'store-failing'), context);
    expect(state).toMatchObject({ kind: 'ended', reason: 'left', link: context.link });
    expect('sentence' in state && state.sentence).toMatch(/could not erase/);
  });
});

describe('whoever waits to be let in', () => {
  test('is told where the disk keeps it out, and what to do', () => {
    const state = describeMeeting(outside(undefined, 'store-failing'), context);
    expect(state.kind).toBe('joining');
    expect('sentence' in state && state.sentence).toMatch(/cannot save.* cannot enter.* Free up some space/);
  });

  test('is told nothing where nothing is amiss', () => {
    const state = describeMeeting(outside(undefined), context);
    expect(state).toMatchObject({ sentence: undefined, again: false });
  });
});

test('whoever was away and is on the way back in is told so, and that devices are off', () => {
  const view: MeetingView = { ...outside(undefined), absence: { kind: 'rejoining' } };
  const state = describeMeeting({ ...view, step: 'waiting-for-member' }, context);
  expect(state).toMatchObject({ kind: 'joining', again: true });
  expect('sentence' in state && state.sentence).toMatch(/You were away.* joining again/);
});
