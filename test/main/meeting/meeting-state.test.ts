import { describe, expect, test } from 'vitest';
import { describeMeeting, type MeetingContext } from '../../../src/main/meeting/meeting-state.ts';
import { fingerprintGroups } from '../../../src/protocol/group/fingerprint-text.ts';
import type { Fingerprint, GroupName, SenderId } from '../../../src/protocol/group/names.ts';
import { leafIndex, type Member } from '../../../src/protocol/group/roster.ts';
import { participantIdOf } from '../../../src/protocol/meeting/members.ts';
import type { RoomsView } from '../../../src/protocol/meeting/rooms-api.ts';
import type {
  Attention,
  GroupView,
  MeetingEnd,
  ParticipantView,
} from '../../../src/protocol/meeting/view.ts';
import { epoch } from '../../../src/protocol/units.ts';

const context: MeetingContext = {
  invitation: {} as MeetingContext['invitation'],
  since: 0,
  displayName: 'Ana',
  names: new Map(),
};

/** A meeting that we are not in. @param end - undefined while one waits to be let in. */
function outside(end: MeetingEnd | undefined, ...attention: readonly Attention[]): RoomsView {
  return {
    room: 0,
    link: 'conclave://join/x',
    isMoving: false,
    asked: undefined,
    step: 'member',
    connection: { kind: 'connecting', relay: 'moqt://relay.test/', attempt: 1, refused: false },
    group: undefined,
    history: [],
    ownKey: { since: undefined, renewing: false },
    line: { kind: 'whole' },
    absence: { kind: 'none' },
    isKeptWaiting: false,
    door: [],
    notices: [],
    clockOffset: undefined,
    fork: undefined,
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
    expect(state).toMatchObject({ kind: 'ended', reason: 'left', link: 'conclave://join/x' });
    expect('sentence' in state && state.sentence).toMatch(/could not erase/);
  });
});

describe('a meeting that was split', () => {
  test('is not gone back into by a button', () => {
    const state = describeMeeting(outside('left', 'equivocation'), context);
    expect(state).toMatchObject({ kind: 'ended', reason: 'left', link: undefined });
    expect('sentence' in state && state.sentence).toMatch(
      /split in two.* keys for it are erased.* not join it again/,
    );
  });

  test('is named while one is on the way back into it', () => {
    const state = describeMeeting(outside(undefined, 'equivocation'), context);
    expect('sentence' in state && state.sentence).toMatch(/split in two.*leave/);
  });
});

describe('whoever waits to be let in', () => {
  test('is told where the disk keeps it out, and what to do', () => {
    const state = describeMeeting(outside(undefined, 'store-failing'), context);
    expect(state.kind).toBe('joining');
    expect('sentence' in state && state.sentence).toMatch(/cannot save.* cannot enter.* Free up some space/);
  });

  test('is told that the relay does not let it in, and whom to ask', () => {
    const refused = { kind: 'connecting', relay: 'moqt://relay.test/', attempt: 3, refused: true } as const;
    const state = describeMeeting({ ...outside(undefined), connection: refused }, context);
    expect('sentence' in state && state.sentence).toMatch(/does not let this app in.*new invitation/);
    const lost = describeMeeting(
      { ...outside(undefined), connection: { ...refused, refused: false } },
      context,
    );
    expect('sentence' in lost && lost.sentence).toMatch(/not answering.*attempt 3/);
    const crowded = { ...refused, refused: false, crowded: 'address' } as const;
    const full = describeMeeting({ ...outside(undefined), connection: crowded }, context);
    expect('sentence' in full && full.sentence).toMatch(/no more connections from your network/);
  });

  test('is told nothing where nothing is amiss', () => {
    const state = describeMeeting(outside(undefined), context);
    expect(state).toMatchObject({ sentence: undefined, again: false });
  });
});

test('whoever was away and is on the way back in is told so, and that devices are off', () => {
  const view: RoomsView = { ...outside(undefined), absence: { kind: 'rejoining' } };
  const state = describeMeeting({ ...view, step: 'waiting-for-member' }, context);
  expect(state).toMatchObject({ kind: 'joining', again: true });
  expect('sentence' in state && state.sentence).toMatch(/You were away.* joining again/);
});

describe('somebody who left and still holds the keys', () => {
  const member = (leaf: number): Member => ({
    leaf: leafIndex(leaf),
    signatureKey: new Uint8Array(32),
    fingerprint: new Uint8Array(32).fill(leaf) as Fingerprint,
    senderId: new Uint8Array(54) as SenderId,
    asOf: epoch(0n),
  });
  const participant = (
    leaf: number,
    displayName: string | undefined,
    leaving: boolean,
    removing = false,
  ): ParticipantView => ({
    id: participantIdOf(member(leaf)),
    member: member(leaf),
    self: leaf === 0,
    role: leaf === 0 ? 'organiser' : 'member',
    displayName,
    removing,
    doubt: 'none',
    joinedEpoch: epoch(0n),
    leaving,
    heard: true,
    audio: 'off',
    video: 'off',
  });
  const group: GroupView = {
    group: new Uint8Array(16) as GroupName,
    senderId: new Uint8Array(40) as SenderId,
    epoch: epoch(4n),
    ownLeaf: leafIndex(0),
    securityCode: '1 2 3 4 5 6',
    suite: 1,
    parameters: {
      secureObjectsSuite: 4,
      profile: '01',
      mode: 'fenced',
      receiptKey: undefined,
      kickedKeys: [],
      admission: 'open',
      organisers: [],
    },
    role: 'organiser',
    admission: 'open',
    participants: [
      participant(0, undefined, false),
      participant(1, 'Bo', true),
      participant(2, undefined, true),
    ],
  };
  const connected = { kind: 'connected', relay: 'moqt://relay.test/' } as const;

  test.each([
    ['counter-unreachable', connected, 'the counter does not answer'],
    ['counter-unauthorized', connected, 'the counter asks for an access token'],
    ['counter-refusing', connected, 'the counter refuses this app'],
    [
      'member',
      { kind: 'connecting', relay: 'moqt://relay.test/', attempt: 3, refused: false },
      'the relay does not answer',
    ],
    [
      'member',
      { kind: 'connecting', relay: 'moqt://relay.test/', attempt: 3, refused: true },
      'the relay does not let this app in',
    ],
    [
      'member',
      { kind: 'connecting', relay: 'moqt://relay.test/', attempt: 3, refused: false, crowded: 'relay' },
      'the relay has no room for this app',
    ],
  ] as const)('is named with what is in the way: %s', (step, connection, why) => {
    const view: RoomsView = { ...outside(undefined), group, step, connection };
    const state = describeMeeting(view, { ...context, names: new Map() });
    const third = `Member ${fingerprintGroups(member(2).fingerprint)[0]!}`;
    expect('encryption' in state && state.encryption).toMatchObject({
      seal: 'attention',
      sentence: `Bo and ${third} still hold the keys: ${why}. This app keeps trying to change them.`,
      stillHolding: ['Bo', third],
    });
  });

  test('is about to lose them where nothing is in the way', () => {
    const view: RoomsView = { ...outside(undefined), group, connection: connected };
    const state = describeMeeting(view, { ...context, names: new Map() });
    expect('encryption' in state && state.encryption).toMatchObject({
      seal: 'changing',
      sentence: 'Someone has left. The keys are about to change.',
      stillHolding: [],
    });
  });

  test.each([
    [[participant(1, 'Bo', true, true)], 'You are removing Bo. The keys are about to change.'],
    [
      [participant(1, 'Bo', true, true), participant(2, 'Cy', true)],
      'You are removing Bo. Someone has left. The keys are about to change.',
    ],
  ])('has not left who is being removed: %#', (participants, sentence) => {
    const view = { ...outside(undefined), group: { ...group, participants }, connection: connected };
    const state = describeMeeting(view, { ...context, names: new Map() });
    expect('encryption' in state && state.encryption.sentence).toBe(sentence);
  });
});

describe('a counter that answers', () => {
  const connected = { kind: 'connected', relay: 'moqt://relay.test/' } as const;
  const sentence = (step: RoomsView['step']): string | undefined => {
    const state = describeMeeting({ ...outside(undefined), step, connection: connected }, context);
    return state.kind === 'joining' ? state.sentence : undefined;
  };

  test('is not called silent where it refuses: what to do is said', () => {
    expect(sentence('counter-refusing')).toMatch(/answers, but refuses .* new invitation/);
    expect(sentence('counter-unauthorized')).toMatch(/asks for an access token.* company/);
    expect(sentence('counter-unreachable')).toMatch(/is not answering/);
  });
});

test('whoever removed somebody who cannot be kept out is told what to do', () => {
  const view = {
    ...outside(undefined, 'not-kept-out'),
    connection: { kind: 'connected', relay: 'r' } as const,
  };
  const participants: never[] = [];
  const group = {
    epoch: epoch(3n),
    securityCode: '1 2',
    suite: 1,
    participants,
    parameters: { secureObjectsSuite: 4 },
  };
  const state = describeMeeting({ ...view, group: group as unknown as GroupView }, context);
  expect('encryption' in state && state.encryption.sentence).toMatch(
    /can ask to come in again.* Start a new meeting/,
  );
});
